/// Version 2: a signature, four bytes that say what follows, addresses, and what else the proxy tells (TLVs), which is skipped
/// (section 2.2).
extension ProxyHeader {
  static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
  private static let fixedLength = 16
  private static let local: UInt8 = 0x20
  private static let proxy: UInt8 = 0x21

  /// What the lower half of the byte says that has the family in its upper one.
  private enum Transport { static let stream: UInt8 = 1, datagram: UInt8 = 2 }
  private enum Family { static let inet: UInt8 = 1, inet6: UInt8 = 2, unix: UInt8 = 3 }

  static func readBinary(_ bytes: UnsafeRawBufferPointer) -> Reading {
    // What is wrong is said as soon as it is there: a peer that speaks something else may send no more.
    let command = bytes.count > 12 ? bytes[12] : local
    guard command >> 4 == 2 else { return .refused(.version) }
    guard command == local || command == proxy else { return .refused(.command) }
    // The family of a proxy's own connection means nothing.
    let kind = command == proxy && bytes.count > 13 ? bytes[13] : 0
    guard kind >> 4 <= Family.unix, kind & 0xF <= Transport.datagram else { return .refused(.family) }
    guard bytes.count >= fixedLength else { return .needsMore }
    let rest = Int(bytes[14]) << 8 | Int(bytes[15])
    guard fixedLength + rest <= longest else { return .refused(.tooLong(fixedLength + rest)) }
    guard rest >= addressLength(kind) else { return .refused(.shortAddresses) }
    guard bytes.count >= fixedLength + rest else { return .needsMore }
    return .header(
      ProxyHeader(length: fixedLength + rest, ends: ends(kind, bytes), owner: command == local ? .proxy : .client))
  }

  /// Bytes of both ends.
  private static func addressLength(_ kind: UInt8) -> Int {
    guard kind & 0xF != 0 else { return 0 }
    return switch kind >> 4 {
    case Family.inet: 2 * (4 + 2)
    case Family.inet6: 2 * (16 + 2)
    case Family.unix: 2 * 108
    default: 0
    }
  }

  /// Those of a TCP connection. A client of the proxy that came by a UNIX socket has no address that could be told, and one that sends
  /// datagrams has no connection.
  private static func ends(_ kind: UInt8, _ bytes: UnsafeRawBufferPointer) -> Ends? {
    guard kind & 0xF == Transport.stream else { return nil }
    func number<T: FixedWidthInteger>(_ type: T.Type, at offset: Int) -> T {
      T(bigEndian: bytes.loadUnaligned(fromByteOffset: fixedLength + offset, as: type))
    }
    func end(_ address: Address, portAt offset: Int) -> End { End(address: address, port: number(UInt16.self, at: offset)) }
    switch kind >> 4 {
    case Family.inet:
      return Ends(
        source: end(.v4(number(UInt32.self, at: 0)), portAt: 8),
        destination: end(.v4(number(UInt32.self, at: 4)), portAt: 10))
    case Family.inet6:
      return Ends(
        source: end(.v6(number(UInt128.self, at: 0)), portAt: 32),
        destination: end(.v6(number(UInt128.self, at: 16)), portAt: 34))
    default: return nil
    }
  }
}
