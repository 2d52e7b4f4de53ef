import Glibc
import Logging
import Synchronization
import Zinx

/// The connection of a server to NATS: what the key `Nats` of `zinx.json` turns on, and the plugin ``NatsGateway`` works by.
///
/// ```swift
/// import ZinxNats
///
/// let server = try Server(ServerConfiguration(), plugins: [NatsNode(NatsConfiguration()), try NatsGateway.configured()])
/// ```
///
/// It starts whether NATS is there or not, and looks for it from then on. A daemon hands ``init(_:)`` to `Daemon.main(plugins:nats:)`; one
/// that does not links nothing of NATS.
public final class NatsNode: RoutePlugin {
  public static let name = "nats-node"
  public static let summary = "Connects the server to NATS."

  /// The node of a server, for the plugins that start after it.
  enum Key: PropertyKey { typealias Value = NatsLink }

  private let configuration: NatsConfiguration
  private let link = Mutex<NatsLink?>(nil)

  /// - Parameter configuration: where NATS is, and who the server is there.
  public init(_ configuration: NatsConfiguration) { self.configuration = configuration }

  /// With the defaults of the key: it is not a plugin that `zinx.json` names.
  public init(settings: inout PluginSettings) { configuration = NatsConfiguration() }

  public func register(in routes: inout RouteRegistrar) {}

  /// Whether there is a connection to NATS. Any thread.
  public var isConnected: Bool { link.withLock { $0 }?.state == .connected }

  public func start(in context: PluginContext) async throws {
    let logger = context.logger
    let link = try NatsLink(configuration, node: configuration.name ?? Self.hostName, LinkMetrics(context.metrics)) { word in
      logger.log(level: word.level, "\(word)")
    }
    try link.start()
    self.link.withLock { $0 = link }
    context[Key.self] = link
  }

  public func stop() async { await link.withLock { $0.take() }?.stop() }

  /// What the machine is called, of what a subject may have.
  private static var hostName: String {
    var bytes = [CChar](repeating: 0, count: 65)
    guard gethostname(&bytes, bytes.count - 1) == 0 else { return "zinxd" }
    let name = String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return name.isEmpty ? "zinxd" : name
  }
}
