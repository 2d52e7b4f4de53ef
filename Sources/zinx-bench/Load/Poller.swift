import CLinux
import ZinxIO

/// epoll(7) for descriptors with an index each. The loop of ZinxIO waits in milliseconds, which is too coarse for a schedule.
struct Poller: ~Copyable {
  private static let eventsPerWait = 512

  private let epoll: Descriptor
  private var events = [epoll_event](repeating: epoll_event(), count: Self.eventsPerWait)

  init() throws(SystemError) { epoll = try Descriptor(epoll_create1(Int32(EPOLL_CLOEXEC)), from: "epoll_create1") }

  func add(_ descriptor: Int32, _ readiness: Readiness, index: Int) throws(SystemError) {
    try control(EPOLL_CTL_ADD, descriptor, readiness, index)
  }

  /// Fails only for a descriptor that was not added, which is a mistake of ours.
  func change(_ descriptor: Int32, _ readiness: Readiness, index: Int) {
    do { try control(EPOLL_CTL_MOD, descriptor, readiness, index) } catch { assertionFailure("\(error)") }
  }

  /// Waits for at most `nanoseconds`. Returns how many events there are.
  mutating func wait(_ nanoseconds: Int64) -> Int {
    let count = events.withUnsafeMutableBufferPointer {
      clinux_epoll_wait_precisely(epoll.number, $0.baseAddress, Int32($0.count), max(0, nanoseconds))
    }
    return max(0, Int(count))
  }

  /// The event at `position`, for whom and what.
  @inline(__always)
  func event(_ position: Int) -> (index: Int, readiness: Readiness) {
    let event = events[position]
    return (Int(truncatingIfNeeded: event.data.u64), Readiness(rawValue: event.events))
  }

  private func control(
    _ operation: Int32, _ descriptor: Int32, _ readiness: Readiness, _ index: Int
  ) throws(SystemError) {
    var event = epoll_event(events: readiness.rawValue, data: epoll_data_t(u64: UInt64(index)))
    guard epoll_ctl(epoll.number, operation, descriptor, &event) == 0 else { throw SystemError("epoll_ctl") }
  }
}
