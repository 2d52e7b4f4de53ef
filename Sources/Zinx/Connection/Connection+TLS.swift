import CLinux
import Glibc
import NIOCore
import Synchronization
import ZinxIO
import ZinxTLS
import ZinxWire

/// A session between socket and frames. It is used under the outbox lock, which every write takes anyway: workers seal what they send
/// while the event loop opens what comes. Nothing that was received stays in it but a record that is not whole, so that whatever is said
/// of unread bytes holds of the socket alone.
extension Connection {
  /// Time between two attempts to say farewell to a peer that takes nothing.
  private static let farewellPause: Int64 = 10_000_000

  /// What the handshake of TLS has settled; nil on a plain connection. Any thread.
  public var tls: TLSInfo? { session?.info }

  // MARK: In (event loop)

  /// Reads once, as ``read(upTo:isBroken:)`` does.
  func readSealed(_ session: TLSSession, upTo limit: Int, isBroken: Bool) -> Bool {
    let room = context.sealed.memory
    let size = min(drainRest ?? .max, limit, room.count)
    let count = retryingOnInterrupt { clinux_recv(descriptor, room.baseAddress, size) }
    guard count > 0 else {
      receivedNothing(count, isBroken: isBroken)
      return false
    }
    open(UnsafeRawBufferPointer(rebasing: room[..<count]), session)
    return count < size
  }

  /// Opens what came with the end of the handshake.
  func openRest(_ session: TLSSession) {
    let rest = session.takeRest()
    if life.reads, !rest.isEmpty { rest.withUnsafeBytes { open($0, session) } }
  }

  private func open(_ sealed: UnsafeRawBufferPointer, _ session: TLSSession) {
    let isPutBack = prepareToReceive()
    let start = context.received.bytes.count
    let (opened, end, sending) = outbox.withLock { outbox in
      let (opened, end) = context.received.open(sealed, session)
      return (opened, end, say(session, &outbox))
    }
    // A peer that has sent nothing but what the protocol itself says is as quiet as before.
    if opened > 0 || session.held > 0 { countReceived(opened) }
    let decoded = webSocket.map { context.received.decode(from: start, &$0.decoder) }
    keepReceived(isPutBack: isPutBack, read: sealed.count, isEmpty: decoded?.count ?? opened == 0)
    let isBroken = if case .failed = end { true } else { false }
    if !isBroken { report(sending) }
    if let decoded, let webSocket, took(decoded, webSocket) { return }
    switch end {
    case nil: advance()
    case .closed: peerClosed()
    case .failed: sessionBroke()
    }
  }

  /// Bytes of a record, or a frame of a WebSocket, that is not whole: they are in no inbox yet.
  @inline(__always)
  var heldBytes: Int { isWrapped ? heldInside : 0 }

  @inline(never)
  private var heldInside: Int { (session?.held ?? 0) + (webSocket?.decoder.isInsideFrame == true ? 1 : 0) }

  // MARK: Out (under the outbox lock)

  /// Whether there are sealed bytes that the kernel has not taken.
  @inline(__always)
  var hasSealed: Bool { session.map { !$0.output.isEmpty } ?? false }

  /// Sealed bytes that the kernel has taken; nil on a plain connection.
  var takenSealed: UInt64? { session?.taken }

  /// Sends what the protocol itself has to say, such as answers to new keys. It waits behind what waits already, and a peer that does not
  /// read it is like one that does not read messages.
  private func say(_ session: TLSSession, _ outbox: inout Outbox) -> WriteResult {
    guard outbox.blockedSince == nil, !outbox.isClosed, !session.output.isEmpty else { return .done }
    var written = 0
    defer { note(outbox) }
    return writeSealed(session, UnsafeRawBufferPointer(start: nil, count: 0), &outbox, &written)
  }

  /// Seals and writes as much of `bytes` as the kernel takes, whose beginning may be sealed already. What is sealed is written when the
  /// last of it has left: until then it stays in the queue, where limits and time-outs see it.
  func writeSealed(
    _ session: TLSSession, _ bytes: UnsafeRawBufferPointer, _ outbox: inout Outbox, _ written: inout Int
  ) -> WriteResult {
    var hasProgress = false
    defer { outbox.sealedMemory = session.outputMemory }
    func blocked() -> WriteResult { .blocked(isNew: outbox.block(at: loop.time, progress: hasProgress)) }
    while true {
      let error = session.sendOutput(on: descriptor) {
        hasProgress = true
        written += $0
      }
      guard error == 0 else {
        if isTemporary(error) { return blocked() }
        outbox.failed(error)
        return .failed
      }
      guard written < bytes.count else { return .done }
      let piece = bytes[written..<min(written + TLSSession.sealingSize, bytes.count)]
      switch session.seal(UnsafeRawBufferPointer(rebasing: piece)) {
      case .done: continue
      case .waits: return blocked()
      case .failed:
        outbox.failed(EPROTO)
        return .failed
      }
    }
  }

  /// Sends what the session has to say, as far as the kernel takes it. Returns whether there is nothing left to try.
  @discardableResult
  private func sendOutput(of session: TLSSession) -> Bool {
    let error = session.sendOutput(on: descriptor)
    return error == 0 || !isTemporary(error)
  }

  // MARK: The end

  /// Why the session broke goes where the log finds it, unless somebody has said another word before.
  func tellFailure() {
    guard self[CloseText.self] == nil, let failure = outbox.withLock({ _ in session?.failure }) else { return }
    self[CloseText.self] = failure.reason
  }

  /// Says farewell (close_notify), then shuts down the write side. Event loop; the outbox is closed, so nobody else uses the session.
  func shutdownSealed(_ session: TLSSession) {
    guard life.phase == .lingering else { return }
    session.end()
    if sendOutput(of: session) {
      shutdown(descriptor, Int32(SHUT_WR))
    } else {
      loop.schedule(at: loop.time.advanced(byNanoseconds: Self.farewellPause)) { [self] in shutdownSealed(session) }
    }
  }

  /// Seals the last bytes that are sent. The outbox is closed, so nobody else uses the session.
  func seal(_ bytes: ArraySlice<UInt8>, _ session: TLSSession) {
    bytes.withUnsafeBytes { bytes in
      for start in stride(from: 0, to: bytes.count, by: TLSSession.sealingSize) {
        let piece = bytes[start..<min(start + TLSSession.sealingSize, bytes.count)]
        guard session.seal(UnsafeRawBufferPointer(rebasing: piece)) == .done else { return }
      }
    }
  }

  /// Answers the farewell of a peer that goes first, if the kernel takes that at once. Under the outbox lock.
  func answerFarewell(_ session: TLSSession) {
    session.end()
    sendOutput(of: session)
  }
}

extension TLSSession {
  /// Sends what is sealed as far as the kernel takes it. Returns what kept it from taking the rest (`errno`), 0 if there is none.
  ///
  /// - Parameter sent: gets the plain bytes whose records have left, after each call of the kernel.
  func sendOutput(on descriptor: Int32, sent: (Int) -> Void = { _ in }) -> Int32 {
    while !output.isEmpty {
      let sealed = output
      let count = retryingOnInterrupt { clinux_send(descriptor, sealed.baseAddress, sealed.count) }
      guard count >= 0 else { return errno }
      sent(self.sent(count))
    }
    return 0
  }
}
