/// The HTTP request by which a client becomes a WebSocket (RFC 6455, section 4.2.1), and its headers for whoever wants to know who comes.
///
/// Read as strictly as RFC 9112 lets a server: lines end by CR LF, nothing is folded, and a body there is none.
public struct WebSocketRequest: Sendable, Hashable {
  /// Bytes of the longest request that is read.
  public static let longest = 8 << 10
  /// Headers that one may have.
  public static let mostHeaders = 100

  /// A header, as the client wrote it.
  public struct Header: Sendable, Hashable {
    public let name: String
    public let value: String

    package init(name: String, value: String) { (self.name, self.value) = (name, value) }
  }

  /// Bytes of the request.
  public let length: Int
  /// `/ws`, as it was written: nothing is decoded.
  public let path: String
  /// What stands behind the question mark; nil without one.
  public let query: String?
  /// In the order of the request.
  public let headers: [Header]

  package init(length: Int, path: String, query: String?, headers: [Header]) {
    (self.length, self.path, self.query, self.headers) = (length, path, query, headers)
  }

  /// What the first bytes of a connection are.
  public enum Reading: Sendable, Hashable {
    /// A request that is HTTP, of whatever kind.
    case request(WebSocketRequest)
    case needsMore
    /// No request that can be answered otherwise than by 400; says why.
    case bad(String)
  }

  /// The value of a header that may be there once, by its name in any case.
  public subscript(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }

  /// Those of a header that is a list, over all of its lines.
  public func list(_ name: String) -> [String] {
    headers.filter { $0.name.lowercased() == name.lowercased() }.flatMap { header in
      // By bytes: a comma may be one character with what stands in front of it, and whoever wrote that is a peer.
      header.value.utf8.split(separator: UInt8(ascii: ",")).map { Self.trimmed(Substring($0)) }.filter { !$0.isEmpty }
    }
  }

  /// Reads the first bytes of a connection, as many as there are by now.
  public static func read(_ bytes: UnsafeRawBufferPointer) -> Reading {
    let head = bytes.prefix(longest)
    guard beginsAsText(head) else { return .bad("it does not speak HTTP") }
    var lines: [Slice<UnsafeRawBufferPointer>] = []
    var start = head.startIndex
    while let end = head[start...].firstIndex(of: UInt8(ascii: "\n")) {
      guard end > start, head[end - 1] == UInt8(ascii: "\r") else { return .bad("a line does not end by CR LF") }
      if end - 1 == start { return read(lines, length: end + 1) }
      lines.append(head[start..<end - 1])
      // Whoever speaks something else may send no more than one.
      if lines.count == 1, target(lines[0]) == nil { return .bad(notGet) }
      start = end + 1
    }
    return head.count < longest ? .needsMore : .bad("the request has more than \(longest) bytes")
  }

  private static let notGet = "the first line is not GET, a path and HTTP/1.1"

  /// Whether the first line, as far as it is there, may be one of HTTP: a method, and nothing that no line has.
  private static func beginsAsText(_ head: Slice<UnsafeRawBufferPointer>) -> Bool {
    guard let first = head.first else { return true }
    let line = head.prefix { $0 != UInt8(ascii: "\n") }
    return isToken(first) && line.allSatisfy { $0 >= 0x20 || $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\t") }
  }

  private static func read(_ lines: [Slice<UnsafeRawBufferPointer>], length: Int) -> Reading {
    guard let first = lines.first, let target = target(first) else { return .bad(notGet) }
    guard lines.count <= 1 + mostHeaders else { return .bad("the request has more than \(mostHeaders) headers") }
    var headers: [Header] = []
    for line in lines.dropFirst() {
      guard let header = header(line) else { return .bad("a header is malformed") }
      headers.append(header)
    }
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let request = WebSocketRequest(
      length: length, path: String(parts[0]), query: parts.count > 1 ? String(parts[1]) : nil, headers: headers)
    return request.fault.map(Reading.bad) ?? .request(request)
  }

  /// What no request may have, whatever it asks for.
  private var fault: String? {
    func count(_ name: String) -> Int { headers.count { $0.name.lowercased() == name } }
    guard count("host") == 1 else { return "a request has one Host" }
    for name in ["origin", "sec-websocket-key", "sec-websocket-version", "content-length"] where count(name) > 1 {
      return "\(name) is there twice"
    }
    return count("transfer-encoding") > 0 || self["content-length"].map { $0 != "0" } == true ? "the request has a body" : nil
  }

  /// The path and the query of `GET /ws?a=b HTTP/1.1`.
  private static func target(_ line: Slice<UnsafeRawBufferPointer>) -> String? {
    let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].elementsEqual("GET".utf8), parts[2].elementsEqual("HTTP/1.1".utf8),
      parts[1].first == UInt8(ascii: "/"), parts[1].allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") })
    else { return nil }
    return String(decoding: parts[1], as: UTF8.self)
  }

  static func header(_ line: Slice<UnsafeRawBufferPointer>) -> Header? {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex, line[..<colon].allSatisfy(isToken) else {
      return nil
    }
    let value = line[(colon + 1)...]
    guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else { return nil }
    return Header(
      name: String(decoding: line[..<colon], as: UTF8.self), value: trimmed(Substring(decoding: value, as: UTF8.self)))
  }

  private static func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }

  static func trimmed(_ text: Substring) -> String {
    let isSpace: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    var bytes = text.utf8.drop(while: isSpace)
    while let last = bytes.last, isSpace(last) { bytes.removeLast() }
    return String(Substring(bytes))
  }
}
