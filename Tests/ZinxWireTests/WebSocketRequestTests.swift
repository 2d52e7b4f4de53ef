import Testing

@testable import ZinxWire

private typealias Change = @Sendable (inout [String]) -> Void

private func answered(_ status: Int, _ change: @escaping Change) -> (Int, Change) { (status, change) }

@Suite("A request to become a WebSocket")
struct WebSocketRequestTests {
  private static let lines = [
    "GET /ws?room=1&x HTTP/1.1", "Host: game.example:8080", "Upgrade: WebSocket", "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
  ]

  private static func text(_ change: (inout [String]) -> Void = { _ in }) -> String {
    var lines = lines
    change(&lines)
    return lines.joined(separator: "\r\n") + "\r\n\r\n"
  }

  private func read(_ text: some Sequence<UInt8>) -> WebSocketRequest.Reading {
    Array(text).withUnsafeBytes(WebSocketRequest.read)
  }

  private func request(_ change: (inout [String]) -> Void = { _ in }) throws -> WebSocketRequest {
    guard case .request(let request) = read(Self.text(change).utf8) else { throw Missing() }
    return request
  }

  private struct Missing: Error {}

  private static func rules(_ origins: [String] = [], _ subprotocols: [String] = []) -> WebSocketRules {
    var rules = WebSocketRules()
    (rules.path, rules.origins, rules.subprotocols) = ("/ws", origins, subprotocols)
    return rules
  }

