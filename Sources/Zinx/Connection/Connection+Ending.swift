import CLinux
import Glibc
import NIOCore
import Synchronization
import ZinxIO

/// What the life of a connection decides is done here. Event loop only.
extension Connection {
  /// Does what is to be done next, until there is something to wait for.
  func advance() {
    while true {
      settle()
      stageInbox()
      switch life.next(requests, isFlushed: isFlushed) {
      case .wait:
        // Somebody has to come back here when the running user code ends, unless the next read is early enough.
        if life.runsUserCode, inbox != nil || life.reason != nil, !awaitUserCode() { continue }
        return rest()
      case .runStartHook: if server.handler.hasStartHooks { start(.startHook) } else { life.userCodeEnded() }
      case .runRequests:
        guard let batch = staged.take() else { break }
        start(.requests(batch))
      case .flush:
        flushOutbox()
        if !isFlushed {
          // Another thread sent in between and the kernel takes more: no event would bring us back.
          if outbox.withLock({ $0.blockedSince == nil }) { context.loop.execute { self.advance() } }
          return rest()
        }
      case .runStopHook(let reason): if server.handler.hasStopHooks { start(.stopHook(reason)) } else { life.userCodeEnded() }
      case .shutdownWrite:
        // Senders learn it from the outbox: a write into the shut socket would fail, and take the answers on their way with it.
        closeOutbox {}
        unacknowledged = unacknowledgedBytes
        shutdown(descriptor, Int32(SHUT_WR))
        lingerDeadline = context.loop.now.advanced(byNanoseconds: server.settings.lingerTimeout.load(ordering: .relaxed))
      case .close(let reason): return close(reason)
      }
    }
  }

  private func rest() {
    updateInterest()
    armTimer()
  }

  /// Notices that user code has ended, and that it asked for the end: the word it sent may still be on its way.
  func settle() {
    guard life.runsUserCode, activity.load(ordering: .acquiring) == .idle else { return }
    life.userCodeEnded()
    flushMark = nil
    if startHookThrew.load(ordering: .relaxed) { life.end(.hookFailed, handlingRest: false) }
    if dropsRest.load(ordering: .relaxed) { life.end(.stopped, handlingRest: false) }
    if !life.handlesRest { dropRequests() }
  }

  private var requests: ConnectionLife.Requests {
    staged != nil ? .ready : isWaitingForWorker ? .waitingForWorker : .none
  }

  /// Whether what was sent until the last user code ended is written; what others send later does not put the end off. Matters at the
  /// end only, where it is worth the lock.
  private var isFlushed: Bool {
    guard life.reason != nil, !life.runsUserCode else { return false }
    return outbox.withLock { outbox in
      let mark = flushMark ?? outbox.bytesAccepted
      flushMark = mark
      return outbox.isEmpty || outbox.bytesWritten >= mark
    }
  }

  // MARK: Events

  func end(_ reason: CloseReason, handlingRest: Bool) {
    life.end(reason, handlingRest: handlingRest)
    if !handlingRest { dropRequests() }
    advance()
  }

  /// Ends with reason `draining`, but not before what the kernel has received by now is read: it acknowledged those bytes.
  func beginDrain() {
    guard life.reads, drainRest == nil else { return }
    var unread: Int32 = 0
    guard ioctl(descriptor, UInt(FIONREAD), &unread) == 0, unread > 0 else { return end(.draining, handlingRest: true) }
    drainRest = Int(unread)
  }

  /// The kernel took less than all: wait until it takes more.
  func writeWasBlocked() {
    guard life.phase != .closed else { return }
    unacknowledged = unacknowledgedBytes
    rest()
  }

  /// The kernel takes more.
  func writable() {
    outbox.withLock { $0.unblock() }
    flushOutbox()
    if life.reason != nil { advance() } else { rest() }
  }

  /// The connection was reset, or timed out in the network.
  func socketBroke() {
    guard life.phase != .closed else { return }
    life.broke()
    abandonSocket()
    advance()
  }

  /// Closes without handling or flushing the rest.
  func cutOff(_ reason: CloseReason) {
    guard life.phase != .closed else { return }
    life.cut(reason)
    dropsRest.store(true, ordering: .relaxed)
    isCut.store(true, ordering: .relaxed)
    dropRequests()
    // A handler that blocks keeps the connection; the peer need not wait for it.
    shutdown(descriptor, Int32(SHUT_RDWR))
    abandonSocket()
    suspendedTask.withLock { $0 }?.cancel()
    advance()
  }

