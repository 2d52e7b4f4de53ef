/// How many connections a wake-up accepts before it looks at what else there is to do: about as many as come between two wake-ups.
///
/// accept4(2) makes a socket and a file before it looks whether anybody waits, so a call in vain costs half of one that is not. Epoll is
/// level-triggered: who is left waiting is reported at the next wake-up, which costs little where connections are served anyway. In a
/// flood, where little else costs anything, bursts grow.
struct AcceptBurst {
  /// So that a flood of connects leaves time for those who are in.
  static let largest = 64
  /// Bursts in a row that leave somebody waiting, perhaps, before the next is larger.
  private static let patience = 8

  private(set) var size = 1
  private var full = 0

  /// A burst has taken so many connections, at most ``size``; fewer, and there were no more.
  mutating func ended(after count: Int) {
    guard count >= size else {
      size = max(1, count)
      full = 0
      return
    }
    full += 1
    guard full == Self.patience else { return }
    size = min(2 * size, Self.largest)
    full = 0
  }
}
