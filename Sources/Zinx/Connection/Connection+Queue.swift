import Glibc
import Synchronization

/// What waits for the peer, and its limits. Any thread.
extension Connection {
  /// Brings up to date what is read without the lock. Under the outbox lock, after every change.
  ///
  /// The sum of all connections is touched only when what is kept for the peer changes: not for replies that the kernel takes at once.
  @inline(__always)
  func note(_ outbox: borrowing Outbox) {
    queuedMessages.store(outbox.messages, ordering: .relaxed)
    let memory = outbox.memory
    let counted = queueMemory.load(ordering: .relaxed)
    guard memory != counted else { return }
    queueMemory.store(memory, ordering: .relaxed)
    server.queueMemory.add(memory - counted)
  }

  /// Lets those senders go on for whom there is room now.
  func resumeSenders() {
    let limit = server.settings.queueLimit
    for resume in outbox.withLock({ $0.takeResumable(limit: limit) }) ?? [] { resume(.over) }
  }

  /// Drops what is queued, for good. Returns the senders that wait: they are to be told. Under the outbox lock.
  func close(_ outbox: inout Outbox) -> [Outbox.Resume] {
    isClosedFlag.store(true, ordering: .relaxed)
    stopsGathering.store(true, ordering: .relaxed)
    let waiting = outbox.close()
    note(outbox)
    return waiting
  }

  /// Called with no lock held, after more was queued.
  func shedIfNeeded() {
    // Who keeps nothing has not brought the sum above its limit.
    if queueMemory.load(ordering: .relaxed) > 0 { server.shedIfNeeded() }
  }

  /// Gives the peer up with reason `shed`, and frees the memory of its queue at once. Returns false if the end came first.
  func shed() -> Bool {
    giveUp(.shed) {
      // The kernel would keep its share for a peer that does not read long after we have closed; a reset frees it.
      var now = linger(l_onoff: 1, l_linger: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout.size(ofValue: now)))
    }
  }

  /// Gives the peer up and drops its queue at once. Returns false if the end came first. `prepare` runs under the outbox lock, which
  /// keeps the descriptor from being closed.
  func giveUp(_ reason: CloseReason, prepare: () -> Void = {}) -> Bool {
    let waiting = outbox.withLock { outbox -> [Outbox.Resume]? in
      guard !outbox.isClosed else { return nil }
      prepare()
      return close(&outbox)
    }
    guard let waiting else { return false }
    for resume in waiting { resume(.closed) }
    cut(reason)
    return true
  }
}
