import Glibc

/// An address of IP as one number; IPv4 as IPv6 has it (`::ffff:a.b.c.d`), so that a peer is in a network however it came.
package struct IPNumber: Sendable, Hashable {
  package var value: UInt128

  /// Nil for a text that is no address. A zone (`%eth0`) is no part of the number.
  package init?(_ text: some StringProtocol) {
    let text = String(text.prefix { $0 != "%" })
    guard !text.utf8.contains(0) else { return nil }
    var four = in_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      value = 0xFFFF << 32 | UInt128(UInt32(bigEndian: four.s_addr))
      return
    }
    var six = in6_addr()
    guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
    value = withUnsafeBytes(of: six) { $0.reduce(UInt128(0)) { $0 << 8 | UInt128($1) } }
  }

  /// The address in `127.0.0.1:7777` and `[::1]:7777`; nil where there is none, as in `unix:uid:0`.
  package init?(peer: String) {
    if peer.hasPrefix("["), let end = peer.firstIndex(of: "]") {
      self.init(peer[..<end].dropFirst())
    } else if let colon = peer.lastIndex(of: ":") {
      self.init(peer[..<colon])
    } else {
      return nil
    }
  }
}

/// A network, or a single address: `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1`.
package struct IPNetwork: Sendable, Hashable {
  private var address: IPNumber
  /// Of 128 bits.
  private var prefix: Int
  /// As it was written.
  package let text: String

  package init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = IPNumber(parts[0]), !parts[0].contains("%") else { return nil }
    let isV4 = !parts[0].contains(":")
    self.address = address
    self.text = text
    prefix = 128
    if parts.count == 2 {
      guard parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let bits = Int(parts[1]), bits <= (isV4 ? 32 : 128) else {
        return nil
      }
      prefix = isV4 ? 96 + bits : bits
    }
  }

  package func contains(_ number: IPNumber) -> Bool {
    prefix == 0 || (number.value ^ address.value) >> UInt128(128 - prefix) == 0
  }
}
