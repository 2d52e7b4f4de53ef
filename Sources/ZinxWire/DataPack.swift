/// The order of the two header fields, length and id, and of their bytes. A listener speaks one of them.
///
/// Zinx V0.5 to V1.0 as taught writes `ltvLittleEndian` (its `DataPack`), Zinx V1.1 and later `tlvBigEndian`, early release archives
/// `tlvLittleEndian`.
public enum DataPack: String, Sendable, CaseIterable {
  /// length u32 LE, id u32 LE, data
  case ltvLittleEndian = "ltv-le"
  /// id u32 BE, length u32 BE, data
  case tlvBigEndian = "tlv-be"
  /// id u32 LE, length u32 LE, data
  case tlvLittleEndian = "tlv-le"

  /// Bytes of a header, in every order.
  public static let headerLength = 8
}

/// The two fields in front of a message's data.
public struct FrameHeader: Sendable, Hashable {
  public var id: UInt32
  /// Bytes of data that follow.
  public var length: UInt32

  @inlinable
  public init(id: UInt32, length: UInt32) {
    self.id = id
    self.length = length
  }

  /// The eight header bytes as they were in memory, taken apart.
  @inlinable
  public init(rawHeader raw: UInt64, _ pack: DataPack) {
    // In memory order: the field that comes first on the wire is the low half of the little-endian word.
    let word = UInt64(littleEndian: raw)
    let first = UInt32(truncatingIfNeeded: word)
    let second = UInt32(truncatingIfNeeded: word >> 32)
    switch pack {
    case .ltvLittleEndian: self.init(id: second, length: first)
    case .tlvLittleEndian: self.init(id: first, length: second)
    case .tlvBigEndian: self.init(id: first.byteSwapped, length: second.byteSwapped)
    }
  }

  /// The eight header bytes, to be stored in memory as they are.
  @inlinable
  public func rawHeader(_ pack: DataPack) -> UInt64 {
    let (first, second): (UInt32, UInt32) =
      switch pack {
      case .ltvLittleEndian: (length, id)
      case .tlvLittleEndian: (id, length)
      case .tlvBigEndian: (id.byteSwapped, length.byteSwapped)
      }
    return (UInt64(second) << 32 | UInt64(first)).littleEndian
  }
}
