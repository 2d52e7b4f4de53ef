import Testing
import ZinxClient

@Suite("The address of a server")
struct ServerAddressTests {
  static let addresses: [(String, ServerAddress.Place, Bool, String?)] = [
    ("127.0.0.1:7777", ServerAddress.Place.tcp(host: "127.0.0.1", port: 7777), false, nil as String?),
    ("[::1]:7777", .tcp(host: "::1", port: 7777), false, nil),
    ("game.example:1", .tcp(host: "game.example", port: 1), false, nil),
    ("tcp://a:7777", .tcp(host: "a", port: 7777), false, nil), ("tls://a:7443", .tcp(host: "a", port: 7443), true, nil),
    ("TLS://[fe80::1%eth0]:65535", .tcp(host: "fe80::1%eth0", port: 65535), true, nil),
    ("ws://a", .tcp(host: "a", port: 80), false, "/"), ("ws://a:8080/ws", .tcp(host: "a", port: 8080), false, "/ws"),
    ("wss://a/ws?room=1&b=%20", .tcp(host: "a", port: 443), true, "/ws?room=1&b=%20"),
    ("wss://[::1]:8443?x", .tcp(host: "::1", port: 8443), true, "/?x"),
    ("unix:/run/zinxd/clients.sock", .unix(path: "/run/zinxd/clients.sock"), false, nil),
    ("unix:@zinxd", .abstract(name: "zinxd"), false, nil),
  ]

  @Test(arguments: addresses)
  func `says where it is and what is spoken there`(
    text: String, place: ServerAddress.Place, isSecure: Bool, target: String?
  ) throws {
    let address = try ServerAddress(text)
    #expect(address.place == place && address.isSecure == isSecure && address.webSocketTarget == target)
    // What is written is read as the same.
    #expect(try ServerAddress(address.description) == address)
  }

  static let others: [(String, ServerAddressError)] = [
    ("", ServerAddressError.malformed), ("a", .noPort), ("tls://a", .noPort), (":7777", .malformed), ("a:", .badPort),
    ("a:0", .badPort), ("a:65536", .badPort), ("a:+7", .badPort), ("a:07", .badPort), ("::1:7777", .noBrackets),
    ("[::1]", .noPort), ("[::1", .malformed), ("[a]:1", .malformed), ("[::1]7:1", .malformed), ("a b:1", .malformed),
    ("a/b:1", .malformed), ("user@a:1", .malformed), ("tls://a:1/path", .badPort), ("tls://", .malformed),
    ("ws:///x", .malformed),
    ("http://a:1", .unknownScheme("http")), ("ws://a/b c", .badPath), ("ws://a/b#c", .badPath), ("ws://a/\r\nHost: b", .badPath),
    ("ws://a/ü", .badPath), ("ws://a/" + String(repeating: "b", count: 4096), .badPath), ("a\r\n:1", .malformed),
    ("unix:", .notAbsolute), ("unix:clients.sock", .notAbsolute), ("unix:@", .notAbsolute), ("unix:/a\0b", .malformed),
    ("unix:/" + String(repeating: "a", count: 107), .tooLong), ("unix:@" + String(repeating: "a", count: 108), .tooLong),
  ]

  @Test(arguments: others)
  func `is refused with the reason if it is none`(text: String, error: ServerAddressError) {
    #expect(throws: error) { try ServerAddress(text) }
    #expect(!error.description.isEmpty)
  }

  @Test func `of a name of 107 bytes is the longest of a UNIX socket`() throws {
    _ = try ServerAddress("unix:/" + String(repeating: "a", count: 106))
    _ = try ServerAddress("unix:@" + String(repeating: "a", count: 107))
  }
}
