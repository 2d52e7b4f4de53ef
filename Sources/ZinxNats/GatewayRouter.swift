import NIOCore
import Zinx

/// The way of the messages of one route to its subject, and of what comes back.
///
/// A request does not hold its connection: while it waits the next ones are handed on too, up to the route's limit. Beyond it the handler
/// waits, and so does all that the peer sends.
///
/// A class, as each request that waits holds it.
final class GatewayRouter: ImmediateRouter {
  private let route: GatewayRoute
  private let headers: [NatsGateway.Header]
  private let counters: GatewayCounters
  private let link: @Sendable () -> NatsLink?

  init(
    _ route: GatewayRoute, _ headers: [NatsGateway.Header], _ counters: GatewayCounters, link: @escaping @Sendable () -> NatsLink?
  ) {
    (self.route, self.headers, self.counters, self.link) = (route, headers, counters, link)
  }

  func handleImmediately(_ request: Request) throws -> Bool {
    let relay = relay(of: request.connection)
    guard let ticket = relay.open(limit: route.inFlight) else { return false }
    handOn(request, relay, ticket)
    return true
  }

  nonisolated(nonsending) func handle(_ request: Request) async throws {
    let relay = relay(of: request.connection)
    while true {
      if let ticket = relay.open(limit: route.inFlight) { return handOn(request, relay, ticket) }
      await relay.wait(until: route.inFlight)
      try Task.checkCancellation()
    }
  }

  private func relay(of connection: Connection) -> Relay {
    // One piece of its code at a time: nobody else makes one.
    if let relay = connection[Relay.Key.self], relay.isWhole { return relay }
    let relay = Relay(counters.waiting)
    connection[Relay.Key.self] = relay
    return relay
  }

  private func handOn(_ request: Request, _ relay: Relay, _ ticket: UInt64) {
    counters.requests.add()
    let (connection, id) = (request.connection, request.id)
    let done: Outgoing.Done = { [self] outcome in relay.fill(ticket, answer(outcome, to: id), on: connection) }
    guard let link = link() else { return done(.failed(.away)) }
    let message = Outgoing(
      subject: route.subject.subject(id),
      headers: HeaderLines(relay.lines(of: connection.user) { lines(of: connection, $0, link) }, last: String(id)),
      data: request.data,
      timeout: route.timeout, done: done)
    if let failure = link.submit(message) { done(.failed(failure)) }
  }

  /// The headers of the requests of a connection as long as it has the same user, all but the message id, which is the last.
  private func lines(of connection: Connection, _ user: String?, _ link: NatsLink) -> HeaderLines {
    var lines = HeaderLines(link.headers(of: connection, user))
    for header in headers {
      switch header {
      case .peer: lines.add("Zinx-Peer", "\(connection.remoteAddress)")
      case .listener: lines.add("Zinx-Listener", connection.listener)
      }
    }
    lines.add(Outcome.idHeader, "")
    return lines
  }

  private func answer(_ outcome: Outcome, to id: UInt32) -> Relay.Answer {
    switch outcome {
    case .published: return .nothing
    case .answer(let data, let named):
      counters.answers.add()
      return .message(named ?? id, data)
    case .noResponder:
      counters.noResponder.add()
      return failure(route.onNoResponder, "no service")
    case .timedOut:
      counters.timeouts.add()
      return failure(route.onTimeout, "no answer in time")
    case .failed(let reason):
      counters.failures.add()
      return failure(route.onError, "\(reason)")
    }
  }

  private func failure(_ answer: FailureAnswer, _ words: String) -> Relay.Answer {
    switch answer {
    case .nothing: .nothing
    case .message(let id): .message(id, ByteBuffer(string: words))
    case .close: .close(words)
    }
  }
}