  private func dropRequests() {
    if let batch = staged.take() { worker?.release(batch.count) }
    inbox = nil
    nextFrame = 0
    isWaitingForWorker = false
  }

  /// Nothing more is read or written: senders learn it, and epoll, which would report the failure again and again.
  private func abandonSocket() {
    closeOutbox {}
    guard isRegistered else { return }
    isRegistered = false
    context.loop.deregister(descriptor)
  }

  private func close(_ reason: CloseReason) {
    if let timer { context.loop.cancel(timer) }
    timer = nil
    if isRegistered { context.loop.forget(descriptor) }
    isRegistered = false
    // Under the lock: a thread that writes must not find the number in other hands.
    closeOutbox { _ = Glibc.close(descriptor) }
    inbox = nil
    server.ended(self, reason)
  }

  private func closeOutbox(_ finally: () -> Void) {
    let waiting = outbox.withLock { outbox in
      isClosedFlag.store(true, ordering: .relaxed)
      stopsGathering.store(true, ordering: .relaxed)
      queuedMessages.store(0, ordering: .relaxed)
      finally()
      return outbox.close()
    }
    for resume in waiting { resume(false) }
  }

  // MARK: Time-outs

  /// One timer serves all time-outs. It is moved forward when a deadline comes closer; one that went away meanwhile is found out when
  /// the timer fires, so that a read does not touch the timer.
  func armTimer() {
    guard life.phase != .closed else { return }
    let deadline = min(min(idleDeadline, slowConsumerDeadline), lingerDeadline)
    guard deadline < timerDeadline else { return }
    if let timer { context.loop.cancel(timer) }
    timerDeadline = deadline
    timer = context.loop.schedule(at: deadline) { [unowned self] in timerFired() }
  }

  private func timerFired() {
    timer = nil
    timerDeadline = .distantFuture
    let now = context.loop.now
    if lingerDeadline <= now { return lingerTimeoutPassed(now) }
    if slowConsumerDeadline <= now, !peerTookSome(until: now) { return cutOff(.slowConsumer) }
    if idleDeadline <= now {
      // User code may have ended unnoticed.
      advance()
      guard life.reads else { return }
      // While a request is handled, or we do not read, the peer waits for us and not we for it.
      guard life.runsUserCode || isWaitingForWorker || !interest.isReadable else { return end(.idle, handlingRest: true) }
      lastRead = now
    }
    armTimer()
  }

  /// A peer that is still reading what the kernel keeps for it is given more time: closed now, it would lose that as soon as it sent
  /// another byte.
  private func lingerTimeoutPassed(_ now: Instant) {
    let left = unacknowledgedBytes
    if left < unacknowledged {
      unacknowledged = left
      lingerDeadline = now.advanced(byNanoseconds: server.settings.lingerTimeout.load(ordering: .relaxed))
      return armTimer()
    }
    life.lingerExpired()
    advance()
  }

  /// Whether the peer acknowledged something since the kernel last took something from us. The kernel keeps megabytes for a peer, and
  /// says that it takes more only when a third of them have left: a slow line would look like a peer that takes nothing.
  private func peerTookSome(until now: Instant) -> Bool {
    let left = unacknowledgedBytes
    guard left < unacknowledged else { return false }
    unacknowledged = left
    return outbox.withLock { outbox in
      guard outbox.blockedSince != nil else { return true }
      _ = outbox.block(at: now, progress: true)
      return true
    }
  }

  /// Bytes that the kernel keeps for the peer; the end of the stream counts as one.
  private var unacknowledgedBytes: Int32 {
    var bytes: Int32 = 0
    return ioctl(descriptor, UInt(TIOCOUTQ), &bytes) == 0 ? bytes : 0
  }

  private var idleDeadline: Instant {
    let timeout = server.settings.idleTimeout.load(ordering: .relaxed)
    return timeout > 0 && life.reads ? lastRead.advanced(byNanoseconds: timeout) : .distantFuture
  }

  private var slowConsumerDeadline: Instant {
    guard interest.isWritable, let since = outbox.withLock({ $0.blockedSince }) else { return .distantFuture }
    return since.advanced(byNanoseconds: server.settings.slowConsumerTimeout.load(ordering: .relaxed))
  }
}
