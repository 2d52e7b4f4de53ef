import Glibc

/// The data of the requests, and whether a reply brought it back.
struct Payload: Sendable {
  /// Bytes at the front that tell one request from all others.
  static let tagLength = 8

  let bytes: [UInt8]
  let isTagged: Bool

  /// `isTagged`: every request gets a tag, if it is long enough to hold one.
  init(size: Int, isTagged: Bool) {
    bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) }
    self.isTagged = isTagged && size >= Self.tagLength
  }

  /// Names a request: 2^24 connections, 2^40 requests each.
  static func tag(connection: Int, sequence: Int) -> UInt64 {
    UInt64(truncatingIfNeeded: connection) << 40 | UInt64(truncatingIfNeeded: sequence) & (1 << 40 - 1)
  }

  /// Whether `part` is what stands at `offset` of the data of the request with that tag.
  func matches(_ part: UnsafeRawBufferPointer, at offset: Int, tag: UInt64) -> Bool {
    guard offset + part.count <= bytes.count else { return false }
    var rest = part[...]
    var position = offset
    while isTagged, position < Self.tagLength, let byte = rest.first {
      guard byte == UInt8(truncatingIfNeeded: tag >> UInt64(8 * position)) else { return false }
      rest = rest.dropFirst()
      position += 1
    }
    return bytes.withUnsafeBytes { bytes in
      let right = UnsafeRawBufferPointer(rebasing: bytes[position..<position + rest.count])
      // Empty buffers have no address.
      guard let left = UnsafeRawBufferPointer(rebasing: rest).baseAddress, let right = right.baseAddress else { return true }
      return memcmp(left, right, rest.count) == 0
    }
  }
}
