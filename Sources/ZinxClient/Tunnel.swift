import NIOCore
import ZinxTLS
import ZinxWire

/// What stands between the bytes of a socket and the stream of frames where a server speaks more than plain TCP: TLS, WebSocket, or both,
/// from the handshake to the last word. Bytes in, bytes out: no socket and no clock. One thread at a time calls it.
package final class Tunnel {
  package enum Progress: Equatable {
    /// The handshake goes on.
    case opening
    case open
    case ended(End)
  }

  /// Why nothing more comes.
  package enum End: Equatable {
    /// No connection came about.
    case refused(HandshakeFault)
    /// The server has said that it sends nothing more (close_notify).
    case closed
    /// The same of a WebSocket, with the code if there is one.
    case webSocketClosed(UInt16?)
    /// The frames of the server are none.
    case badFrame(WebSocketDecoder.Fault)
    /// The session of TLS broke.
    case broken(HandshakeFault)
  }

  private enum Phase { case shaking, upgrading, open, over }

  /// Bytes that one call of ``send(_:)`` takes.
  package static let mostAtOnce = TLSSession.sealingSize
  /// Bytes of answers to pings that wait for a server that does not read: beyond them pings are not answered.
  private static let mostAnswers = 4096

  private let session: TLSSession?
  private let upgrade: WebSocketUpgrade?
  private var phase: Phase
  private var decoder = WebSocketDecoder(of: .server)
  private var masks = MaskSource()
  /// What has come of the answer to the request.
  private var head: [UInt8] = []
  /// What is to be sealed; what is to be sent without TLS.
  private var plain = ByteBuffer()
  private var isFirst = true
  /// Something of the stream has come.
  private var hasHeard = false
  private var hasSaidGoodbye = false
  /// Set once, with the last of what comes.
  package private(set) var end: End?

  init(_ session: TLSSession?, _ upgrade: WebSocketUpgrade?) {
    (self.session, self.upgrade) = (session, upgrade)
    phase = session == nil ? .upgrading : .shaking
  }

  package var stage: HandshakeFault.Stage { phase == .shaking ? .tls : .webSocket }

  /// Whether the stream would be cut if it ended here.
  package var isInsideFrame: Bool { end == nil && (session?.held ?? 0) > 0 || decoder.isInsideFrame }

  // MARK: In

  /// Begins the handshake: there is output then.
  package func start() -> Progress {
    guard let session else {
      sendRequest()
      return .opening
    }
    return shake(session, UnsafeRawBufferPointer(start: nil, count: 0)) ?? .opening
  }

  /// Takes what came from the server, in memory that it may change, and appends what is of the stream to `buffer`.
  package func receive(_ bytes: UnsafeMutableRawBufferPointer, into buffer: inout ByteBuffer) -> Progress {
    if let end { return .ended(end) }
    guard let session else {
      let count = takeStream(bytes)
      buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
      return progress
    }
    if phase == .shaking {
      guard looksLikeTLS(bytes) else { return finish(.refused(.noTLS)) }
      if let progress = shake(session, UnsafeRawBufferPointer(bytes)) { return progress }
      var rest = session.takeRest()
      if !rest.isEmpty { rest.withUnsafeMutableBytes { open(session, $0, into: &buffer) } }
    } else {
      open(session, bytes, into: &buffer)
    }
    // What could not be sealed before may be now, and there may be answers.
    seal()
    return progress
  }

  private var progress: Progress { end.map(Progress.ended) ?? (phase == .open ? .open : .opening) }

  private func finish(_ end: End) -> Progress {
    if self.end == nil { self.end = end }
    phase = .over
    return progress
  }

  /// What it means if the connection ends now, before it has come about; nil once it has.
  package var faultOfEnding: HandshakeFault? {
    phase == .shaking || phase == .upgrading ? faultOfSilence ?? .closed(during: stage) : nil
  }

  /// What it may mean if the connection ends now without a last word: a server of TLS 1.3 finds out that it wants a certificate when this
  /// side is done, and not all of them say so before they close.
  package var faultOfSilence: HandshakeFault? {
    session?.isAskedForCertificate == true && !hasHeard ? .certificateWanted : nil
  }

  /// The first byte of a record tells its kind, the second the version (RFC 8446, 5.1).
  private func looksLikeTLS(_ bytes: UnsafeMutableRawBufferPointer) -> Bool {
    defer { isFirst = false }
    return !isFirst || (20...23).contains(bytes.first ?? 22) && (bytes.count < 2 || bytes[1] == 3)
  }

  /// Nil once it is done.
  private func shake(_ session: TLSSession, _ bytes: UnsafeRawBufferPointer) -> Progress? {
    switch session.handshake(bytes) {
    case .waits: return .opening
    case .failed(let failure): return finish(.refused(HandshakeFault(failure, of: session)))
    case .done:
      phase = upgrade == nil ? .open : .upgrading
      sendRequest()
      return nil
    }
  }

  private func sendRequest() {
    guard let upgrade else { return }
    plain.writeBytes(upgrade.request)
    seal()
  }

  private func open(_ session: TLSSession, _ bytes: UnsafeMutableRawBufferPointer, into buffer: inout ByteBuffer) {
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count + TLSSession.recordSize) { room in
      let (count, end) = session.open(UnsafeRawBufferPointer(bytes), into: room)
      if count > 0 { hasHeard = true }
      let taken = takeStream(UnsafeMutableRawBufferPointer(rebasing: room[..<count]))
      switch end {
      case nil: break
      case .closed: _ = finish(faultOfEnding.map(End.refused) ?? .closed)
      case .failed(let failure):
        let fault = HandshakeFault(failure, of: session)
        _ = finish(phase == .upgrading ? .refused(fault) : .broken(fault))
      }
      return taken
    }
  }

  /// Leaves what is of the stream at the front of the same memory. Returns how many bytes that are.
  private func takeStream(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
    guard let upgrade else { return bytes.count }
    guard phase == .upgrading else { return phase == .open ? decode(bytes) : 0 }
    head += bytes
    switch head.withUnsafeBytes({ upgrade.read($0, sha1: sha1) }) {
    case .needsMore: return 0
    case .failed(let fault):
      _ = finish(.refused(.webSocket(fault)))
      return 0
    case .accepted(let length):
      // The answer has ended in what has come last.
      let rest = head[length...]
      bytes.copyBytes(from: rest)
      let count = rest.count
      head = []
      phase = .open
      return decode(UnsafeMutableRawBufferPointer(rebasing: bytes[..<count]))
    }
  }

  private func decode(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
    let decoded = decoder.decode(bytes)
    if let ping = decoded.ping, !hasSaidGoodbye, plain.readableBytes < Self.mostAnswers, outputBytes < Self.mostAnswers {
      frame(ping, .pong)
    }
    switch decoded.end {
    case nil: break
    case .closed(let code):
      // What was said is said again (RFC 6455, 5.5.1).
      sayGoodbye(code)
      _ = finish(.webSocketClosed(code))
    case .failed(let fault):
      sayGoodbye(fault.closeCode)
      _ = finish(.badFrame(fault))
    }
    return decoded.count
  }

  // MARK: Out

  /// Takes bytes of the stream, at most ``mostAtOnce``: there is output then, and what cannot be sealed yet stays here until
  /// the server has said more.
  package func send(_ bytes: UnsafeRawBufferPointer) {
    guard upgrade == nil else {
      WebSocketFrame.append(bytes, mask: masks.next(), to: &plain)
      return seal()
    }
    // Nothing is copied on the usual way.
    if let session, plain.readableBytes == 0, session.seal(bytes) == .done { return }
    plain.writeBytes(bytes)
    seal()
  }

  private func frame(_ payload: [UInt8], _ operation: WebSocketFrame.Operation) {
    payload.withUnsafeBytes { WebSocketFrame.append($0, operation, mask: masks.next(), to: &plain) }
    seal()
  }

  private func seal() {
    guard let session else { return }
    while plain.readableBytes > 0 {
      let count = min(plain.readableBytes, TLSSession.sealingSize)
      switch plain.withUnsafeReadableBytes({ session.seal(UnsafeRawBufferPointer(rebasing: $0[..<count])) }) {
      case .done: plain.moveReaderIndex(forwardBy: count)
      case .waits: return
      case .failed(let failure):
        _ = finish(.broken(HandshakeFault(failure, of: session)))
        return
      }
    }
    plain.clear()
  }

  /// The last message of a WebSocket, once; nothing without.
  package func sayGoodbye(_ code: UInt16?) {
    guard upgrade != nil, phase == .open, !hasSaidGoodbye else { return }
    hasSaidGoodbye = true
    frame(code.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } ?? [], .close)
  }

  /// Says that nothing more is sent: the last word of TLS. Of a WebSocket only once the server has said its own.
  package func endSending() { session?.end() }

  /// Whether the last word of this side waits for that of the server.
  package var awaitsGoodbye: Bool { upgrade != nil && phase == .open }

  /// Bytes of memory for what is to be sent, without what a session has sealed.
  var memory: Int { plain.capacity }

  /// Bytes that are to be sent.
  package var outputBytes: Int { session?.output.count ?? plain.readableBytes }

  /// Whether something is still on its way to the kernel: output, or what cannot be sealed yet.
  package var isBusy: Bool { outputBytes > 0 || plain.readableBytes > 0 }

  /// Lets `send` take from the output once; it returns how many bytes it took, or less than zero. Returns what it returned.
  package func writeOutput(_ send: (UnsafeRawBufferPointer) -> Int) -> Int {
    guard let session else {
      let count = plain.readWithUnsafeReadableBytes { bytes in
        let count = send(bytes)
        return (max(0, count), count)
      }
      // What has left makes room.
      if plain.readableBytes == 0 { plain.clear() }
      return count
    }
    let count = send(session.output)
    if count > 0 { _ = session.sent(count) }
    return count
  }
}
