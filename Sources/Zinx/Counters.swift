import Synchronization

/// What happened since the start, counted. Status, log and tests look at the same numbers.
///
/// Written by event loops and workers, a batch at a time; read from any thread.
package final class Counters: Sendable {
  /// What is sent through outboxes, by any thread.
  let outboxes: Traffic
  /// What is timed now and then, by any thread.
  package let times = HandlerTimes()
  /// What each event loop and worker counts by itself.
  private let threads = Mutex<[Traffic]>([])
  package let connectionsAccepted = Atomic<UInt64>(0)
  /// Times that accepting rested because it failed, as without descriptors or memory.
  package let acceptPauses = Atomic<UInt64>(0)
  /// Times that accepting rested because of `AcceptRate`.
  package let acceptRatePauses = Atomic<UInt64>(0)
  package let unknownMessages = Atomic<UInt64>(0)
  /// Messages that were kept from their routes because the peer had not authenticated.
  package let unauthenticatedMessages = Atomic<UInt64>(0)
  package let handlerErrors = Atomic<UInt64>(0)
  package let undecodableMessages = Atomic<UInt64>(0)
  package let deadlinesExceeded = Atomic<UInt64>(0)
  package let readPauses = Atomic<UInt64>(0)
  /// Times that a sender waited for room in the queue of its peer.
  package let sendWaits = Atomic<UInt64>(0)
  /// Messages to many that a peer did not get because its queue was full.
  package let messagesSkipped = Atomic<UInt64>(0)
  /// Messages to many that are no frames of a peer's protocol.
  package let messagesUnencodable = Atomic<UInt64>(0)
  package let certificateWarnings = Atomic<UInt64>(0)
  let closed = Tally<CloseReason>()
  let refused = Tally<RefusalReason>()
  let failedArrivals = Tally<CloseReason>()

  package init() { outboxes = Traffic(times) }

  package func countClose(_ reason: CloseReason) { closed.count(reason) }

  package func countArrivalFailure(_ reason: CloseReason) { failedArrivals.count(reason) }

  package func countRefusal(_ reason: RefusalReason) { refused.count(reason) }

  /// Counters for one more thread.
  func traffic() -> Traffic {
    let traffic = Traffic(times)
    threads.withLock { $0.append(traffic) }
    return traffic
  }

  package var snapshot: CounterSnapshot {
    let traffic = threads.withLock { $0 } + [outboxes]
    func sum(_ counter: (Traffic) -> UInt64) -> UInt64 { traffic.reduce(0) { $0 + counter($1) } }
    return CounterSnapshot(
      requestsReceived: sum { $0.requestsReceived.load(ordering: .relaxed) },
      messagesSent: sum { $0.messagesSent.load(ordering: .relaxed) },
      bytesReceived: sum { $0.bytesReceived.load(ordering: .relaxed) },
      bytesSent: sum { $0.bytesSent.load(ordering: .relaxed) },
      connectionsAccepted: connectionsAccepted.load(ordering: .relaxed),
      refusals: refused.counts,
      failedArrivals: failedArrivals.counts,
      acceptPauses: acceptPauses.load(ordering: .relaxed),
      acceptRatePauses: acceptRatePauses.load(ordering: .relaxed),
      unknownMessages: unknownMessages.load(ordering: .relaxed),
      unauthenticatedMessages: unauthenticatedMessages.load(ordering: .relaxed),
      handlerErrors: handlerErrors.load(ordering: .relaxed),
      undecodableMessages: undecodableMessages.load(ordering: .relaxed),
      deadlinesExceeded: deadlinesExceeded.load(ordering: .relaxed),
      readPauses: readPauses.load(ordering: .relaxed),
      sendWaits: sendWaits.load(ordering: .relaxed),
      messagesSkipped: messagesSkipped.load(ordering: .relaxed),
      messagesUnencodable: messagesUnencodable.load(ordering: .relaxed),
      certificateWarnings: certificateWarnings.load(ordering: .relaxed),
      connectionsClosed: closed.counts)
  }
}

