import CLinux
import Glibc
import NIOCore
import Synchronization
import ZinxIO
import ZinxWire

/// The server's end of one connection, moved byte by byte from a test.
package final class FakePeer: Sendable {
  private let number: Int32
  private let isClosed = Atomic<Bool>(false)

  /// Takes ownership of a connected socket.
  init(_ number: Int32) throws {
    self.number = number
    try limitWaiting(number)
    var one: Int32 = 1
    setsockopt(number, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout.size(ofValue: one)))
  }

  deinit { close() }

  package func close() {
    if !isClosed.exchange(true, ordering: .relaxed) { _ = Glibc.close(number) }
  }

  /// Closes with a reset instead of an end.
  package func reset() throws {
    try set(number, SO_LINGER, linger(l_onoff: 1, l_linger: 0))
    close()
  }

  package func shutDownWriting() { _ = shutdown(number, Int32(SHUT_WR)) }

  // MARK: Bytes

  package func write(_ bytes: [UInt8]) async throws {
    try await onThread { [self] in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { CLinux.send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { throw SystemError("send") }
        rest = rest.dropFirst(count)
      }
    }
  }

  /// Reads so many bytes, or as many as come before the end.
  package func read(_ count: Int) async throws -> [UInt8] {
    try await onThread { [self] in
      var bytes: [UInt8] = []
      var piece = [UInt8](repeating: 0, count: min(max(count, 1), 1 << 20))
      while bytes.count < count {
        let got = recv(number, &piece, min(piece.count, count - bytes.count), 0)
        guard got >= 0 else { throw SystemError("recv") }
        if got == 0 { break }
        bytes += piece[..<got]
      }
      return bytes
    }
  }

  /// Reads until the other end shuts its side down. Returns what came.
  package func readToEnd() async throws -> [UInt8] { try await read(.max) }

  // MARK: Messages

  package func send(_ id: UInt32, _ text: String, _ pack: DataPack = .ltvLittleEndian) async throws {
    try await write(Self.frame(id, text, pack))
  }

  package func receive(_ pack: DataPack = .ltvLittleEndian) async throws -> Message {
    let header = try await read(DataPack.headerLength)
    guard header.count == DataPack.headerLength else { throw WireError.truncated }
    let fields = FrameHeader(rawHeader: header.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }, pack)
    return Message(id: fields.id, data: ByteBuffer(bytes: try await read(Int(fields.length))))
  }

  package static func frame(_ id: UInt32, _ text: String, _ pack: DataPack = .ltvLittleEndian) -> [UInt8] {
    Array(pack.encoded(Message(id: id, data: ByteBuffer(string: text))).readableBytesView)
  }
}
