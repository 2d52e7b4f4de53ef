import Glibc
import NIOCore
import ZinxClient
import ZinxIO

/// Connections that speak more than plain TCP. On their thread; none of it runs for the others.
extension LoadThread {
  /// The kernel has connected.
  mutating func beginShaking(_ connection: Connection, _ index: Int) {
    do throws(HandshakeFault) { connection.tunnel = try transport.tunnel() } catch {
      return refused(connection, index, .handshake(error))
    }
    connection.state = .shaking
    _ = connection.tunnel?.start()
    shake(connection, index)
  }

  mutating func shake(_ connection: Connection, _ index: Int) {
    guard let tunnel = connection.tunnel else { return }
    stream.clear()
    switch tunnel.shake(on: connection.descriptor, into: &stream) {
    case .waits(let readiness): poller.change(connection.descriptor, readiness, index: index)
    case .failed(let fault): refused(connection, index, .handshake(fault))
    case .broken(let error): refused(connection, index, .system(error))
    case .done:
      // A message that greets may have come with the end of the handshake; opening one connection may begin to open another.
      let early = stream
      stream = ByteBuffer()
      reached(connection, index)
      guard early.readableBytes > 0 else { return }
      switch connection.state {
      case .greeting: greeted(connection, index, read(early, connection, greeting))
      case .open: count(read(early, connection, expected), connection)
      case .closed, .connecting, .shaking: break
      }
    }
  }

  private func read(_ stream: ByteBuffer, _ connection: Connection, _ expected: ExpectedReply) -> ReplyReader.Found {
    stream.withUnsafeReadableBytes { connection.reader.read($0, expected) }
  }

  mutating func count(_ found: ReplyReader.Found, _ connection: Connection) {
    tally.read(found)
    settle(found.replies, of: connection)
  }

  /// One read. Returns whether the connection goes on; nil where nothing has come.
  private mutating func read(_ connection: Connection, _ tunnel: Tunnel) -> Bool? {
    stream.clear()
    let descriptor = connection.descriptor
    let reading = buffer.withUnsafeMutableBytes { tunnel.receive(from: descriptor, room: $0, into: &stream) }
    now = Instant.now.nanoseconds
    switch reading {
    case .wouldBlock: return nil
    case .end, .failed: return false
    case .bytes: return tunnel.flush(to: descriptor) == nil && tunnel.end == nil
    }
  }

  mutating func receive(_ connection: Connection, through tunnel: Tunnel) -> Bool {
    guard let goesOn = read(connection, tunnel) else { return true }
    let found = read(stream, connection, expected)
    count(found, connection)
    if !goesOn {
      if case .broken? = tunnel.end { tally.count(.reset) } else { tally.count(.closed) }
    }
    return goesOn && !found.isNonsense
  }

  mutating func receiveGreeting(_ connection: Connection, _ index: Int, through tunnel: Tunnel) {
    guard let goesOn = read(connection, tunnel) else { return }
    guard goesOn else { return refused(connection, index, .system(SystemError("--first", code: ECONNRESET))) }
    greeted(connection, index, read(stream, connection, greeting))
  }

  /// Hands the tunnel, and by it the kernel, what the connection has to send: the next only when it has taken what was before.
  mutating func flush(_ connection: Connection, _ index: Int, through tunnel: Tunnel) {
    while true {
      if tunnel.flush(to: connection.descriptor) != nil {
        tally.count(.reset)
        return lost(connection, index)
      }
      guard !tunnel.isBusy else { return awaitRoom(connection, index, tunnel.outputBytes > 0) }
      guard !connection.cursor.pending.isEmpty else { return awaitRoom(connection, index, false) }
      let frames = connection.cursor.pending.prefix(template.count)
      template.tag(frames, connection: connection.number)
      let offset = connection.cursor.offset
      let length = min(frames.count * plan.frameLength - offset, Tunnel.mostAtOnce)
      template.bytes.withUnsafeBytes { tunnel.send(UnsafeRawBufferPointer(rebasing: $0[offset..<offset + length])) }
      connection.cursor.advance(length, frameLength: plan.frameLength)
    }
  }
}

extension Connection {
  /// Whether it has not come about yet.
  var isUnderWay: Bool { state == .connecting || state == .shaking || state == .greeting }

  /// Sends some bytes, all at once: returns how many the kernel took, less than zero with `errno` set if it took none.
  func sendAtOnce(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard let tunnel else { return send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
    guard bytes.count <= Tunnel.mostAtOnce else { return 0 }
    tunnel.send(bytes)
    if let error = tunnel.flush(to: descriptor) {
      errno = error.code
      return -1
    }
    return tunnel.isBusy ? 0 : bytes.count
  }
}
