/// When the requests of an open loop are due: at a fixed rate, dealt to the threads in turn.
///
/// The moment follows from the request's number alone. No rounding adds up, and a request that is sent late delays none behind it: its
/// latency counts from the moment given here, and not from when there was room to send it. So a server that stalls pays for every
/// request it held up (no coordinated omission).
struct Schedule: Sendable {
  private let start: Int64
  private let gap: Double
  private let offset: Double
  /// Requests taken so far.
  private(set) var taken = 0
  private let limit: Int

  /// `rate` requests a second from all `threads` together, from `start` (nanoseconds) on; this thread takes at most `limit`.
  init(start: Int64, rate: Double, thread: Int, of threads: Int, limit: Int = .max) {
    self.start = start
    self.limit = limit
    gap = 1e9 * Double(threads) / rate
    offset = 1e9 * Double(thread) / rate
  }

  /// The moment of the next request, nil after the last.
  var due: Int64? { taken < limit ? start + Int64(offset + gap * Double(taken)) : nil }

  /// Takes the next request if it was due by `now` and before `end`.
  mutating func take(by now: Int64, before end: Int64) -> Int64? {
    guard let due, due <= now, due < end else { return nil }
    taken += 1
    return due
  }

  /// How many were due before `end` and have not been taken.
  func missed(before end: Int64) -> Int {
    guard end > start else { return 0 }
    let count = (Double(end - start) - offset) / gap
    return max(0, min(Int(count.rounded(.up)), limit) - taken)
  }
}
