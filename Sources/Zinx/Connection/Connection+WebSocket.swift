import CLinux
import Glibc
import NIOCore
import ZinxIO
import ZinxTLS
import ZinxWire

/// A connection that is a WebSocket. What comes is decoded in the receive buffer, in place; each message that is sent is one message there:
/// the cork puts a header in front of it, and so does whoever goes past the cork, to the outbox.
extension Connection {
  /// Time between two attempts to say the last word to a peer that takes nothing.
  private static let farewellPause: Int64 = 10_000_000

  /// The request by which the peer has become a WebSocket: its path, its query and its headers; nil on other connections. Any thread.
  public var webSocketRequest: WebSocketRequest? { webSocket?.request }

  /// The subprotocol that was agreed on; nil without one. Any thread.
  public var webSocketSubprotocol: String? { webSocket?.subprotocol }

  // MARK: In (event loop)

  /// Reads once, as ``read(upTo:isBroken:)`` does.
  func readFramed(_ webSocket: WebSocket, upTo limit: Int, isBroken: Bool) -> Bool {
    let isPutBack = prepareToReceive()
    let start = context.received.bytes.count
    let (count, isDrained) = context.received.receive(descriptor, upTo: min(drainRest ?? .max, limit))
    guard count > 0 else {
      receivedNothing(count, isBroken: isBroken)
      return isDrained
    }
    countReceived(count)
    let decoded = context.received.decode(from: start, &webSocket.decoder)
    keepReceived(isPutBack: isPutBack, read: count, isEmpty: decoded.count == 0)
    if !took(decoded, webSocket) { advance() }
    return isDrained
  }

  /// Takes what came with the request.
  func takeRest(of webSocket: WebSocket) {
    guard life.reads else { return }
    if !webSocket.rest.isEmpty, decodeRest(of: webSocket) { return }
    switch webSocket.ending {
    case nil: return
    case .closed: peerClosed()
    case .failed: sessionBroke()
    }
  }

  /// Returns whether that was the end.
  private func decodeRest(of webSocket: WebSocket) -> Bool {
    var rest = webSocket.rest
    webSocket.rest = []
    let decoded = rest.withUnsafeMutableBytes { webSocket.decoder.decode($0) }
    let isPutBack = prepareToReceive()
    rest.withUnsafeBytes { context.received.put(UnsafeRawBufferPointer(rebasing: $0[..<decoded.count])) }
    countReceived(0)
    keepReceived(isPutBack: isPutBack, read: 0, isEmpty: decoded.count == 0)
    let isOver = took(decoded, webSocket)
    if !isOver { advance() }
    return isOver
  }

  /// Answers a ping, and notices the end. Returns whether that was it.
  func took(_ decoded: WebSocketDecoder.Decoded, _ webSocket: WebSocket) -> Bool {
    // It fails where nothing can be sent any more, or the peer reads nothing.
    if let ping = decoded.ping { try? trySend(frame: WebSocketFrame.encoded(ByteBuffer(bytes: ping), .pong)) }
    switch decoded.end {
    case nil: return false
    case .closed(let code):
      (webSocket.closeCode, webSocket.peerClosed) = (code, true)
      peerClosed()
    case .failed(let fault):
      noticeStop()
      // What came before it may have been the end already.
      if life.reason == nil {
        webSocket.closeCode = fault.closeCode
        if closeText == nil { self[CloseText.self] = fault.description }
      }
      life.end(.webSocketProtocol)
      advance()
    }
    return true
  }

  // MARK: Out (any thread)

  /// The frame of a message where frames are no plain ones of Zinx.
  func wrapped(_ frame: ByteBuffer) -> ByteBuffer { webSocket == nil ? frame : WebSocketFrame.encoded(frame) }

  // MARK: The end

  /// Says the last word, then shuts down the write side. Event loop; the outbox is closed, so nobody else writes.
  func shutdownFramed(_ webSocket: WebSocket) {
    guard life.phase == .lingering else { return }
    if let session {
      seal(farewell(of: webSocket), session)
      return shutdownSealed(session)
    }
    if sendFarewell(of: webSocket) {
      shutdown(descriptor, Int32(SHUT_WR))
    } else {
      loop.schedule(at: loop.time.advanced(byNanoseconds: Self.farewellPause)) { [self] in shutdownFramed(webSocket) }
    }
  }

  /// Answers the last word of a peer that goes first, if the kernel takes that at once. Under the outbox lock.
  func answerFarewell(_ webSocket: WebSocket) {
    if let session { seal(farewell(of: webSocket), session) } else { sendFarewell(of: webSocket) }
  }

  /// Says the last word to a peer that is given up, as far as the kernel takes it at once.
  func partFrom(_ webSocket: WebSocket) {
    closeOutbox {
      answerFarewell(webSocket)
      if let session { answerFarewell(session) }
    }
  }

  private func farewell(of webSocket: WebSocket) -> ArraySlice<UInt8> {
    if let farewell = webSocket.farewell { return farewell }
    let bytes = (webSocket.cut + WebSocketFrame.close(webSocket.code(of: life.reason)).readableBytesView)[...]
    webSocket.cut = []
    webSocket.farewell = bytes
    return bytes
  }

  /// Returns whether there is nothing left to try.
  @discardableResult
  private func sendFarewell(of webSocket: WebSocket) -> Bool {
    let bytes = farewell(of: webSocket)
    guard !bytes.isEmpty else { return true }
    let count = bytes.withUnsafeBytes { bytes in
      retryingOnInterrupt { clinux_send(descriptor, bytes.baseAddress, bytes.count) }
    }
    guard count >= 0 else { return !isTemporary(errno) }
    webSocket.farewell = bytes.dropFirst(count)
    return count == bytes.count
  }
}
