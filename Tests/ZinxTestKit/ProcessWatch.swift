import Glibc
import Synchronization
import ZinxIO

/// The thread behind a ``DaemonProcess``: collects its lines and its exit, and wakes who waits for them.
final class ProcessWatch: Sendable {
  enum Stream: Hashable { case output, errors }

  struct State {
    var lines: [Stream: [String]] = [:]
    var exit: DaemonProcess.Exit?
    fileprivate var waiters: [Waiter] = []
  }

  fileprivate struct Waiter {
    var deadline: ContinuousClock.Instant
    /// Returns whether it needs to wait no longer.
    var look: (inout State, _ isLast: Bool) -> Bool
  }

  private static let patience = Duration.seconds(10)

  private let pid: pid_t
  private let descriptors: [(Stream, Int32)]
  private let state = Mutex(State())

  /// Takes ownership of the reading ends.
  init(_ pid: pid_t, _ output: Int32, _ errors: Int32) {
    self.pid = pid
    descriptors = [(.output, output), (.errors, errors)]
  }

  func lines(_ stream: Stream) -> [String] { state.withLock { $0.lines[stream] ?? [] } }

  /// The pid is ours for as long as nobody has waited for the process, which is done under the lock.
  func kill(_ signal: Int32) {
    state.withLock { if $0.exit == nil { _ = Glibc.kill(pid, signal) } }
  }

  /// Waits until `find` finds something. Throws when the process ends without it, and after ten seconds.
  func wait<Value: Sendable>(_ what: String, _ find: @escaping @Sendable (State) -> Value?) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      let look: @Sendable (inout State, Bool) -> Bool = { state, isLast in
        if let value = find(state) {
          continuation.resume(returning: value)
          return true
        }
        if isLast || state.exit != nil { continuation.resume(throwing: Self.failure(what, state)) }
        return isLast || state.exit != nil
      }
      state.withLock { state in
        if !look(&state, false) { state.waiters.append(Waiter(deadline: .now + Self.patience, look: look)) }
      }
    }
  }

  private static func failure(_ what: String, _ state: State) -> DaemonProcess.Failure {
    let text = (state.lines[.output, default: []] + state.lines[.errors, default: []]).suffix(40).joined(separator: "\n")
    let end = state.exit.map { " before exit \($0.status ?? -1), signal \($0.signal ?? 0)" } ?? " in time"
    return DaemonProcess.Failure(description: "\(what) did not come\(end); it wrote:\n\(text)")
  }

  // MARK: The thread

  func run() {
    var open = descriptors
    var rests: [Stream: [UInt8]] = [:]
    while !open.isEmpty {
      var entries = open.map { pollfd(fd: $0.1, events: Int16(POLLIN), revents: 0) }
      // Woken now and then for those whose patience has ended.
      poll(&entries, nfds_t(entries.count), 100)
      for (entry, (stream, descriptor)) in zip(entries, open) where entry.revents != 0 {
        if !read(descriptor, stream, &rests) { open.removeAll { $0.1 == descriptor } }
      }
      wake()
    }
    ended(at: .now)
  }

  private func read(_ descriptor: Int32, _ stream: Stream, _ rests: inout [Stream: [UInt8]]) -> Bool {
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    guard count > 0 else {
      close(descriptor)
      if let rest = rests[stream], !rest.isEmpty { add([rest[...]], stream) }
      return false
    }
    var lines = (rests[stream, default: []] + bytes[..<count]).split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    rests[stream] = Array(lines.removeLast())
    add(lines, stream)
    return true
  }

  private func add(_ lines: [ArraySlice<UInt8>], _ stream: Stream) {
    state.withLock { $0.lines[stream, default: []] += lines.map { String(decoding: $0, as: UTF8.self) } }
  }

  private func wake() {
    let now = ContinuousClock.now
    state.withLock { state in
      let waiters = state.waiters
      state.waiters = waiters.filter { !$0.look(&state, $0.deadline <= now) }
    }
  }

  private func ended(at instant: ContinuousClock.Instant) {
    var info = siginfo_t()
    // Leaves it to be waited for, so that its pid stays its own until the lock is held.
    while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) == -1, errno == EINTR {}
    state.withLock { state in
      var status: Int32 = 0
      waitpid(pid, &status, 0)
      let isSignal = status & 0x7f != 0
      state.exit = DaemonProcess.Exit(
        status: isSignal ? nil : (status >> 8) & 0xff, signal: isSignal ? status & 0x7f : nil, instant: instant)
    }
    wake()
  }
}
