import Glibc
import Logging
import NIOCore
import Synchronization
import Zinx
import ZinxWire

/// The connection of a server to NATS: what the key `Nats` of `zinx.json` turns on, and the plugin ``NatsGateway`` works by. Users and groups
/// of the server reach over all nodes by it.
///
/// It starts whether NATS is there or not, and looks for it from then on. A daemon hands ``init(_:)`` to `Daemon.main(plugins:nats:)`; one
/// that does not links nothing of NATS.
public final class NatsNode: RoutePlugin {
  public static let name = NatsConfiguration.plugin
  public static let summary = "Connects the server to NATS."
  public static let handover = PluginHandover.stateful

  /// The node of a server, for the plugins that start after it.
  enum Key: PropertyKey { typealias Value = NatsLink }

  private let configuration: NatsConfiguration
  private let link = Mutex<NatsLink?>(nil)

  /// - Parameter configuration: where NATS is, and who the server is there.
  public init(_ configuration: NatsConfiguration) { self.configuration = configuration }

  /// With the defaults of the key: it is not a plugin that `zinx.json` names.
  public init(settings: inout PluginSettings) { configuration = NatsConfiguration() }

  public func register(in routes: inout RouteRegistrar) {
    routes.onConnStart { [unowned self] connection in tell("connected", connection, []) }
    routes.onConnStop { [unowned self] connection, reason in tell("ended", connection, [("Zinx-Reason", "\(reason)")]) }
  }

  /// Tells whoever listens what a connection does: at most once, and not while NATS is away.
  private func tell(_ event: String, _ connection: Connection, _ more: [(key: StaticString, value: String)]) {
    guard let link = link.withLock({ $0 }) else { return }
    let place: [(key: StaticString, value: String)] = [
      ("Zinx-Peer", "\(connection.remoteAddress)"), ("Zinx-Listener", connection.listener),
    ]
    link.tell(link.names.event(event), link.headers(of: connection, connection.user) + place + more)
  }

  /// Whether there is a connection to NATS. Any thread.
  public var isConnected: Bool { link.withLock { $0 }?.status.state == .connected }

  public func start(in context: PluginContext) async throws {
    let logger = context.logger
    let node = configuration.name ?? Self.hostName
    let names = PushSubjects(prefix: configuration.prefix, node: node)
    let instance = String(UInt64.random(in: 0 ... .max), radix: 16)
    let pusher = Pusher(context, names)
    let link = try NatsLink(
      configuration, names, node: node, instance: instance, LinkMetrics(context.metrics),
      say: { word in logger.log(level: word.level, "\(word)") }, take: { pusher.take($1, $2, on: $0) })
    for subject in names.always { link.want(subject, true) }
    try link.start()
    self.link.withLock { $0 = link }
    context[Key.self] = link
    joinOthers(context, link)
    show(context.metrics, link)
    // A node that was killed says nothing: this is what others miss then.
    context.every(Self.pulse) { link.tell(link.names.event("alive"), link.nodeHeaders) }
  }

  /// Between two words that the node is there.
  private static let pulse = Duration.seconds(5)

  /// Has those who look at the daemon see how it stands.
  private func show(_ metrics: PluginMetrics, _ link: NatsLink) {
    let isRequired = configuration.isRequired
    metrics.statusLine { "\(link.status)" }
    metrics.lack {
      let status = link.status
      return status.state == .connected ? nil : PluginLack("\(status)", isRequired: isRequired)
    }
  }

  /// Has users and groups reach over all nodes.
  private func joinOthers(_ context: PluginContext, _ link: NatsLink) {
    let names = link.names
    context.users.observe { user, isHere in
      link.want(names.user(user), isHere)
      link.tell(names.event(isHere ? "present" : "absent"), link.nodeHeaders + [("Zinx-User", SubjectName.encode(user))])
    }
    context.groups.observe { link.want(names.group($0), $1) }
    context.users.sendElsewhere(
      Elsewhere(
        node: configuration.name ?? Self.hostName,
        send: { name, id, data in link.send(names.user(name), id, data) },
        replace: { user, notice in link.send("\(names.user(user)).replaced", notice?.id, notice?.data ?? ByteBuffer()) },
        find: { user, time, found in Whereabouts.ask(user, within: time, link, found) }))
    context.groups.sendElsewhere(
      Elsewhere(node: configuration.name ?? Self.hostName, send: { name, id, data in link.send(names.group(name), id, data) }))
  }

  /// Its connections keep their ids when another program takes over: it is the same run of the node.
  public func willHandOver() async throws -> [UInt8] { Array((link.withLock { $0 }?.instance ?? "").utf8) }

  public func didTakeOver(_ state: [UInt8]?, in context: PluginContext) async throws {
    guard let state, (1...16).contains(state.count), state.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
    else {
      return
    }
    link.withLock { $0 }?.instance = String(decoding: state, as: UTF8.self)
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
