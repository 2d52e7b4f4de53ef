import Glibc

/// Version 1: a line of text (section 2.1).
extension ProxyHeader {
  static let lineStart = Array("PROXY ".utf8)
  /// Bytes of the longest line, its end included.
  private static let longestLine = 107
  private static let end = (cr: UInt8(ascii: "\r"), lf: UInt8(ascii: "\n"))

  static func readLine(_ bytes: UnsafeRawBufferPointer) -> Reading {
    let line = bytes.prefix(longestLine)
    guard let last = line.firstIndex(where: { $0 == end.cr || $0 == end.lf }) else {
      return line.count < longestLine ? .needsMore : .refused(.unendedLine)
    }
    // No other line of text ends so late, and none by one of them alone.
    guard line[last] == end.cr, last + 1 < longestLine else { return .refused(.unendedLine) }
    guard last + 1 < line.count else { return .needsMore }
    guard line[last + 1] == end.lf else { return .refused(.unendedLine) }
    do throws(Fault) {
      let ends = try ends(line[lineStart.count..<last])
      return .header(ProxyHeader(length: last + 2, ends: ends, owner: ends == nil ? .unknown : .client))
    } catch { return .refused(error) }
  }

  private static func ends(_ text: Slice<UnsafeRawBufferPointer>) throws(Fault) -> Ends? {
    let fields = text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
    // Whatever stands behind that is to be ignored.
    if fields.first == "UNKNOWN" { return nil }
    guard fields.count == 5, fields[0] == "TCP4" || fields[0] == "TCP6" else { throw .fields }
    let read = fields[0] == "TCP4" ? four : six
    guard let source = read(fields[1]), let destination = read(fields[2]) else { throw .address }
    guard let sourcePort = port(fields[3]), let destinationPort = port(fields[4]) else { throw .port }
    return Ends(
      source: End(address: source, port: sourcePort), destination: End(address: destination, port: destinationPort))
  }

  /// Four decimal numbers without leading zeros: inet_pton(3) takes no others.
  private static func four(_ text: String) -> Address? {
    var address = in_addr()
    guard !text.utf8.contains(0), inet_pton(AF_INET, text, &address) == 1 else { return nil }
    return .v4(UInt32(bigEndian: address.s_addr))
  }

  private static func six(_ text: String) -> Address? {
    var address = in6_addr()
    guard !text.utf8.contains(0), inet_pton(AF_INET6, text, &address) == 1 else { return nil }
    return .v6(UInt128(bigEndian: withUnsafeBytes(of: address) { $0.loadUnaligned(as: UInt128.self) }))
  }

  /// Written the one way: no sign, no leading zeros.
  private static func port(_ text: String) -> UInt16? {
    guard let port = UInt16(text), "\(port)" == text else { return nil }
    return port
  }
}
