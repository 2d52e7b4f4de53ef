import Synchronization
import ZinxIO

/// What a peer may do before it has a user: see ``RouteRegistrar/authenticate(_:)``.
public struct Authentication: Sendable, Hashable {
  /// The message ids by which a peer may authenticate.
  public var ids: Set<UInt32>
  /// Time from the beginning of a connection until it has a user, that of the plugin's own look-ups included; zero means never. Nothing
  /// that the peer sends puts it off.
  public var deadline = Duration.seconds(10)
  /// The message of another id with which the connection is closed, e.g. the third; 0 means never.
  public var strikes = 3
  /// The login that fails with which the connection is closed, 255 at most; 0 means never. One has failed when the handler of one of the ids throws, or its
  /// data cannot be decoded; the peer gets its answer, if there is one (``RouteRegistrar/onFailure(_:)``). What fails costs more than what is
  /// served, so a peer that has no user is not to have it without end.
  public var failures = 10

  public init(ids: Set<UInt32>) { self.ids = ids }
}

extension RouteRegistrar {
  /// Keeps the messages of peers that have not authenticated from every route but those of the given ids, also from those of other plugins
  /// and from their checks. A peer has authenticated once its connection is bound to a user (``Connection/bind(user:_:)``), in the route
  /// of one of the ids or in `OnConnStart`.
  ///
  /// <!-- in: func serve(_ routes: inout RouteRegistrar, login: UInt32) { … } -->
  /// ```swift
  /// routes.authenticate(Authentication(ids: [login]))
  /// routes.route(login) { request in
  ///   guard request.data.readableBytes > 0 else { return request.connection.stop() }
  ///   try request.connection.bind(user: String(buffer: request.data))
  /// }
  /// ```
  ///
  /// Other messages are dropped and counted (``CounterSnapshot/unauthenticatedMessages``). With too many of them, with too many logins that
  /// fail, or when the deadline is over, the connection ends with reason ``CloseReason/unauthenticated``. Heartbeats are answered all the time,
  /// and put nothing off.
  ///
  /// Of two plugins that call it the ids of both are taken, and the rest of the last. A server without it pays nothing, one
  /// with it a look at the connection for each message.
  public mutating func authenticate(_ authentication: Authentication) {
    note(authentication)
  }
}

/// Tells who may pass. The thread that runs the requests.
final class AuthenticationGate: Sendable {
  /// Nanoseconds; 0 for never.
  let deadline: Int64
  private let ids: Set<UInt32>
  private let strikes: Int32
  private let failures: UInt8
  private let counters: Counters

  init(_ authentication: Authentication, heartbeat: UInt32?, _ counters: Counters) {
    deadline = authentication.deadline.inNanoseconds
    ids = authentication.ids.union(heartbeat.map { [$0] } ?? [])
    (strikes, failures) = (Int32(clamping: authentication.strikes), UInt8(clamping: authentication.failures))
    self.counters = counters
  }

  /// Whether an id is open to everybody.
  func isOpen(_ id: UInt32) -> Bool { ids.contains(id) }

  @inline(__always)
  func admits(_ request: Request) -> Bool { request.connection.hasUser || refuse(request) }

  /// Counts a message that is kept from its route, if it is. Returns false then.
  @inline(never)
  private func refuse(_ request: Request) -> Bool {
    guard !isOpen(request.id) else { return true }
    counters.unauthenticatedMessages.count()
    request.connection.strikes &+= 1
    if request.connection.strikes == strikes { request.connection.stop(as: .unauthenticated) }
    return false
  }

  /// The handler of a message has thrown. The thread that runs the requests, behind the answer.
  func failed(_ request: Request) {
    guard failures > 0, !request.connection.hasUser else { return }
    request.connection.failedLogins &+= 1
    if request.connection.failedLogins == failures { request.connection.stop(as: .unauthenticated) }
  }
}

extension Connection {
  /// Whether the peer has said who it is. Any thread.
  @inline(__always)
  var hasUser: Bool { membership.load(ordering: .relaxed) & Membership.user.rawValue != 0 }

  /// Sets the time by which the peer has to authenticate. Event loop.
  func awaitAuthentication() {
    guard let time = handler.authentication?.deadline, time > 0 else { return }
    authenticationDeadline = loop.now.advanced(byNanoseconds: time)
  }

  /// The time is over. Event loop.
  func authenticationIsDue() {
    authenticationDeadline = .distantFuture
    guard life.reads, !hasUser else { return }
    end(.unauthenticated, handlingRest: false)
  }
}
