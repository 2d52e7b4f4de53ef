import Testing

@testable import ZinxWire

@Suite("A PROXY header")
struct ProxyHeaderTests {
  typealias End = ProxyHeader.End
  typealias Fault = ProxyHeader.Fault

  private func read(_ bytes: some Sequence<UInt8>) -> ProxyHeader.Reading { Array(bytes).withUnsafeBytes(ProxyHeader.read) }

  private func read(_ line: String) -> ProxyHeader.Reading { read(line.utf8) }

  private static let four = ProxyHeader.Ends(
    source: End(address: .v4(0xC000_0201), port: 56324), destination: End(address: .v4(0xC000_020B), port: 443))
  private static let six = ProxyHeader.Ends(
    source: End(address: .v6(0x2001_0DB8 << 96 | 1), port: 1), destination: End(address: .v6(1), port: 65535))

  /// Version 2 with whatever a field may be.
  private static func binary(
    command: UInt8 = 0x21, _ kind: UInt8, _ addresses: [UInt8], more: [UInt8] = [], length: Int? = nil
  ) -> [UInt8] {
    let length = length ?? addresses.count + more.count
    return ProxyHeader.signature + [command, kind, UInt8(length >> 8), UInt8(length & 0xFF)] + addresses + more
  }

  private static let fourBytes: [UInt8] = [192, 0, 2, 1, 192, 0, 2, 11, 0xDC, 0x04, 0x01, 0xBB]
  private static let sixBytes: [UInt8] =
    [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1] + [UInt8](repeating: 0, count: 15) + [1, 0, 1, 0xFF, 0xFF]

  /// Headers that are whole, and what they tell.
  private static let whole: [([UInt8], ProxyHeader.Ends?)] = [
    (Array("PROXY TCP4 192.0.2.1 192.0.2.11 56324 443\r\n".utf8), four),
    (Array("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n".utf8), six),
    (Array("PROXY TCP6 2001:0DB8:0:0:0:0:0:1 0:0:0:0:0:0:0:1 1 65535\r\n".utf8), six),
    (Array("PROXY UNKNOWN\r\n".utf8), nil),
    (Array("PROXY UNKNOWN whatever 1 2 \0 \u{FF}\r\n".utf8), nil),
    (binary(0x11, fourBytes), four),
    (binary(0x21, sixBytes), six),
    // What else it tells is skipped: here a unique id, and padding.
    (binary(0x11, fourBytes, more: [0x05, 0, 3, 1, 2, 3, 0x04, 0, 1, 0]), four),
    (binary(0x21, sixBytes, more: [UInt8](repeating: 0xEE, count: 1000)), six),
    // Not TCP: the addresses of the socket hold.
    (binary(0x12, fourBytes), nil), (binary(0x22, sixBytes), nil),
    (binary(0x31, [UInt8](repeating: 0x2F, count: 216)), nil),
    (binary(0x32, [UInt8](repeating: 0, count: 216), more: [4, 0, 0]), nil),
    (binary(0x00, []), nil), (binary(0x00, [1, 2, 3]), nil), (binary(0x10, [9]), nil), (binary(0x01, []), nil),
    // The proxy's own connection, whatever else it says.
    (binary(command: 0x20, 0x00, []), nil), (binary(command: 0x20, 0x11, fourBytes), nil),
    (binary(command: 0x20, 0xFF, [1]), nil),
  ]

  /// Whose connection it is: the proxy's own says so, and version 1 has one word for that and for a client without an address.
  private static func owner(_ bytes: [UInt8], _ ends: ProxyHeader.Ends?) -> ProxyHeader.Owner {
    if bytes[0] == UInt8(ascii: "P") { return ends == nil ? .unknown : .client }
    return bytes[12] == 0x20 ? .proxy : .client
  }

  @Test func `tells both ends of a TCP connection, and how many bytes it took; what follows is left`() {
    for (bytes, ends) in Self.whole {
      for rest in [[], [0], Array("\r\nPROXY".utf8), [UInt8](repeating: 0x0D, count: 70_000)] {
        #expect(read(bytes + rest) == .header(ProxyHeader(length: bytes.count, ends: ends, owner: Self.owner(bytes, ends))))
      }
    }
  }

