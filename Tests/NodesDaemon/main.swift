import NIOCore
import Zinx
import ZinxDaemon
import ZinxNats
import ZinxPlugins
import ZinxWire

/// What plugins do with users and groups, asked for by messages whose data is a name.
struct Rooms: RoutePlugin {
  static let name = "rooms"
  static let summary = "Joins, binds and looks for whom it is told to."
  static let handover = PluginHandover.stateless

  init(settings: inout PluginSettings) {}

  func register(in routes: inout RouteRegistrar) {
    routes.route(10) { request in
      try request.groups[Self.name(request)].join(request.connection)
      try request.reply("joined")
    }
    // The name of the group, a line break, and what its members get.
    routes.route(11) { request in
      let parts = request.data.readableBytesView.split(separator: 10, maxSplits: 1)
      guard parts.count == 2 else { return }
      let group = request.groups[String(decoding: parts[0], as: UTF8.self)]
      try await group.broadcast(12, ByteBuffer(bytes: parts[1]))
    }
    routes.route(20) { request in try bind(request, .allow) }
    routes.route(21) { request in
      try bind(request, .replace(notice: Message(id: 9, data: ByteBuffer(string: "logged in elsewhere"))))
    }
    routes.route(22) { request in
      do {
        try await request.connection.bindAlone(user: Self.name(request))
        try request.reply("bound")
      } catch ZinxError.userIsBound { try request.reply("refused") }
    }
    routes.route(23) { request in
      let places = await request.connection.users.where(Self.name(request))
      try request.reply(places.map { "\($0.node ?? "here") \($0.connection)" }.sorted().joined(separator: ", "))
    }
    routes.route(24) { request in try await request.connection.users.send(to: Self.name(request), 25, ByteBuffer(string: "hello"))
    }
  }

  private func bind(_ request: Request, _ second: SecondLogin) throws {
    try request.connection.bind(user: Self.name(request), second)
    try request.reply("bound")
  }

  private static func name(_ request: Request) -> String { String(buffer: request.data) }
}

await Daemon.main(plugins: bundledPlugins + [NatsGateway.self, Rooms.self], nats: { NatsNode($0) }, name: "nodes-daemon")
