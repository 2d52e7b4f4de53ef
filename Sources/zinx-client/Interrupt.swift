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

  /// Takes the signals over. To be called once, at the start.
  static func start() {
    let signals = [SIGINT, SIGTERM]
    guard (try? SignalPipe.open(signals)) != nil else { return }
    // Without a thread to take them, the default actions are better than none.
    if (try? Thread(watch)) == nil { SignalPipe.close(signals) }
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

  @Sendable private static func watch() {
    while let number = SignalPipe.next() {
      let continuation = waiting.withLock { continuation in
        defer { continuation = nil }
        return continuation
      }
      guard let continuation else { _exit(128 + number) }
      continuation.finish()
    }
  }
}
