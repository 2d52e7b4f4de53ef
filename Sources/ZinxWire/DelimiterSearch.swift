import Glibc

/// Finds a delimiter, and looks at no byte twice, whatever a peer sends (Knuth, Morris and Pratt, 1977). Where nothing agrees it goes on as
/// fast as memchr(3).
struct DelimiterSearch: Sendable, Hashable {
  private let delimiter: [UInt8]
  /// For each number of bytes of the delimiter: with how many it begins that it also ends with there, fewer than all.
  private let borders: [Int]

  /// `delimiter` has a byte at least.
  init(_ delimiter: [UInt8]) {
    self.delimiter = delimiter
    var borders = [0, 0]
    for length in delimiter.indices.dropFirst() {
      var border = borders[length]
      while border > 0, delimiter[border] != delimiter[length] { border = borders[border] }
      borders.append(delimiter[border] == delimiter[length] ? border + 1 : 0)
    }
    self.borders = borders
  }

  /// Where the first delimiter begins that does so at `start` or behind.
  func first(in bytes: some SearchedBytes, from start: Int) -> Int? {
    var position = start
    var agreeing = 0
    while position < bytes.count {
      if agreeing == 0 {
        guard let found = bytes.first(delimiter[0], from: position) else { return nil }
        (position, agreeing) = (found + 1, 1)
      } else {
        let byte = bytes[position]
        while agreeing > 0, byte != delimiter[agreeing] { agreeing = borders[agreeing] }
        // Also where nothing agreed any more: one call for each byte that begins a delimiter would cost more than all the rest.
        if byte == delimiter[agreeing] { agreeing += 1 }
        position += 1
      }
      if agreeing == delimiter.count { return position - agreeing }
    }
    return nil
  }
}

/// Bytes that are searched; a test counts how often they are looked at.
protocol SearchedBytes {
  var count: Int { get }
  subscript(index: Int) -> UInt8 { get }

  /// Where a byte is at `start` or behind, which is one of them.
  func first(_ byte: UInt8, from start: Int) -> Int?
}

extension UnsafeRawBufferPointer: SearchedBytes {
  func first(_ byte: UInt8, from start: Int) -> Int? {
    guard let base = baseAddress, let found = memchr(base + start, Int32(byte), count - start) else { return nil }
    return UnsafeRawPointer(found) - base
  }
}
