import Synchronization
import Zinx

/// What has happened at a server, and those who wait for something to happen. Any thread.
final class Journal: Sendable {
  private struct Waiter {
    let isOver: () -> Bool
    let continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var events: [ServerEvent] = []
    /// The newest connection of each address of a peer.
    var connections: [SocketAddress: Connection] = [:]
    var refusals: [SocketAddress: RefusalReason] = [:]
    var ends: [UInt64: CloseReason] = [:]
    var waiters: [Int: Waiter] = [:]
    var nextWaiter = 0
  }

  private let state = Mutex(State())

  var events: [ServerEvent] { state.withLock { $0.events } }

  func connection(_ peer: SocketAddress) -> Connection? { state.withLock { $0.connections[peer] } }

  func refusal(_ peer: SocketAddress) -> RefusalReason? { state.withLock { $0.refusals[peer] } }

  func end(_ connection: Connection) -> CloseReason? { state.withLock { $0.ends[connection.id] } }

  func take(_ event: ServerEvent) {
    state.withLock { state in
      state.events.append(event)
      switch event {
      case .connectionAdded(let connection, _): state.connections[connection.remoteAddress] = connection
      case .connectionRefused(let peer, let reason, _, _): state.refusals[peer] = reason
      case .connectionEnded(let connection, let reason, _, _): state.ends[connection.id] = reason
      default: break
      }
    }
    changed()
  }

  /// Something has happened that somebody may wait for.
  func changed() {
    // Asked without the lock: they look into the journal.
    let waiters = state.withLock { $0.waiters }
    for (key, waiter) in waiters where waiter.isOver() { resume(key) }
  }

  /// Returns once `isOver` says so, which is asked whenever something has happened.
  ///
  /// Throws: `CancellationError`, as when the time limit of the test is over.
  func wait(until isOver: @escaping @Sendable () -> Bool) async throws {
    let key = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        state.withLock { $0.waiters[key] = Waiter(isOver: isOver, continuation: continuation) }
        if isOver() || Task.isCancelled { resume(key) }
      }
    } onCancel: {
      resume(key)
    }
    try Task.checkCancellation()
  }

  private func resume(_ key: Int) { state.withLock { $0.waiters.removeValue(forKey: key) }?.continuation.resume() }
}
