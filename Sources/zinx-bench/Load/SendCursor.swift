/// How far the requests of one connection have been handed to the kernel. Knows numbers only: frame n is the n-th request.
struct SendCursor: Equatable {
  /// Requests that have begun to leave.
  private(set) var begun = 0
  /// Requests that may leave.
  private(set) var wanted = 0
  /// Bytes that have left of the last one begun, 0 when it has left as a whole.
  private(set) var offset = 0

  /// The frames to write next, the half-written one first.
  var pending: Range<Int> { (offset > 0 ? begun - 1 : begun)..<wanted }

  mutating func add(_ count: Int) { wanted += count }

  /// The kernel took `bytes`, counted from where ``pending`` begins plus ``offset``; each frame is `length` bytes long.
  mutating func advance(_ bytes: Int, frameLength length: Int) {
    let (whole, part) = (offset + bytes).quotientAndRemainder(dividingBy: length)
    begun = pending.lowerBound + whole + (part > 0 ? 1 : 0)
    offset = part
  }
}
