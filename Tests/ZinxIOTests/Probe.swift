import Synchronization

/// What happened, in order, told from any thread. A wait ends at the latest with the test's time limit.
final class Probe<Event: Sendable>: Sendable {
  private let stream: AsyncStream<Event>
  private let continuation: AsyncStream<Event>.Continuation
  private let log = Mutex<[Event]>([])

  init() { (stream, continuation) = AsyncStream.makeStream() }

  func report(_ event: Event) {
    log.withLock { $0.append(event) }
    continuation.yield(event)
  }

  /// Everything reported so far, waited for or not.
  var all: [Event] { log.withLock { $0 } }

  /// The next event. Throws: `CancellationError` when the time limit of the test has passed.
  func next() async throws -> Event {
    var iterator = stream.makeAsyncIterator()
    guard let event = await iterator.next() else { throw CancellationError() }
    return event
  }

  func next(_ count: Int) async throws -> [Event] {
    var events: [Event] = []
    for _ in 0..<count { events.append(try await next()) }
    return events
  }
}
