/// Protocols that begin with bytes of their own, which no message of a usual id and length does.
extension Lookalike {
  /// Bytes and lines of an HTTP request in which the header that makes a WebSocket of it is looked for. Browsers have it in front, and
  /// who sends more must not cost more than who is served.
  private static let requestLimit = (bytes: 2048, lines: 32)

  private static let methods = ["GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "CONNECT ", "OPTIONS ", "TRACE ", "PATCH "].map {
    Array($0.utf8)
  }
  private static let http2Preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  private static let proxyLines = ["PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN"].map { Array($0.utf8) }
  private static let sshVersions = ["SSH-2.0-", "SSH-1."].map { Array($0.utf8) }
  private static let mqttNames = ["\0\u{4}MQTT", "\0\u{6}MQIsdp"].map { Array($0.utf8) }

  static func otherProtocol(_ bytes: UnsafeRawBufferPointer) -> Lookalike? {
    if methods.contains(where: { begins(bytes[...], $0, atLeast: $0.count) }) { return isUpgrade(bytes) ? .webSocket : .http }
    if begins(bytes[...], http2Preface, atLeast: 8) { return .http2 }
    if proxyLines.contains(where: { begins(bytes[...], $0, atLeast: 7) }) { return .proxyV1 }
    if begins(bytes[...], ProxyHeader.signature, atLeast: 8) { return .proxyV2 }
    if sshVersions.contains(where: { begins(bytes[...], $0, atLeast: 4) }) { return .ssh }
    if isClientHello(bytes) { return .tls }
    return isConnect(bytes) ? .mqtt : nil
  }

  /// Whether `bytes` begin with `signature`, or are the beginning of it, of at least so many bytes.
  private static func begins(_ bytes: Slice<UnsafeRawBufferPointer>, _ signature: [UInt8], atLeast: Int) -> Bool {
    bytes.count >= atLeast && zip(bytes, signature).allSatisfy { $0 == $1 }
  }

  /// Whether a header line of an HTTP request says `Upgrade: websocket`, in letters of any case.
  private static func isUpgrade(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var rest = bytes.prefix(requestLimit.bytes)
    for _ in 0..<requestLimit.lines {
      guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else { return false }
      rest = rest[(end + 1)...]
      // An empty line is the end of the headers.
      guard let first = rest.first, first != UInt8(ascii: "\r"), first != UInt8(ascii: "\n") else { return false }
      guard hasPrefix(rest, "upgrade:") else { continue }
      let value = rest.dropFirst(8).drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
      if hasPrefix(value, "websocket") { return true }
    }
    return false
  }

  private static func hasPrefix(_ bytes: Slice<UnsafeRawBufferPointer>, _ lowercase: StaticString) -> Bool {
    bytes.count >= lowercase.utf8CodeUnitCount
      && lowercase.withUTF8Buffer { zip(bytes, $0).allSatisfy { isSameLetter($0, $1) } }
  }

  private static func isSameLetter(_ byte: UInt8, _ lowercase: UInt8) -> Bool {
    byte == lowercase || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) && byte | 0x20 == lowercase
  }

  /// A record of type handshake and of a version that exists, not longer than a record may be, in it a ClientHello of less than 64 KiB
  /// (RFC 8446, sections 4 and 5.1).
  private static func isClientHello(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let head = Array(bytes.prefix(7))
    guard head.count >= 6, head.starts(with: [0x16, 0x03]), head[2] <= 4, head[5] == 1 else { return false }
    let length = Int(head[3]) << 8 | Int(head[4])
    return (4...1 << 14).contains(length) && head.dropFirst(6).allSatisfy { $0 == 0 }
  }

  /// The type of the packet, how long it is in one to four bytes of seven bits each, and the name of the protocol with its length
  /// (MQTT 5.0, section 3.1).
  private static func isConnect(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var rest = bytes[...]
    guard rest.popFirst() == 0x10 else { return false }
    for _ in 0..<4 {
      guard let byte = rest.popFirst() else { return false }
      guard byte & 0x80 == 0 else { continue }
      return mqttNames.contains { begins(rest, $0, atLeast: $0.count) }
    }
    return false
  }
}