  @Test func `needs more as long as it is not whole, wherever it is cut off`() {
    for (bytes, _) in Self.whole {
      for count in 0..<bytes.count { #expect(read(bytes.prefix(count)) == .needsMore, "\(count) of \(bytes)") }
    }
  }

  @Test(
    "of version 1 is refused for each field that is not as it has to be",
    arguments: [
      ("PROXY TCP4 192.0.2.1 192.0.2.11 56324\r\n", .fields), ("PROXY TCP4 192.0.2.1 192.0.2.11 56324 443 \r\n", .fields),
      ("PROXY TCP4  192.0.2.1 192.0.2.11 56324 443\r\n", .fields), ("PROXY TCP4\r\n", .fields), ("PROXY \r\n", .fields),
      ("PROXY tcp4 192.0.2.1 192.0.2.11 56324 443\r\n", .fields), ("PROXY UDP4 192.0.2.1 192.0.2.11 1 2\r\n", .fields),
      ("PROXY UNKNOWN4\r\n", .fields), ("PROXY TCP5 192.0.2.1 192.0.2.11 1 2\r\n", .fields),
      ("PROXY TCP4 192.0.2 192.0.2.11 1 2\r\n", .address), ("PROXY TCP4 192.0.2.1 192.0.2.256 1 2\r\n", .address),
      ("PROXY TCP4 192.0.02.1 192.0.2.11 1 2\r\n", .address), ("PROXY TCP4 ::1 ::1 1 2\r\n", .address),
      ("PROXY TCP4 192.0.2.1\0 192.0.2.11 1 2\r\n", .address), ("PROXY TCP6 192.0.2.1 ::1 1 2\r\n", .address),
      ("PROXY TCP6 ::1 ::1%lo 1 2\r\n", .address), ("PROXY TCP6 1::2::3 ::1 1 2\r\n", .address),
      ("PROXY TCP6 [::1] ::1 1 2\r\n", .address), ("PROXY TCP6 ::10000 ::1 1 2\r\n", .address),
      ("PROXY TCP6 :: ::1\0 1 2\r\n", .address),
      ("PROXY TCP4 192.0.2.1 192.0.2.11 65536 2\r\n", .port), ("PROXY TCP4 192.0.2.1 192.0.2.11 01 2\r\n", .port),
      ("PROXY TCP4 192.0.2.1 192.0.2.11 +1 2\r\n", .port), ("PROXY TCP4 192.0.2.1 192.0.2.11 1 -2\r\n", .port),
      ("PROXY TCP4 192.0.2.1 192.0.2.11 1 \r\n", .port), ("PROXY TCP4 192.0.2.1 192.0.2.11 0x1 2\r\n", .port),
      ("PROXY TCP4 192.0.2.1 192.0.2.11 1 2\n", .unendedLine), ("PROXY TCP4 192.0.2.1 192.0.2.11 1 2\r \n", .unendedLine),
      ("PROXY UNKNOWN \n\r\n", .unendedLine), ("PROXY UNKNOWN\rx", .unendedLine),
      ("PROXY\r\n", .otherProtocol), ("PROXYTCP4 ", .otherProtocol), ("proxy TCP4", .otherProtocol),
      ("GET / HTTP/1.1", .otherProtocol),
      ("\0", .otherProtocol), ("\r\n\r\n\r", .otherProtocol),
    ] as [(String, Fault)])
  func badLine(line: String, fault: Fault) { #expect(read(line) == .refused(fault)) }

  @Test func `takes a mapped address, as proxies write one that listen on both kinds of address`() {
    let line = "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.11 56324 443\r\n"
    let source = End(address: .v6(0xFFFF_C000_0201), port: 56324)
    var told: ProxyHeader.Ends?
    if case .header(let header) = read(line) { told = header.ends }
    #expect(told?.source == source)
  }

  @Test func `of version 1 has at most 107 bytes`() {
    let longest = "PROXY UNKNOWN " + String(repeating: "x", count: 91)
    #expect(read(longest + "\r\n") == .header(ProxyHeader(length: 107, ends: nil, owner: .unknown)))
    #expect(read(longest + "\r") == .needsMore)
    #expect(read(longest + "x\r") == .refused(.unendedLine))
    #expect(read(longest + "xx") == .refused(.unendedLine))
    #expect(read(longest + "x") == .needsMore)
  }

  @Test func `of version 2 is refused as soon as the byte has come that is wrong`() {
    let start = ProxyHeader.signature
    for version in [0x11, 0x01, 0x31, 0xF1] as [UInt8] { #expect(read(start + [version]) == .refused(.version)) }
    for command in [0x22, 0x2F] as [UInt8] { #expect(read(start + [command]) == .refused(.command)) }
    for kind in [0x41, 0xF1, 0x13, 0x1F, 0x40, 0x03] as [UInt8] { #expect(read(start + [0x21, kind]) == .refused(.family)) }
    for (kind, least) in [(0x11, 12), (0x12, 12), (0x21, 36), (0x22, 36), (0x31, 216), (0x32, 216)] as [(UInt8, Int)] {
      #expect(read(Self.binary(kind, [], length: least - 1)) == .refused(.shortAddresses))
      #expect(read(Self.binary(kind, [], length: least)) == .needsMore)
    }
    for index in start.indices {
      var bytes = start
      bytes[index] ^= 1
      #expect(read(bytes.prefix(index + 1)) == .refused(.otherProtocol))
    }
  }

  @Test func `of version 2 has at most 16 KiB, whatever kind it is`() {
    for (command, kind) in [(0x21, 0x11), (0x21, 0x00), (0x20, 0x00)] as [(UInt8, UInt8)] {
      let room = ProxyHeader.longest - 16
      let longest = Self.binary(command: command, kind, [UInt8](repeating: 1, count: room))
      let ends =
        kind == 0x11
        ? ProxyHeader.Ends(
          source: End(address: .v4(0x0101_0101), port: 0x0101), destination: End(address: .v4(0x0101_0101), port: 0x0101)) : nil
      let owner: ProxyHeader.Owner = command == 0x20 ? .proxy : .client
      #expect(read(longest) == .header(ProxyHeader(length: 16384, ends: ends, owner: owner)))
      #expect(read(longest.dropLast()) == .needsMore)
      #expect(read(Self.binary(command: command, kind, [], length: room + 1)) == .refused(.tooLong(16385)))
    }
  }

  @Test func `has words for each fault, none of which the peer has chosen`() {
    let faults: [Fault] = [
      .otherProtocol, .unendedLine, .fields, .address, .port, .version, .command, .family, .tooLong(20000), .shortAddresses,
    ]
    #expect(Set(faults.map(\.description)).count == faults.count)
    #expect(Fault.tooLong(20000).description == "its PROXY header is 20000 bytes long, at most 16384 are taken")
  }
}
