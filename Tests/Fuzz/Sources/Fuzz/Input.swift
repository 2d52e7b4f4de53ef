/// What libFuzzer made: parameters are taken from the front, what is left is the text or stream.
struct Input {
  private(set) var rest: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

  var isEmpty: Bool { rest.isEmpty }
  var bytes: [UInt8] { Array(rest) }

  /// 0 when nothing is left.
  mutating func byte() -> UInt8 {
    guard let first = rest.first else { return 0 }
    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst())
    return first
  }

  /// Little-endian.
  mutating func word<T: FixedWidthInteger & UnsignedInteger>(_: T.Type) -> T {
    (0..<T.bitWidth / 8).reduce(0) { $0 | T(byte()) << (8 * $1) }
  }

  mutating func element<C: RandomAccessCollection>(of choices: C) -> C.Element {
    choices[choices.index(choices.startIndex, offsetBy: Int(byte()) % choices.count)]
  }

  /// What is left, cut at zero bytes; invalid UTF-8 is repaired, as nothing reads text that is not Unicode.
  func texts() -> [String] {
    rest.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
  }
}
