import Testing
import ZinxTestKit
import ZinxWire

@Suite("FrameHeader")
struct FrameHeaderTests {
  /// Both ends, every single bit, every single byte, and bytes that are all different.
  static let interesting: [UInt32] =
    [0, 1, 0x0102_0304, 0x7fff_ffff, .max - 1, .max] + (0..<32).map { 1 << $0 } + (0..<4).map { 0xff << ($0 * 8) }

  private func bytes(_ header: FrameHeader, _ pack: DataPack) -> [UInt8] {
    withUnsafeBytes(of: header.rawHeader(pack), Array.init)
  }

  @Test("id and length come back over the whole range of u32", arguments: DataPack.allCases)
  func roundTrip(_ pack: DataPack) {
    for id in Self.interesting {
      for length in Self.interesting {
        let header = FrameHeader(id: id, length: length)
        #expect(FrameHeader(rawHeader: header.rawHeader(pack), pack) == header)
      }
    }
  }

  @Test("random headers come back, and random bytes too", arguments: DataPack.allCases)
  func randomRoundTrip(_ pack: DataPack) {
    var random = SplitMix64(seed: 42)
    for _ in 0..<2000 {
      let raw = random.next()
      #expect(FrameHeader(rawHeader: raw, pack).rawHeader(pack) == raw)
    }
  }

  @Test(
    "every order puts each byte in its place",
    arguments: [
      (DataPack.ltvLittleEndian, [8, 7, 6, 5, 4, 3, 2, 1]), (.tlvBigEndian, [1, 2, 3, 4, 5, 6, 7, 8]),
      (.tlvLittleEndian, [4, 3, 2, 1, 8, 7, 6, 5]),
    ] as [(DataPack, [UInt8])])
  func layout(_ pack: DataPack, _ expected: [UInt8]) {
    #expect(bytes(FrameHeader(id: 0x0102_0304, length: 0x0506_0708), pack) == expected)
  }

  @Test("an order is named as in the configuration", arguments: zip(DataPack.allCases, ["ltv-le", "tlv-be", "tlv-le"]))
  func names(_ pack: DataPack, _ name: String) {
    #expect(pack.rawValue == name)
    #expect(DataPack(rawValue: name) == pack)
  }
}