  @Test func `has a path, a query and headers, and ends where it ends`() throws {
    let whole = Array(Self.text { $0.append("X-A:  b \t") }.utf8)
    guard case .request(let request) = read(whole + [0x82, 0x80]) else { throw Missing() }
    #expect(request.length == whole.count)
    #expect(request.path == "/ws" && request.query == "room=1&x")
    #expect(request["x-a"] == "b" && request["HOST"] == "game.example:8080" && request["nothing"] == nil)
    #expect(request.headers.count == 6)
    for count in 0..<whole.count { #expect(read(whole.prefix(count)) == .needsMore, "\(count)") }
  }

  @Test func `has the values of its query, decoded, and those of its cookies, as they are`() throws {
    let asked = try request {
      $0[0] = "GET /ws?room=1&token=a%2Bb+c%C3%A9&empty=&bare&bad=%zz&cut=%4&latin=%E9&a%20b=3&room=2 HTTP/1.1"
      $0 += ["Cookie: a=1; session=x=y%20z;b = 2 ", "cookie: late=3"]
    }
    #expect(asked.parameter("room") == "1" && asked.parameter("token") == "a+b cé")
    #expect(asked.parameter("empty") == "" && asked.parameter("bare") == "" && asked.parameter("a b") == "3")
    for missing in ["bad", "cut", "latin", "Room", ""] { #expect(asked.parameter(missing) == nil, "\(missing)") }
    #expect(asked.cookie("a") == "1" && asked.cookie("session") == "x=y%20z" && asked.cookie("b") == "2")
    #expect(asked.cookie("late") == "3" && asked.cookie("A") == nil && asked.cookie("") == nil)
    let bare = try request { $0[0] = "GET /ws HTTP/1.1" }
    #expect(bare.parameter("room") == nil && bare.cookie("a") == nil)
  }

  @Test(
    arguments: [
      { $0[0] = "POST /ws HTTP/1.1" }, { $0[0] = "GET /ws HTTP/1.0" }, { $0[0] = "GET  /ws HTTP/1.1" }, { $0[0] = "GET /ws" },
      { $0[0] = "GET ws HTTP/1.1" }, { $0[0] = "GET /w\u{7}s HTTP/1.1" }, { $0[0] = "GET /ws#a HTTP/1.1" },
      { $0[0] = "GET /wé HTTP/1.1" }, { $0.remove(at: 1) }, { $0.append("Host: other") }, { $0.append("Upgrade") },
      { $0.append(": a") },
      { $0.append("A : b") }, { $0.append(" folded") }, { $0.append("A: \u{0}") }, { $0.append("A: b\rc") },
      { $0.append("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==") }, { $0.append("Sec-WebSocket-Version: 13") },
      { $0.append("Origin: a\r\nOrigin: b") }, { $0.append("Content-Length: 5") }, { $0.append("Transfer-Encoding: chunked") },
      { $0.append("A: b\nC: d") }, { $0[0] = "\u{16}\u{3}\u{1}" }, { $0[0] = "" },
    ] as [@Sendable (inout [String]) -> Void])
  func `is bad where HTTP is not kept to`(change: @Sendable (inout [String]) -> Void) {
    guard case .bad(let reason) = read(Self.text(change).utf8) else {
      Issue.record("\(read(Self.text(change).utf8))")
      return
    }
    #expect(!reason.isEmpty)
  }

  @Test func `has at most 8 KiB`() {
    let start = Self.lines.joined(separator: "\r\n") + "\r\nA: "
    let fill = String(repeating: "x", count: 8192 - 4 - start.utf8.count)
    guard case .request(let request) = read((start + fill + "\r\n\r\n").utf8) else {
      Issue.record("the longest")
      return
    }
    #expect(request.length == 8192)
    guard case .bad = read((start + fill + "x\r\n\r\n").utf8) else {
      Issue.record("one byte more")
      return
    }
  }

  @Test(
    arguments: [
      answered(404, { $0[0] = "GET / HTTP/1.1" }), answered(404, { $0[0] = "GET /ws/ HTTP/1.1" }),
      answered(404, { $0[0] = "GET /WS HTTP/1.1" }),
      answered(426, { $0.remove(at: 2) }), answered(426, { $0[2] = "Upgrade: h2c" }),
      answered(426, { $0[3] = "Connection: close" }),
      answered(426, { $0[5] = "Sec-WebSocket-Version: 8" }), answered(426, { $0.remove(at: 5) }),
      answered(400, { $0.remove(at: 4) }),
      answered(400, { $0[4] = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=" }),
      answered(400, { $0[4] = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j*Q==" }),
      answered(403, { $0.append("Origin: https://other.example") }), answered(403, { $0.append("Origin: null") }),
    ])
  func `is answered by what is wrong with it`(status: Int, change: @Sendable (inout [String]) -> Void) throws {
    let refusal = try #require(Self.rules().refusal(of: request(change)))
    #expect(refusal.status == status)
    let answer = String(decoding: WebSocketRules.answer(refusal), as: UTF8.self)
    #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
    #expect(answer.hasSuffix("\r\nContent-Length: \(refusal.text.utf8.count + 1)\r\n\r\n\(refusal.text)\n"))
    #expect(answer.contains("Sec-WebSocket-Version: 13") == (status == 426))
  }

  @Test func `is answered by 401, and what would be taken, where a plugin does not know its user`() {
    let answer = String(decoding: WebSocketRules.answer(WebSocketRules.Refusal(401, "Log in.")), as: UTF8.self)
    #expect(answer.hasPrefix("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nWWW-Authenticate: Bearer\r\n"))
    #expect(answer.hasSuffix("\r\nContent-Length: 8\r\n\r\nLog in.\n"))
  }

  @Test func `has at most a hundred headers`() {
    func with(_ count: Int) -> WebSocketRequest.Reading {
      read(Self.text { $0 += (0..<count - 5).map { "a\($0):" } }.utf8)
    }
    if case .request = with(100) {} else { Issue.record("a hundred are read") }
    #expect(with(101) == .bad("the request has more than 100 headers"))
  }

  @Test func `has lists that are cut at each comma, whatever stands before one`() throws {
    // U+0600 is one character with what comes behind it.
    let request = try request { $0 += ["X-Forwarded-For: 192.0.2.1\u{0600}, 203.0.113.7", "X-Forwarded-For: ,\t198.51.100.1 ,"] }
    #expect(request.list("X-Forwarded-For") == ["192.0.2.1\u{0600}", "203.0.113.7", "198.51.100.1"])
  }

  @Test func `comes from a page of the same host, of an origin that is named, or of no browser`() throws {
    func isIn(_ origin: String?, _ origins: [String]) throws -> Bool {
      try Self.rules(origins).refusal(of: request { if let origin { $0.append("Origin: \(origin)") } }) == nil
    }
    #expect(try isIn(nil, []))
    #expect(try isIn(nil, ["https://a.example"]))
    #expect(try isIn("https://game.example", []))
    #expect(try isIn("http://GAME.example:3000", []))
    #expect(try !isIn("http://game.example.evil", []))
    #expect(try !isIn("https://game.example", ["https://a.example"]))
    #expect(try isIn("https://A.example", ["https://b.example", "https://a.example"]))
    #expect(try isIn("null", ["*"]))
  }

  @Test func `is accepted with the digest of its key, and the first subprotocol that is known`() throws {
    let request = try request { $0.append("Sec-WebSocket-Protocol: a, zinx.v2\r\nSec-WebSocket-Protocol: zinx.v1") }
    var digested: [UInt8] = []
    let answer = Self.rules([], ["zinx.v1", "zinx.v2"]).acceptance(of: request) {
      digested = $0
      // That of RFC 6455, section 1.3.
      return [
        0xB3, 0x7A, 0x4F, 0x2C, 0xC0, 0x62, 0x4F, 0x16, 0x90, 0xF6, 0x46, 0x06, 0xCF, 0x38, 0x59, 0x45, 0xB2, 0xBE, 0xC4, 0xEA,
      ]
    }
    #expect(String(decoding: digested, as: UTF8.self) == "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    let text = String(decoding: answer, as: UTF8.self)
    #expect(text.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
    #expect(text.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
    #expect(text.contains("\r\nSec-WebSocket-Protocol: zinx.v2\r\n"))
    #expect(text.hasSuffix("\r\n\r\n"))
    #expect(Self.rules([], ["b"]).subprotocol(of: request) == nil)
    #expect(Self.rules().subprotocol(of: request) == nil)
  }
}
