import NIOCore
import Synchronization
import Zinx

/// Hands messages to services behind NATS, and their answers to the peers: which messages go to which subject says the configuration.
///
/// A service may be in any language: it subscribes to the subject and replies. What it is told and what it may say is in the article
/// <doc:ServicesOverNATS>.
public final class NatsGateway: RoutePlugin, NatsDependent {
  public static let name = "nats"
  public static let summary = "Hands messages to services behind NATS, and their answers to the peers."
  public static let handover = PluginHandover.stateful

  /// What a request tells beside what every request does.
  enum Header: String, CaseIterable, Sendable {
    case peer = "Zinx-Peer"
    case listener = "Zinx-Listener"
  }

  private let routes: [GatewayRoute]
  private let headers: [Header]
  private let link = Mutex<NatsLink?>(nil)
  /// Requests whose answers have not left; nil before there are any routes.
  private let waiting = Mutex<PluginGauge?>(nil)

  public init(settings: inout PluginSettings) {
    routes = settings.value(
      "Routes", .list(of: .object(GatewayRoute.self), count: 0...1000), default: [], shown: true,
      "which messages go to which subject")
    headers = settings.value(
      "Headers", .list(of: .choice, count: 0...2), default: [], shown: true,
      "what requests tell beside node, connection, message id and user")
  }

  public func register(in registrar: inout RouteRegistrar) {
    let counters = GatewayCounters(registrar.metrics)
    waiting.withLock { $0 = counters.waiting }
    for route in routes {
      let router = GatewayRouter(route, headers, counters) { [unowned self] in link.withLock { $0 } }
      switch route.ids {
      case .id(let id): registrar.route(id, to: router)
      case .range(let ids): registrar.route(ids, to: router)
      case .otherwise: registrar.otherwise(to: router)
      }
    }
    guard !routes.isEmpty else { return }
    registrar.keep(Relay.Key.self)
    // What services still owe is waited for: no longer than the time-outs of its requests, and not for a peer that is gone.
    registrar.onConnStop { connection, _ in
      guard let relay = connection[Relay.Key.self] else { return }
      if !connection.isClosed { await relay.wait(until: 1) }
      connection[Relay.Key.self] = nil
    }
  }

  public func start(in context: PluginContext) async throws {
    guard let link = context[NatsNode.Key.self] else { throw NatsMissing() }
    self.link.withLock { $0 = link }
  }

  /// Before another program takes over: waits for what services owe, and tells those peers that it failed which they owe it longer.
  ///
  /// Throws: ``AnswersWait`` where peers do not take their answers.
  public func willHandOver() async throws -> [UInt8] {
    guard let waiting = waiting.withLock({ $0 }) else { return [] }
    // All of it within the two seconds that plugins have. Looked at again and again: once in the life of a program, and for that a count is
    // enough.
    for attempt in 0..<180 where waiting.value > 0 {
      if attempt == 150 { link.withLock { $0 }?.giveUpRequests() }
      try await Task.sleep(for: .milliseconds(10))
    }
    guard waiting.value <= 0 else { throw AnswersWait() }
    return []
  }
}

/// Answers of services wait for peers that do not take them.
struct AnswersWait: Error, CustomStringConvertible {
  var description: String { "answers of services wait for peers that do not read" }
}

/// The plugin has nobody to hand anything to.
public struct NatsMissing: Error, Hashable, CustomStringConvertible {
  public var description: String { "the plugin nats needs a NatsNode before it: the key Nats of zinx.json" }
}

/// What a gateway counts.
struct GatewayCounters: Sendable {
  let requests, answers, noResponder, timeouts, failures: PluginCounter
  let waiting: PluginGauge

  init(_ metrics: PluginMetrics) {
    requests = metrics.counter("requests", "Messages that were to be handed to services.")
    answers = metrics.counter("answers", "Answers of services.")
    noResponder = metrics.counter("no_responder", "Requests to subjects that no service listens to.")
    timeouts = metrics.counter("timeouts", "Requests that were not answered in time.")
    waiting = metrics.gauge("waiting", "Requests whose answers have not left.")
    failures = metrics.counter("failures", "Messages that NATS did not take, or whose answers were no good.")
  }
}
