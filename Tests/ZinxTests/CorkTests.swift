import CLinux
import NIOCore
import Testing
import ZinxIO
import ZinxTestKit
import ZinxWire

@testable import Zinx

@Suite("The cork")
struct CorkTests {
  private let cork = Cork(Traffic(), JobChain())
  private let chunk = Chunk(capacity: 64 << 10)

  /// The gathered frames as a write sends them.
  private var pieces: [UInt8] {
    cork.withPieces { $0.flatMap { Array(UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len)) } }
  }

  private func data(_ byte: UInt8, _ count: Int) -> UnsafeRawBufferPointer {
    chunk.memory[..<count].initializeMemory(as: UInt8.self, repeating: byte)
    return UnsafeRawBufferPointer(rebasing: chunk.memory[..<count])
  }

  @Test("copies data, whoever owns it, unless its chunk was said to stay")
  func copies() {
    #expect(!cork.borrow(3, data(1, 8192), of: chunk, .ltvLittleEndian))
    cork.append(3, data(1, 8192), .ltvLittleEndian)
    chunk.memory[0] = 9
    #expect(!cork.hasLoans)
    #expect(Array(cork.bytes) == RawFrame(3, [UInt8](repeating: 1, count: 8192)).bytes())
  }

  @Test("clearing forgets everything")
  func clear() {
    for _ in 0..<3 { cork.append(1, data(7, 100), .tlvBigEndian) }
    #expect((cork.count, cork.length) == (3, 324))
    cork.clear()
    #expect((cork.count, cork.length, cork.bytes.count) == (0, 0, 0))
    #expect(pieces.isEmpty)
  }

  @Test func `puts the header of a WebSocket in front of each message, also of one that stays where it is`() throws {
    let world = try World(1)
    var expected: [UInt8] = []
    cork.take(world.connections[0], lender: chunk)
    for count in [0, 117, 118, 5000, 65_000] {
      cork.beginFrame(DataPack.headerLength + count)
      let message = RawFrame(3, [UInt8](repeating: 5, count: count)).bytes()
      expected += Array(WebSocketFrame.encoded(ByteBuffer(bytes: message)).readableBytesView)
      if !cork.borrow(3, data(5, count), of: chunk, .ltvLittleEndian) { cork.append(3, data(5, count), .ltvLittleEndian) }
    }
    #expect(cork.hasLoans)
    #expect(cork.count == 5 && cork.length == expected.count)
    #expect(pieces == expected)
    cork.copyLoans()
    #expect(Array(cork.bytes) == expected)
  }
}
