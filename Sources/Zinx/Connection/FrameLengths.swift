/// How long the frames of a queue are that do not tell it: those behind the first one, in the order in which they leave.
///
/// A class, so that the queues of all the others have no more than a pointer for it.
final class FrameLengths {
  // A ByteBuffer, whose frames these are, holds no more than 4 GiB.
  private var lengths: [UInt32] = []
  /// Those at the front that were taken already.
  private var taken = 0
  /// Those at the end that were sent behind a cork: what that holds comes before them.
  private var behind = 0

  /// Those of a queue whose first frame is not among them.
  init(_ lengths: [UInt32] = []) { self.lengths = lengths }

  /// Those that were not taken, in order.
  var rest: [UInt32] { Array(lengths[taken...]) }

  /// Bytes of memory.
  var memory: Int { lengths.capacity * MemoryLayout<UInt32>.stride }

  /// Adds one at the end; `isBehind`: of those behind the cork.
  func append(_ length: Int, isBehind: Bool) {
    lengths.append(UInt32(clamping: length))
    if isBehind { behind += 1 }
  }

  /// Adds those of the cork, in front of those behind it.
  func insert(_ more: [Int]) {
    lengths.insert(contentsOf: more.map { UInt32(clamping: $0) }, at: lengths.count - behind)
  }

  /// What was behind the cork is in the queue now.
  func takeBehind() { behind = 0 }

  /// Takes the first one; 0 without any, or where all are behind the cork.
  func next() -> Int {
    guard taken < lengths.count - behind else { return 0 }
    defer {
      taken += 1
      // Not at each: that would move the rest as often. A new array, since a queue that was long once keeps no memory for it.
      if taken > lengths.count / 2 {
        lengths = Array(lengths[taken...])
        taken = 0
      }
    }
    return Int(lengths[taken])
  }
}
