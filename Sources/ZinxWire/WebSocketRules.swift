/// What a listener for WebSockets lets in, and what it answers: pure.
public struct WebSocketRules: Sendable, Hashable {
  /// The path of the only resource.
  public var path = "/"
  /// Origins of web pages whose scripts may come in, as browsers write them, `https://game.example`; `*` for all of them, and empty for
  /// those of the host that is asked. Only browsers send one: who sends none is none, and may come in.
  public var origins: [String] = []
  /// Of those that a client offers the first that is here is agreed on.
  public var subprotocols: [String] = []

  public init() {}

  /// An answer that lets nobody in.
  public struct Refusal: Sendable, Hashable {
    public let status: Int
    /// For people.
    public let text: String

    public init(_ status: Int, _ text: String) { (self.status, self.text) = (status, text) }
  }

  /// Why a request is not let in; nil if it is.
  public func refusal(of request: WebSocketRequest) -> Refusal? {
    guard request.path == path else { return Refusal(404, "There is nothing here.") }
    guard isUpgrade(request) else { return Refusal(426, "This is for WebSocket clients.") }
    guard request["Sec-WebSocket-Version"] == "13" else { return Refusal(426, "This speaks version 13 of WebSocket.") }
    guard let key = request["Sec-WebSocket-Key"], Self.isKey(key) else {
      return Refusal(400, "There is no good Sec-WebSocket-Key.")
    }
    guard isFromHere(request) else { return Refusal(403, "Pages from elsewhere may not come in.") }
    return nil
  }

  private func isUpgrade(_ request: WebSocketRequest) -> Bool {
    request.list("Connection").contains { $0.lowercased() == "upgrade" }
      && request.list("Upgrade").contains { $0.lowercased() == "websocket" }
  }

  /// 16 bytes in base64.
  private static func isKey(_ key: String) -> Bool {
    let digits = key.utf8.prefix(22)
    return key.utf8.count == 24 && key.hasSuffix("==") && digits.allSatisfy(base64.contains)
  }

  private func isFromHere(_ request: WebSocketRequest) -> Bool {
    guard let origin = request["Origin"] else { return true }
    guard origins.isEmpty else { return origins.contains { $0 == "*" || $0.lowercased() == origin.lowercased() } }
    guard let scheme = origin.firstRange(of: "://"), let host = request["Host"] else { return false }
    return Self.host(origin[scheme.upperBound...]) == Self.host(host[...])
  }

  /// Without the port.
  private static func host(_ authority: Substring) -> String {
    let end = authority.hasPrefix("[") ? authority.firstIndex(of: "]") : authority.firstIndex(of: ":")
    return authority[..<(end ?? authority.endIndex)].lowercased()
  }

  /// What is agreed on; nil without any.
  public func subprotocol(of request: WebSocketRequest) -> String? {
    guard !subprotocols.isEmpty else { return nil }
    return request.list("Sec-WebSocket-Protocol").first { subprotocols.contains($0) }
  }

  // MARK: Answers

  private static let base64 = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// The answer that makes a WebSocket of the connection. `sha1` has the digest of bytes.
  public func acceptance(of request: WebSocketRequest, sha1: ([UInt8]) -> [UInt8]) -> [UInt8] {
    let agreed = subprotocol(of: request).map { "Sec-WebSocket-Protocol: \($0)\r\n" } ?? ""
    return Array(
      ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: \(Self.accept(of: request["Sec-WebSocket-Key"] ?? "", sha1: sha1))\r\n\(agreed)\r\n").utf8)
  }

  /// What proves that a server has read the key of a request (section 4.2.2).
  static func accept(of key: String, sha1: ([UInt8]) -> [UInt8]) -> String {
    encoded(sha1(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
  }

  /// The same for who is not let in.
  public static func answer(_ refusal: Refusal) -> [UInt8] {
    let reasons = [400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 426: "Upgrade Required"]
    let isUpgrade = refusal.status == 426
    let more =
      switch refusal.status {
      // Each of them has to say how it is done better (RFC 9110, 15.5.2 and 15.5.22).
      case 401: "WWW-Authenticate: Bearer\r\n"
      case 426: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      default: ""
      }
    let text = refusal.text + "\n"
    return Array(
      ("HTTP/1.1 \(refusal.status) \(reasons[refusal.status] ?? "")\r\nConnection: \(isUpgrade ? "close, Upgrade" : "close")\r\n"
        + "\(more)Content-Type: text/plain; charset=utf-8\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)").utf8)
  }

  /// Bytes in base64 (RFC 4648, 4).
  package static func encoded(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let three = bytes[start..<min(start + 3, bytes.count)]
      let bits = three.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - three.count))
      for index in 0..<4 { text.append(index <= three.count ? base64[bits >> (18 - 6 * index) & 63] : UInt8(ascii: "=")) }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
