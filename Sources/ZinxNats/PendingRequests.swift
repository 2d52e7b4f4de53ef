import DequeModule
import ZinxIO

/// Requests that wait for an answer from NATS, by the token in the subject that they are answered to, and when they have waited enough.
///
/// Most are answered long before, so their times are kept in a queue for each length of time-out, in which they are in order without being
/// sorted, and those that were answered are passed over.
struct PendingRequests<Request> {
  typealias Token = UInt64

  private struct Times {
    let timeout: Int64
    var queue = Deque<(deadline: Instant, token: Token)>()
  }

  private var requests: [Token: Request] = [:]
  /// As many as there are lengths of time-out.
  private var times: [Times] = []
  private var nextToken: Token = 1

  var count: Int { requests.count }

  /// Entries that are kept to know whose time has come.
  var remembered: Int { times.reduce(0) { $0 + $1.queue.count } }

  /// - Parameters:
  ///   - timeout: in nanoseconds; few different ones at a time, such as those of the routes.
  ///   - now: does not go back from one call to the next.
  mutating func add(_ request: Request, timeout: Int64, at now: Instant) -> Token {
    let token = nextToken
    nextToken += 1
    requests[token] = request
    let entry = (now.advanced(byNanoseconds: timeout), token)
    if let index = times.firstIndex(where: { $0.timeout == timeout }) {
      times[index].queue.append(entry)
    } else {
      times.append(Times(timeout: timeout, queue: [entry]))
    }
    forgetAnswered()
    return token
  }

  /// Behind one that waits for long, those that were answered must not gather without bound.
  private mutating func forgetAnswered() {
    let entries = remembered
    guard entries > 64, entries > 2 * requests.count else { return }
    for index in times.indices { times[index].queue.removeAll { requests[$0.token] == nil } }
  }

  /// Takes out the request that is answered; nil for one that nobody waits for: it was answered, has waited enough, or never was.
  mutating func take(_ token: Token) -> Request? {
    take(token, unless: { _ in false })
  }

  /// The same, but one of which `stays` is true is only looked at.
  mutating func take(_ token: Token, unless stays: (Request) -> Bool) -> Request? {
    guard let place = requests.index(forKey: token) else { return nil }
    let request = requests[place].value
    guard !stays(request) else { return request }
    requests.remove(at: place)
    // What all were answered need not be looked at when its time comes.
    if requests.isEmpty { times.removeAll(keepingCapacity: true) }
    return request
  }

  /// Takes out those that have waited enough.
  mutating func takeExpired(at now: Instant) -> [Request] {
    var expired: [Request] = []
    for index in times.indices {
      while let (deadline, token) = times[index].queue.first {
        // Those that were answered go, however much time they had.
        if requests[token] != nil, deadline > now { break }
        times[index].queue.removeFirst()
        if let request = requests.removeValue(forKey: token) { expired.append(request) }
      }
    }
    times.removeAll(where: \.queue.isEmpty)
    return expired
  }

  /// Takes out all.
  mutating func takeAll() -> [Request] {
    defer {
      requests.removeAll()
      times.removeAll()
    }
    return requests.sorted { $0.key < $1.key }.map(\.value)
  }

  /// When somebody has waited enough, at the earliest; nil without anybody. What was answered may make it too early.
  var nextDeadline: Instant? { times.compactMap { $0.queue.first?.deadline }.min() }
}
