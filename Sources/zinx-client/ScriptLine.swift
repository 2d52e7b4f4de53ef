/// The bytes of a line as text.
enum ScriptLine {
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  /// - Parameters:
  ///   - line: without the LF that ends it.
  ///   - isFirst: whether it is that of a file, with which a byte order mark would be.
  ///
  /// Throws: a mistake with its column.
  static func text(_ line: ArraySlice<UInt8>, isFirst: Bool) throws(ScriptMistake) -> Substring {
    guard !isFirst || !line.starts(with: byteOrderMark) else {
      throw ScriptMistake("there is a byte order mark: save the file as UTF-8 without one", column: 1)
    }
    // The other half of a line's end in files of other systems.
    let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    if let place = line.firstIndex(of: UInt8(ascii: "\r")) {
      throw ScriptMistake("there is a CR that ends no line: write \\r for one in the data", column: place - line.startIndex + 1)
    }
    if let text = String(validating: line, as: UTF8.self) { return text[...] }
    let place = validLength(line)
    let byte = String(line[line.startIndex + place], radix: 16)
    throw ScriptMistake("the byte \(byte) is no UTF-8: write \\x\(byte) for it in the data", column: place + 1)
  }

  /// Bytes in front of the first that is none of a text.
  private static func validLength(_ bytes: ArraySlice<UInt8>) -> Int {
    var (rest, decoder, length) = (bytes.makeIterator(), UTF8(), 0)
    while case .scalarValue(let scalar) = decoder.decode(&rest) { length += UTF8.width(scalar) }
    return length
  }
}
