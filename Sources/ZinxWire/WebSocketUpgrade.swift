/// The HTTP request by which a client asks for a WebSocket, and what the server makes of it (RFC 6455, section 4.1): pure.
public struct WebSocketUpgrade: Sendable, Hashable {
  /// Bytes of the longest answer that is read, its body not counted.
  public static let longest = 16 << 10

  /// The name or address that is asked for, with the port if it is not the usual one: `game.example:8080`.
  public let host: String
  /// `/ws?room=1`: a path, and a query if there is one.
  public let target: String
  /// 16 bytes in base64.
  private let key: String

  /// - Parameter nonce: 16 bytes that no answer can have been made for before.
  public init(host: String, target: String, nonce: [UInt8]) {
    (self.host, self.target, key) = (host, target, WebSocketRules.encoded(nonce))
  }

  public var request: [UInt8] {
    Array(
      ("GET \(target) HTTP/1.1\r\nHost: \(host)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: \(key)\r\n"
        + "Sec-WebSocket-Version: 13\r\n\r\n").utf8)
  }

  /// What the first bytes of the server are.
  public enum Answer: Sendable, Hashable {
    case needsMore
    /// The frames of a WebSocket begin behind so many bytes.
    case accepted(length: Int)
    case failed(Fault)
  }

  /// Why there is no WebSocket.
  public enum Fault: Error, Sendable, Hashable {
    /// What came is no HTTP.
    case notHTTP
    /// It is none that can be read; says why.
    case malformed(String)
    /// 404: nothing has this path.
    case notFound(path: String)
    /// The server answers with another status than 101; `reason` is its word for it.
    case status(Int, reason: String)
    /// The server says 101, and that header of its answer makes no WebSocket.
    case notUpgraded(header: String)
    /// `Sec-WebSocket-Accept` is missing, or not made of the key that was sent: whoever answers knows nothing of WebSockets, or answers
    /// somebody else.
    case wrongAccept
    /// The server has agreed to something that nobody has asked for, by this header.
    case unasked(header: String)
  }

  /// Reads the first bytes of the server, as many as there are by now.
  ///
  /// - Parameter sha1: has the digest of bytes.
  public func read(_ bytes: UnsafeRawBufferPointer, sha1: ([UInt8]) -> [UInt8]) -> Answer {
    let version = "HTTP/1.".utf8
    guard bytes.prefix(version.count).elementsEqual(version.prefix(bytes.count)) else { return .failed(.notHTTP) }
    let head = bytes.prefix(Self.longest)
    var lines: [Slice<UnsafeRawBufferPointer>] = []
    var start = head.startIndex
    while let end = head[start...].firstIndex(of: UInt8(ascii: "\n")) {
      guard end > start, head[end - 1] == UInt8(ascii: "\r") else { return .failed(.malformed("a line does not end by CR LF")) }
      if end - 1 == start {
        if let fault = fault(lines, sha1) { return .failed(fault) }
        return .accepted(length: end + 1)
      }
      lines.append(head[start..<end - 1])
      start = end + 1
    }
    return head.count < Self.longest ? .needsMore : .failed(.malformed("it has more than \(Self.longest) bytes"))
  }

  private func fault(_ lines: [Slice<UnsafeRawBufferPointer>], _ sha1: ([UInt8]) -> [UInt8]) -> Fault? {
    guard let first = lines.first, let (status, reason) = Self.status(first) else {
      return .malformed("its first line is not HTTP/1.1 and a status")
    }
    if status == 404 { return .notFound(path: target) }
    guard status == 101 else { return .status(status, reason: reason) }
    var headers: [WebSocketRequest.Header] = []
    for line in lines.dropFirst() {
      guard let header = WebSocketRequest.header(line) else { return .malformed("a header is malformed") }
      headers.append(header)
    }
    // Its lists are read as those of a request are.
    return fault(WebSocketRequest(length: 0, path: "", query: nil, headers: headers), sha1)
  }

  private func fault(_ answer: WebSocketRequest, _ sha1: ([UInt8]) -> [UInt8]) -> Fault? {
    guard answer.list("Upgrade").contains(where: { $0.lowercased() == "websocket" }) else {
      return .notUpgraded(header: "Upgrade")
    }
    guard answer.list("Connection").contains(where: { $0.lowercased() == "upgrade" }) else {
      return .notUpgraded(header: "Connection")
    }
    guard answer.list("Sec-WebSocket-Accept") == [WebSocketRules.accept(of: key, sha1: sha1)] else { return .wrongAccept }
    for header in ["Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"] where answer[header] != nil {
      return .unasked(header: header)
    }
    return nil
  }

  /// The status and its word, of `HTTP/1.1 404 Not Found`.
  private static func status(_ line: Slice<UnsafeRawBufferPointer>) -> (Int, String)? {
    let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[0].elementsEqual("HTTP/1.1".utf8) || parts[0].elementsEqual("HTTP/1.0".utf8),
      parts[1].count == 3, parts[1].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    let status = parts[1].reduce(0) { 10 * $0 + Int($1 - UInt8(ascii: "0")) }
    // Whoever wrote it may be anybody, and it is shown to people.
    let reason = parts.count < 3 ? [] : parts[2].prefix(60).filter { (0x20...0x7E).contains($0) }
    return (status, String(decoding: reason, as: UTF8.self))
  }
}

extension WebSocketUpgrade.Fault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notHTTP: "the server does not speak HTTP"
    case .malformed(let reason): "the server's answer is no HTTP: \(reason)"
    case .notFound(let path): "the server has nothing at \(path) (404)"
    case .status(let status, let reason):
      "the server has no WebSocket there: it answers \(status)\(reason.isEmpty ? "" : " " + reason)"
    case .notUpgraded(let header): "the server has no WebSocket there: it answers 101 without a good \(header)"
    case .wrongAccept: "the server's Sec-WebSocket-Accept does not match the key"
    case .unasked(let header): "the server's answer has \(header), which nobody has asked for"
    }
  }
}
