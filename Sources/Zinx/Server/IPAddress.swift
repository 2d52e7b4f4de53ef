import CLinux
import Glibc

/// An address as a number of 128 bits. IPv4 is where `::ffff:0:0/96` has it, so that a peer is the same whether it comes through an
/// IPv4 socket or through an IPv6 one that takes both.
package struct IPAddress: Sendable, Hashable, CustomStringConvertible {
  package let number: UInt128

  init(number: UInt128) { self.number = number }

  init(v4 number: UInt32) { self.number = 0xffff_0000_0000 | UInt128(number) }

  /// Reads `192.0.2.1`, `2001:db8::1`; nil for anything else, a host name or an interface included.
  package init?(_ text: String) {
    // inet_pton(3) would stop at a NUL and take what stands before it.
    guard !text.utf8.contains(0) else { return nil }
    var four = in_addr()
    var six = in6_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      self.init(v4: UInt32(bigEndian: four.s_addr))
    } else if inet_pton(AF_INET6, text, &six) == 1 {
      self.init(number: UInt128(bigEndian: withUnsafeBytes(of: six) { $0.loadUnaligned(as: UInt128.self) }))
    } else {
      return nil
    }
  }

  var isV4: Bool { number >> 32 == 0xffff }

  package var description: String {
    if isV4 { return withUnsafeBytes(of: UInt32(truncatingIfNeeded: number).bigEndian) { Self.text(AF_INET, $0) } }
    return withUnsafeBytes(of: number.bigEndian) { Self.text(AF_INET6, $0) }
  }

  /// The text of an address in network order.
  static func text(_ family: Int32, _ address: UnsafeRawBufferPointer) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
      guard let source = address.baseAddress, let target = text.baseAddress,
        let name = inet_ntop(family, source, target, socklen_t(text.count))
      else { return "?" }
      return String(cString: name)
    }
  }
}
