import Synchronization
import Zinx
import ZinxTestKit

/// Accepts as the kernel does, apart from the failures that a test puts in front.
final class FaultyAccept: Sendable {
  private struct Faults {
    var next: [Int32] = []
    var lasting: Int32?
  }

  private let faults = Mutex(Faults())
  /// When each call was made.
  let calls = Recorder<ContinuousClock.Instant>()

  /// The next calls fail, one with each code.
  func fail(with codes: [Int32]) { faults.withLock { $0.next += codes } }

  /// Every call fails, until this is called with nil.
  func failAlways(with code: Int32?) { faults.withLock { $0.lasting = code } }

  var call: AcceptCall {
    { listener, peer in
      self.calls.append(.now)
      let code = self.faults.withLock { $0.lasting ?? ($0.next.isEmpty ? nil : $0.next.removeFirst()) }
      return code.map { -$0 } ?? systemAccept(listener, &peer)
    }
  }
}
