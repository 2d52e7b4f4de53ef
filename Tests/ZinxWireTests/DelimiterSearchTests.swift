import Testing
import ZinxTestKit

@testable import ZinxWire

/// Counts how often its bytes are looked at, one by one or by a search.
private final class CountedBytes: SearchedBytes {
  private let bytes: [UInt8]
  private(set) var looks = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var count: Int { bytes.count }

  subscript(index: Int) -> UInt8 {
    looks += 1
    return bytes[index]
  }

  func first(_ byte: UInt8, from start: Int) -> Int? {
    let found = bytes[start...].firstIndex(of: byte)
    looks += (found ?? count - 1) - start + 1
    return found
  }
}

@Suite("The search for a delimiter")
struct DelimiterSearchTests {
  private static func slowly(_ delimiter: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    guard bytes.count - start >= delimiter.count else { return nil }
    return (start...bytes.count - delimiter.count).first { bytes[$0...].starts(with: delimiter) }
  }

  @Test("finds what a look at each place does, at random", arguments: 0..<20 as Range<UInt64>)
  func atRandom(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<500 {
      // Of two letters, so that nearly everything is nearly a delimiter.
      func letters(_ counts: ClosedRange<Int>) -> [UInt8] {
        (0..<Int.random(in: counts, using: &random)).map { _ in UInt8.random(in: 0...1, using: &random) }
      }
      let (delimiter, bytes) = (letters(1...7), letters(0...60))
      let start = Int.random(in: 0...bytes.count, using: &random)
      let expected = Self.slowly(delimiter, in: bytes, from: start)
      let found = bytes.withUnsafeBytes { DelimiterSearch(delimiter).first(in: $0, from: start) }
      #expect(found == expected, "\(delimiter) in \(bytes) from \(start)")
      #expect(DelimiterSearch(delimiter).first(in: CountedBytes(bytes), from: start) == expected)
    }
  }

  @Test(
    "looks at no byte twice, however nearly it is a delimiter",
    arguments: [
      ("\r\n", "\r"), ("\r\n", "\n"), ("\r\n", "\rx"), ("aaaaaaaaaaaaaaab", "a"), ("abababababababac", "ab"), ("--", "-x"),
    ])
  func linear(delimiter: String, near: String) {
    let bytes = CountedBytes(Array(String(repeating: near, count: 10_000).utf8))
    #expect(DelimiterSearch(Array(delimiter.utf8)).first(in: bytes, from: 0) == nil)
    #expect(bytes.looks == bytes.count)
  }

  @Test("goes no further than the delimiter's end")
  func stops() {
    let bytes = CountedBytes(Array("xxx\r\n\r\n".utf8))
    #expect(DelimiterSearch(Array("\r\n".utf8)).first(in: bytes, from: 0) == 3)
    #expect(bytes.looks == 5)
  }
}
