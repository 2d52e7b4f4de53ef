import NIOCore
import ZinxWire

/// A stream of frames, how it is cut into reads, and what it means, found out in the plainest way.
struct Stream {
  struct Frame: Equatable {
    var id: UInt32
    var data: Range<Int>
  }

  let pack: DataPack
  let limit: UInt32
  let bytes: UnsafeRawBufferPointer
  /// Where reads end, in order.
  let cuts: [Int]
  private(set) var frames: [Frame] = []
  private(set) var error: WireError?
  /// Bytes of the whole frames.
  private(set) var end = 0

  /// - Parameter limit: which size a message may have: any, or one of a few that streams of this size come near to.
  init(_ input: inout Input) {
    pack = input.element(of: DataPack.allCases)
    let limit = input.word(UInt32.self)
    self.limit = limit & 0x8000_0000 == 0 ? limit % 4096 : limit
    let pieces = (0..<Int(input.byte() % 16)).map { _ in Int(input.word(UInt16.self)) }
    let count = input.rest.count
    cuts = pieces.map { min($0, count) }.sorted() + [count]
    bytes = input.rest
    decode()
  }

  var isInsideFrame: Bool { error == nil && end < bytes.count }

  /// Every byte by itself: nothing here is shared with what is tested.
  private mutating func decode() {
    while bytes.count - end >= 8 {
      let (first, second) = (field(at: end), field(at: end + 4))
      let (id, length) = pack == .ltvLittleEndian ? (second, first) : (first, second)
      guard length <= limit else {
        error = .oversize(id: id, length: length)
        return
      }
      guard bytes.count - end - 8 >= Int(length) else { return }
      frames.append(Frame(id: id, data: end + 8..<end + 8 + Int(length)))
      end += 8 + Int(length)
    }
  }

  private func field(at offset: Int) -> UInt32 {
    let order = pack == .tlvBigEndian ? [24, 16, 8, 0] : [0, 8, 16, 24]
    return (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[offset + $1]) << order[$1] }
  }

  /// The reads, one after the other.
  var chunks: [UnsafeRawBufferPointer] {
    zip([0] + cuts, cuts).map { UnsafeRawBufferPointer(rebasing: bytes[$0..<$1]) }
  }
}
