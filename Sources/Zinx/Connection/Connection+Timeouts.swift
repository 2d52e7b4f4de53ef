import CLinux
import Glibc
import NIOCore
import Synchronization
import ZinxIO

/// Peers that do nothing, or too little. Event loop only.
extension Connection {
  /// What is left of a time-out when bytes wait to be read: the next wake-up of the loop reads them.
  private static let glance: Int64 = 1_000_000

  /// Tells the time of an unfinished frame how much is there, and whether it runs. It does while nothing but the peer is in the way: not
  /// while earlier requests are handled, nor while we do not read.
  func watchFrame() {
    let isAwaited = life.reads && interest.isReadable && !life.runsUserCode && staged == nil && !isWaitingForWorker
    receiving.hold((inbox?.readableBytes ?? 0) + heldBytes, isAwaited: isAwaited, at: loop.now)
  }

  /// The settings were reloaded.
  func settingsChanged() {
    guard life.phase > .new else { return }
    setPace()
    resumeSenders()
    advance()
  }

  // MARK: The timer

  /// One timer serves all time-outs. It is moved forward when a deadline comes closer; one that went away meanwhile is found out when
  /// the timer fires, so that a read does not touch the timer.
  func armTimer(notBefore earliest: Instant = Instant(nanoseconds: .min)) {
    guard life.phase != .closed else { return }
    var deadline = receiveDeadline.orEarlier(slowConsumerDeadline).orEarlier(lingerDeadline).orEarlier(authenticationDeadline)
    if let pace { deadline = deadline.orEarlier(pace.restUntil) }
    if deadline < earliest { deadline = earliest }
    guard deadline < timerDeadline else { return }
    if let timer { loop.cancel(timer) }
    timerDeadline = deadline
    timer = loop.schedule(at: deadline) { [unowned self] in timerFired() }
  }

  private func timerFired() {
    timer = nil
    // Whoever goes on with the connection sets another.
    guard !life.isHeld else { return timerDeadline = .distantFuture }
    // Whatever comes of it sets no timer: that is done once, below.
    timerDeadline = Instant(nanoseconds: .min)
    let now = loop.now
    let earliest = act(at: now)
    timerDeadline = .distantFuture
    armTimer(notBefore: earliest)
  }

  /// Does what is due. Returns before when not to look again.
  private func act(at now: Instant) -> Instant {
    if lingerDeadline <= now { lingerIsDue(at: now) }
    if authenticationDeadline <= now { authenticationIsDue() }
    if slowConsumerDeadline <= now, !keepsUp(until: now) {
      cutOff(.slowConsumer)
      return now
    }
    if pace?.wake(at: now) == true { advance() }
    return receiveDeadline <= now ? receiveIsDue(at: now) : now
  }

  /// A peer that is still reading what the kernel keeps for it, no slower than any other has to, is given more time: closed now, it
  /// would lose that as soon as it sent another byte.
  private func lingerIsDue(at now: Instant) {
    let timeout = server.settings.lingerTimeout.load(ordering: .relaxed)
    if peerTookEnough(within: timeout) {
      lingerDeadline = now.advanced(byNanoseconds: timeout)
    } else {
      lingerDeadline = .distantFuture
      life.lingerExpired()
      advance()
    }
  }

  /// Nothing, or too little, has come in time.
  private func receiveIsDue(at now: Instant) -> Instant {
    // User code may have ended unnoticed.
    advance()
    let limits = receiveLimits
    guard life.reads else { return now }
    if receiving.nextBeat(limits, after: beatAt) <= now, !beat(at: now) { return now.advanced(byNanoseconds: Self.glance) }
    let due = receiving.next(limits)
    guard due.deadline <= now else { return now }
    // While a request is handled, or we do not read, the peer waits for us and not we for it.
    guard !life.runsUserCode, !isWaitingForWorker, interest.isReadable else {
      receiving.keptWaiting(at: now)
      // The end of the handler is when its time begins.
      if life.runsUserCode, !awaitUserCode() { advance() }
      return now
    }
    // It came in time, and we have not come to read it: the loop was busy, or the process was stopped.
    guard !hasUnread else { return now.advanced(byNanoseconds: Self.glance) }
    if let came = lastCame { receiving.lastCame(at: came) }
    let corrected = receiving.next(limits)
    if corrected.deadline <= now { end(corrected.reason, handlingRest: true) }
    return now
  }

  /// The peer has been quiet for long enough to be sent a heartbeat. Returns false if it has not: we have not come to read what it sent.
  private func beat(at now: Instant) -> Bool {
    // While we do not read, we do not know.
    if interest.isReadable {
      guard !hasUnread else { return false }
      sendHeartbeat()
    }
    beatAt = now
    return true
  }

  /// When the last bytes came, as the kernel knows: we count from the wake-up that read them, and that may have begun long before, when a
  /// handler kept the loop. Nil where it does not know.
  private var lastCame: Instant? {
    // The kernel's time, which tests do not move.
    loop.isTested ? nil : tcpInfo.map { Instant.now.advanced(byNanoseconds: -1_000_000 * Int64($0.tcpi_last_data_recv)) }
  }

