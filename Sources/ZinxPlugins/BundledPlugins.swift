import Zinx

/// The plugins that come with zinxd, for the list of a daemon's `main`.
public let bundledPlugins: [any RoutePlugin.Type] = [
  Ping.self, Hello.self, Greeting.self, Echo.self, Broadcast.self, HeartbeatPlugin.self,
]
