/// A named set of routes, interceptors and hooks that `zinx.json` switches on and configures.
///
/// A plugin is made once at start from its settings, asked for its routes, and then started and stopped with the server.
public protocol RoutePlugin: Sendable {
  /// The key under `Plugins` in `zinx.json`; lower case by convention.
  static var name: String { get }
  /// One sentence for `zinxd --list-plugins`.
  static var summary: String { get }
  /// Whether the plugin is on when `zinx.json` has no `Plugins`. Off unless said otherwise.
  static var isOnByDefault: Bool { get }

  /// What becomes of what the plugin knows when another program takes over the connections of this one. ``PluginHandover/unknown``, which
  /// refuses that, unless said otherwise.
  static var handover: PluginHandover { get }

  /// Reads the plugin's settings. A setting that is missing or wrong yields its default, and the settings keep the problem, so that
  /// the operator sees all of them in one run.
  init(settings: inout PluginSettings)

  /// Registers what the plugin serves. Called once, before the server listens or when the configuration is only
  /// checked.
  func register(in routes: inout RouteRegistrar)

  /// Called before the server listens, of one plugin after the other in the order in which they were given; throwing keeps the server from
  /// starting, and those that have started are stopped. When the start is called off meanwhile, the task is cancelled. Calls ``start()``
  /// unless the plugin has its own.
  ///
  /// - Parameter context: what the plugin reaches of its server, to be kept by those that send without being asked.
  func start(in context: PluginContext) async throws
  /// The same for a plugin that needs nothing of the server.
  func start() async throws
  /// Called after the last connection has ended, but for those whose handlers were abandoned, if the start has returned: the last plugin
  /// first, each when its own tasks (``PluginContext/task(_:)``) have ended.
  func stop() async

  /// Another program is about to take over: writes down what the plugin knows. No handler runs; who sends to a connection from here on may
  /// wait. Called of those that are ``PluginHandover/stateful``, at most once more each time that nothing comes of it.
  ///
  /// Throws: what keeps the other program from taking over; this one goes on then.
  func willHandOver() async throws -> [UInt8]
  /// The plugin is the one of the program that has taken over, and has been started; connections are there, with users, groups and
  /// properties, and none of their handlers has run.
  ///
  /// - Parameter state: what ``willHandOver()`` has returned in the other program; nil if it was not there.
  func didTakeOver(_ state: [UInt8]?, in context: PluginContext) async throws
}

extension RoutePlugin {
  public static var isOnByDefault: Bool { false }
  public func start(in context: PluginContext) async throws { try await start() }
  public func start() async throws {}
  public func stop() async {}
}