  // MARK: What the kernel has received

  /// Whether the kernel has something from the peer, be it bytes or its end, that the loop has not been told of yet.
  private var hasUnread: Bool { waiting & POLLIN != 0 }

  /// What of POLLIN and POLLPRI (poll(2)) holds, or an error.
  private var waiting: Int32 {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN | POLLPRI), revents: 0)
    return poll(&entry, 1, 0) > 0 ? Int32(entry.revents) : 0
  }

  /// Bytes that the kernel has received and we have not read.
  var unreadBytes: Int {
    let waiting = waiting
    guard waiting & POLLIN != 0 else { return 0 }
    guard waiting & POLLPRI != 0 else { return countedBytes }
    // The count ends in front of the urgent byte, unless that is part of the stream. It is no part of ours, and does not become one in
    // between: nobody else reads.
    let front = countedBytes
    setSocketOption(SOL_SOCKET, SO_OOBINLINE, 1)
    defer { setSocketOption(SOL_SOCKET, SO_OOBINLINE, 0) }
    let all = countedBytes
    return all > front ? all - 1 : front
  }

  private var countedBytes: Int {
    var bytes: Int32 = 0
    return ioctl(descriptor, UInt(FIONREAD), &bytes) == 0 ? Int(bytes) : 0
  }

  private var receiveDeadline: Instant {
    guard life.reads else { return .distantFuture }
    let limits = receiveLimits
    let deadline = receiving.next(limits).deadline
    // Asked first: most servers send none, and this is computed at every read.
    guard limits.heartbeat.interval > 0 else { return deadline }
    return deadline.orEarlier(limits.heartbeat.wakeUp(for: receiving.nextBeat(limits, after: beatAt)))
  }

  @inline(__always)
  private var receiveLimits: ReceiveDeadline.Limits {
    var limits = endpoint.receiveLimits
    limits.heartbeat = heartbeatTimes
    return limits
  }

  // MARK: Peers that do not read

  private var slowConsumerDeadline: Instant {
    guard interest.isWritable, let since = outbox.withLock({ $0.blockedSince }) else { return .distantFuture }
    return since.advanced(byNanoseconds: server.settings.slowConsumerTimeout.load(ordering: .relaxed))
  }

  /// Whether the peer took enough since the kernel last took something from us. The kernel keeps megabytes for a peer, and says that it
  /// takes more only when a third of them have left: a slow line would look like a peer that takes nothing.
  private func keepsUp(until now: Instant) -> Bool {
    guard peerTookEnough(within: server.settings.slowConsumerTimeout.load(ordering: .relaxed)) else { return false }
    return outbox.withLock { outbox in
      guard outbox.blockedSince != nil else { return true }
      _ = outbox.block(at: now, progress: true)
      return true
    }
  }

  /// Whether the peer acknowledged enough since we last looked, so many nanoseconds ago: `MinFrameRate` on average, or at least one byte.
  private func peerTookEnough(within time: Int64) -> Bool {
    let left = unacknowledgedBytes
    guard Int(unacknowledged) - Int(left) >= server.settings.leastTaken(within: time) else { return false }
    unacknowledged = left
    return true
  }

  /// Bytes that the kernel keeps for the peer; the end of the stream counts as one.
  var unacknowledgedBytes: Int32 {
    var bytes: Int32 = 0
    return ioctl(descriptor, UInt(TIOCOUTQ), &bytes) == 0 ? bytes : 0
  }

  // MARK: Peers that are gone

  /// Why the socket failed. The kernel tells an error once: to us, to a thread that wrote, or to nobody yet.
  func reasonOfFailure(_ error: Int32) -> CloseReason {
    var error = error != 0 ? error : outbox.withLock { $0.error }
    if error == 0 { error = socketOption(SOL_SOCKET, SO_ERROR) ?? 0 }
    // No call on a socket says so; a session that broke does.
    if error == EPROTO, session != nil {
      tellFailure()
      return .tlsFailed
    }
    return error == ETIMEDOUT && answeredLately ? .slowConsumer : CloseReason(socketError: error)
  }

  /// The kernel gives up a peer too that answers all the time that it takes nothing: then its last answer is not as old as the time-out.
  private var answeredLately: Bool {
    guard let limit: UInt32 = socketOption(Int32(IPPROTO_TCP), TCP_USER_TIMEOUT), limit > 0, let tcpInfo else { return false }
    return tcpInfo.tcpi_last_ack_recv < limit / 4 * 3
  }

  // MARK: Socket options

  /// Nil for a socket that is not TCP.
  private var tcpInfo: tcp_info? {
    var info = tcp_info()
    var length = socklen_t(MemoryLayout.size(ofValue: info))
    return getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &info, &length) == 0 ? info : nil
  }

  private func setSocketOption(_ level: Int32, _ name: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout.size(ofValue: value)))
  }

  private func socketOption<Value: FixedWidthInteger>(_ level: Int32, _ name: Int32) -> Value? {
    var value: Value = 0
    var length = socklen_t(MemoryLayout.size(ofValue: value))
    return getsockopt(descriptor, level, name, &value, &length) == 0 ? value : nil
  }
}
