import CLinux
import Glibc
import NIOCore
import Synchronization
import ZinxIO
import ZinxTLS

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
        if life.runsUserCode, inbox != nil || heldBytes > 0 || life.reason != nil, !awaitUserCode() { continue }
        return rest()
      case .runStartHook: if handler.hasStartHooks { start(.startHook) } else { life.userCodeEnded() }
      case .runRequests:
        if worker != nil, answerHeartbeat() { life.userCodeEnded() } else { startStaged() }
      case .flush:
        if life.phase == .lastFlush { endMembership() }
        flushOutbox()
        if !isFlushed {
          // Another thread sent in between and the kernel takes more: no event would bring us back.
          if outbox.withLock({ $0.blockedSince == nil }) { loop.execute { self.advance() } }
          return rest()
        }
      case .runStopHook(let reason): if handler.hasStopHooks { start(.stopHook(reason)) } else { life.userCodeEnded() }
      case .shutdownWrite:
        endMembership()
        // Senders learn it from the outbox: a write into the shut socket would fail, and take the answers on their way with it.
        closeOutbox {}
        unacknowledged = unacknowledgedBytes
        if let webSocket {
          shutdownFramed(webSocket)
        } else if let session {
          shutdownSealed(session)
        } else {
          shutdown(descriptor, Int32(SHUT_WR))
        }
        drainRest = Self.discardLimit
        let timeout = server.settings.lingerTimeout.load(ordering: .relaxed)
        lingerDeadline = loop.now.advanced(byNanoseconds: timeout)
      case .close(let reason):
        endMembership()
        return close(reason)
      }
    }
  }

  private func rest() {
    updateInterest()
    if inbox != nil || receiving.isInsideFrame || heldBytes > 0 { watchFrame() }
    armTimer()
  }

  /// Notices that user code has ended, and that it asked for the end.
  func settle() {
    guard life.runsUserCode, activity.load(ordering: .acquiring) == .idle else { return }
    life.userCodeEnded()
    // The clock itself: what ends now may have kept the loop since its last wake-up.
    receiving.waitEnded(at: loop.time)
    flushMark = nil
    if startHookThrew.load(ordering: .relaxed) { life.end(.hookFailed, handlingRest: false) }
    noticeStop()
    if !life.handlesRest { dropRequests() }
  }

  /// Notices that somebody asked for the end: the word may still be on its way, and what happens from here on comes after it.
  func noticeStop() {
    guard dropsRest.load(ordering: .acquiring) else { return }
    life.end(CloseReason(rawValue: Int(stopReason.load(ordering: .relaxed))) ?? .stopped, handlingRest: false)
    dropRequests()
  }

  private var requests: ConnectionLife.Requests {
    staged != nil ? .ready : isWaitingForWorker || pace?.messagesRestUntil != nil ? .held : .none
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
    // What is there is answered as fast as it goes: a drain that kept to the rate would cut it off.
    pace = nil
    let unread = unreadBytes
    guard unread > 0 else { return end(.draining, handlingRest: true) }
    drainRest = unread
    // Reading may have rested; a connection that has not begun yet comes to it by itself.
    if life.phase > .new { advance() }
  }

  /// The kernel took less than all: wait until it takes more.
  func writeWasBlocked() {
    guard life.phase != .closed else { return }
    unacknowledged = unacknowledgedBytes
    rest()
    // Epoll may have been asked before, and have told already; see `writable()`.
    askAgain()
  }

  /// The kernel takes more.
  func writable() {
    let before = outbox.withLock { outbox in
      // A plain one that took nothing although it said that it would is short of memory, and has all of its time again. A session may
      // wait for what the peer does not send.
      if session != nil { outbox.unblock() } else { outbox.flows() }
      return taken(outbox)
    }
    flushOutbox()
    if life.reason != nil { advance() } else { rest() }
    guard interest.isWritable else { return }
    // It had room and took nothing: it is short of memory.
    if outbox.withLock({ $0.blockedSince != nil && taken($0) == before }) { askAgainLater() } else { askAgain() }
  }

  /// Bytes that the kernel has taken. Under the outbox lock.
  private func taken(_ outbox: borrowing Outbox) -> UInt64 { takenSealed ?? outbox.bytesWritten }

  /// The connection was reset, or given up by the kernel; `error` if the caller has met it.
  func socketBroke(_ error: Int32 = 0) {
    guard life.phase != .closed else { return }
    noticeStop()
    life.broke(reasonOfFailure(error))
    abandonSocket()
    advance()
  }

  /// The peer's bytes make no session any more.
  func sessionBroke() {
    noticeStop()
    tellFailure()
    life.broke(.tlsFailed)
    abandonSocket()
    advance()
  }

  /// Closes without handling or flushing the rest.
  func cutOff(_ reason: CloseReason) {
    guard life.phase != .closed else { return }
    // What was queued for one that was given up is gone, and with it what the last word would have to stand behind.
    let hasLastWord = !life.isBroken && !isClosed
    life.cut(reason)
    dropsRest.store(true, ordering: .relaxed)
    isCut.store(true, ordering: .relaxed)
    dropRequests()
    if let webSocket, hasLastWord { partFrom(webSocket) }
    // A handler that blocks keeps the connection; the peer need not wait for it.
    shutdown(descriptor, Int32(SHUT_RDWR))
    abandonSocket()
    cancelUserCode()
    advance()
  }

  private func dropRequests() {
    if let batch = staged.take() { worker?.release(batch.count) }
    inbox = nil
    (nextFrame, searched) = (0, 0)
    isWaitingForWorker = false
    pace = nil
  }

  /// Nothing more is read or written: senders learn it, and epoll, which would report the failure again and again.
  private func abandonSocket() {
    closeOutbox {}
    guard isRegistered else { return }
    isRegistered = false
    loop.deregister(descriptor)
  }

  private func close(_ reason: CloseReason) {
    if let timer { loop.cancel(timer) }
    timer = nil
    if isRegistered { loop.forget(descriptor) }
    isRegistered = false
    // Under the lock: a thread that writes must not find the number in other hands.
    closeOutbox {
      if let webSocket, !life.isBroken, webSocket.farewell == nil { answerFarewell(webSocket) }
      if let session, !life.isBroken { answerFarewell(session) }
      _ = Glibc.close(descriptor)
    }
    let fault = takeFault(reason)
    inbox = nil
    server.ended(self, reason, fault)
  }

  func closeOutbox(_ finally: () -> Void) {
    let waiting = outbox.withLock { outbox in
      if let webSocket { webSocket.cut = outbox.restOfCutFrame(onTheWay: session?.onTheWay ?? 0) }
      finally()
      return close(&outbox)
    }
    for resume in waiting { resume(.closed) }
  }
}