/// What one thread has moved. Counted for every batch: a counter that several threads write would take a locked instruction each time,
/// and pass from one processor to the other.
final class Traffic: Sendable {
  let requestsReceived = Atomic<UInt64>(0)
  let messagesSent = Atomic<UInt64>(0)
  let bytesReceived = Atomic<UInt64>(0)
  let bytesSent = Atomic<UInt64>(0)
  /// Those of the server.
  let times: HandlerTimes

  init(_ times: HandlerTimes = HandlerTimes()) { self.times = times }
}

/// How often each of a few things happened. Their raw values count from 0: a dictionary would hash each time.
final class Tally<Reason: CaseIterable & RawRepresentable & Hashable>: Sendable where Reason.RawValue == Int {
  private let numbers = Mutex([UInt64](repeating: 0, count: Reason.allCases.count))

  func count(_ reason: Reason, _ amount: UInt64 = 1) { numbers.withLock { $0[reason.rawValue] &+= amount } }

  /// Of what happened at all.
  var counts: [Reason: UInt64] {
    let numbers = numbers.withLock { $0 }
    let pairs = Reason.allCases.map { ($0, numbers[$0.rawValue]) }
    return Dictionary(uniqueKeysWithValues: pairs.filter { $0.1 > 0 })
  }
}

extension Atomic where Value == UInt64 {
  /// Adds to a counter that orders nothing.
  @inline(__always)
  package func count(_ amount: Int = 1) { wrappingAdd(UInt64(truncatingIfNeeded: amount), ordering: .relaxed) }

  /// The same for a counter that no other thread writes.
  @inline(__always)
  func countAlone(_ amount: Int) { store(load(ordering: .relaxed) &+ UInt64(truncatingIfNeeded: amount), ordering: .relaxed) }
}

/// The counters of a server at one moment.
public struct CounterSnapshot: Sendable, Hashable {
  /// Requests handed to handlers, those without a route included.
  public var requestsReceived: UInt64
  /// Messages handed to the send path.
  public var messagesSent: UInt64
  public var bytesReceived: UInt64
  public var bytesSent: UInt64
  public var connectionsAccepted: UInt64
  /// Connections closed as soon as they were accepted, by reason.
  public var refusals: [RefusalReason: UInt64]
  /// Connections that were accepted and ended before they were added, as in a handshake that failed, by reason.
  public var failedArrivals: [CloseReason: UInt64]
  /// Times that accepting rested because it failed, as without descriptors or memory.
  public var acceptPauses: UInt64
  /// Times that accepting rested because of `AcceptRate`.
  public var acceptRatePauses: UInt64
  /// Requests whose id has no route.
  public var unknownMessages: UInt64
  /// Requests that were dropped because their peer had not authenticated: see ``Authentication``.
  public var unauthenticatedMessages: UInt64
  /// Requests whose handler threw, but for those of the next two.
  public var handlerErrors: UInt64
  /// Requests with data that their route could not decode.
  public var undecodableMessages: UInt64
  /// Requests whose handler was cancelled because its deadline had passed.
  public var deadlinesExceeded: UInt64
  /// Times that a connection was not read for a while because of `maxMsgRate` or `maxByteRate`.
  public var readPauses: UInt64
  /// Times that a sender waited for room in the queue of its peer (`maxMsgChanLen`, `maxConnQueueBytes`).
  public var sendWaits: UInt64
  /// Messages to many that a peer did not get because its queue was full, counted once for each peer: see ``FullQueuePolicy/skip``.
  public var messagesSkipped: UInt64
  /// Messages to many that a peer did not get because they are no frames of its protocol, counted once for each peer.
  public var messagesUnencodable: UInt64
  /// Times that a certificate was found to have ended or to end soon: at the start, by a reload, and again each day.
  public var certificateWarnings: UInt64
  /// Ended connections by close reason.
  public var connectionsClosed: [CloseReason: UInt64]

  /// Connections closed as soon as they were accepted, for whatever reason.
  public var connectionsRefused: UInt64 { refusals.values.reduce(0, +) }
}
