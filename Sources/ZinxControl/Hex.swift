/// Bytes as hexadecimal digits, two each.
package enum Hex {
  private static let digits = Array("0123456789abcdef".utf8)

  package static func text(_ bytes: some Collection<UInt8>) -> String {
    String(unsafeUninitializedCapacity: 2 * bytes.count) { room in
      var index = 0
      for byte in bytes {
        room[index] = digits[Int(byte >> 4)]
        room[index + 1] = digits[Int(byte & 15)]
        index += 2
      }
      return index
    }
  }

  /// Of digits in either case, with blanks between bytes or without; nil for what is none.
  package static func bytes(_ text: some StringProtocol) -> [UInt8]? {
    var (bytes, high) = ([UInt8](), UInt8?.none)
    for character in text.utf8 {
      if character == 0x20 || character == 0x0A || character == 0x09 || character == 0x0D {
        guard high == nil else { return nil }
        continue
      }
      guard let digit = digit(character) else { return nil }
      guard let first = high.take() else {
        high = digit
        continue
      }
      bytes.append(first << 4 | digit)
    }
    return high == nil ? bytes : nil
  }

  private static func digit(_ character: UInt8) -> UInt8? {
    switch character {
    case 0x30...0x39: character - 0x30
    case 0x41...0x46: character - 0x37
    case 0x61...0x66: character - 0x57
    default: nil
    }
  }
}
