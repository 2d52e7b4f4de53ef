public import NIOCore

/// The order of the two header fields, length and id, and of their bytes. A listener speaks one of them.
///
/// Zinx V0.5 to V1.0 as taught writes `ltvLittleEndian` (`DataPack`), Zinx V1.1 and later `tlvBigEndian`, early release archives
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
