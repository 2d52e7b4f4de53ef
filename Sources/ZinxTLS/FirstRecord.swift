/// What a client begins with, until its first record is whole. OpenSSL takes 70 KiB for a session that has seen a byte: who sends no more than a
/// part of a first message has none.
package struct FirstRecord {
  private static let handshake: UInt8 = 22
  private static let headerSize = 5
  /// One that announces more is refused by its header.
  private static let longest = TLSSession.recordSize + 256

  package private(set) var bytes: [UInt8] = []

  package init() {}

  /// Takes what has come. Returns whether a session can do something with ``bytes``: a record is whole, or there is none.
  package mutating func take(_ more: UnsafeRawBufferPointer) -> Bool {
    bytes += more
    guard let first = bytes.first, first == Self.handshake else { return !bytes.isEmpty }
    guard bytes.count >= Self.headerSize else { return false }
    let length = Int(bytes[3]) << 8 | Int(bytes[4])
    return length > Self.longest || bytes.count >= Self.headerSize + length
  }

  /// Gives the bytes away.
  package mutating func takeBytes() -> [UInt8] {
    defer { bytes = [] }
    return bytes
  }
}
