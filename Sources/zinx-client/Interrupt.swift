import Glibc
import Synchronization
import ZinxClient
import ZinxIO

/// Ctrl-C and SIGTERM as something to wait for, so that a command can say what it has before it ends. While nobody waits, they end the
/// process at once, as they do by default.
enum Interrupt {
  enum End: Sendable {
    case done
    case interrupted
    case failed(ClientError)
  }

  private static let waiting = Mutex<AsyncStream<Void>.Continuation?>(nil)
  /// Where the signal handler writes the signal's number.
  private static let writeEnd = Atomic<Int32>(-1)

  /// Takes the signals over. To be called once, at the start.
  static func start() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return }
    let readEnd = ends[0]
    writeEnd.store(ends[1], ordering: .sequentiallyConsistent)
    // Without a thread to read the pipe, the default action is better than none.
    guard (try? Thread { watch(readEnd) }) != nil else { return }
    for number in [SIGINT, SIGTERM] {
      // A handler and not sigwait(3): the main thread of a Swift program ends up in a sigsuspend(2) that blocks no signal.
      signal(number) { number in
        let code = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(Interrupt.writeEnd.load(ordering: .relaxed), &byte, 1)
        errno = code
      }
    }
  }

  /// Does the work, and what goes on beside it, until one of them ends or a signal comes. The rest is cancelled.
  static func race(
    _ work: @escaping @Sendable () async throws(ClientError) -> Void,
    beside other: (@Sendable () async throws(ClientError) -> Void)? = nil
  ) async -> End {
    let (stream, continuation) = AsyncStream<Void>.makeStream()
    waiting.withLock { $0 = continuation }
    defer { waiting.withLock { $0 = nil } }
    return await withTaskGroup(of: End.self) { group in
      for side in [work, other] {
        guard let side else { continue }
        group.addTask { await end(of: side) }
      }
      group.addTask {
        for await _ in stream {}
        return .interrupted
      }
      defer { group.cancelAll() }
      return await group.next() ?? .done
    }
  }

  private static func end(of work: () async throws(ClientError) -> Void) async -> End {
    do {
      try await work()
      return .done
    } catch {
      return .failed(error)
    }
  }

  private static func watch(_ readEnd: Int32) {
    var number: UInt8 = 0
    while retryingOnInterrupt({ read(readEnd, &number, 1) }) == 1 {
      let continuation = waiting.withLock { continuation in
        defer { continuation = nil }
        return continuation
      }
      guard let continuation else { _exit(128 + Int32(number)) }
      continuation.finish()
    }
  }
}
