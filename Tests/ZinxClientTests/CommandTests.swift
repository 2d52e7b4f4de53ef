import ArgumentParser
import NIOCore
import Testing
import ZinxClient
import ZinxTLS
import ZinxWire

@testable import zinx_client

@Suite("A JSON line")
struct JSONLineTests {
  @Test(
    "escapes what must not stand in a string, and what a terminal would obey",
    arguments: [
      ("", #""""#), ("plain", #""plain""#), ("say \"hi\"", #""say \"hi\"""#), (#"a\b"#, #""a\\b""#), ("a\nb\r\t", #""a\nb\r\t""#),
      ("\u{0}\u{1}\u{1b}[31m", #""\u0000\u0001\u001b[31m""#), ("\u{7f}\u{85}\u{9f}", #""\u007f\u0085\u009f""#),
      ("\u{2028}\u{2029}", #""\u2028\u2029""#), ("hällo 👋🏽", #""hällo 👋🏽""#), ("e\u{301}", "\"e\u{301}\""), ("/", #""/""#),
      ("\r\n", #""\r\n""#), ("\u{61c}\u{202e}\u{e0001}", #""\u061c\u202e\udb40\udc01""#),
    ])
  func quotes(_ text: String, _ expected: String) {
    #expect(JSONLine.quoted(text) == expected)
  }

  @Test("keeps its fields in order and its numbers numbers")
  func fields() {
    var line = JSONLine()
    #expect(line.line == "{}")
    line.add("a", .integer(-1))
    line.add("b", .number(0.1255))
    line.add("c\n", .text("x"))
    line.add("d", .number(.nan))
    line.add("e", .flag(true))
    line.add("f", .null)
    #expect(line.line == #"{"a":-1,"b":0.126,"c\n":"x","d":null,"e":true,"f":null}"#)
  }

  @Test(
    "has three decimals",
    arguments: [(0, "0.000"), (1.0005, "1.001"), (-0.0001, "0.000"), (-2.5, "-2.500"), (999.9999, "1000.000")])
  func decimals(_ number: Double, _ expected: String) {
    #expect(decimal(number) == expected)
  }

  @Test("about a message shows text as text and the rest as digits")
  func messages() {
    let text = Report.object("reply", at: "now", Message(1, "hi"), [("seq", .integer(3))])
    #expect(text == #"{"time":"now","event":"reply","id":1,"length":2,"text":"hi","seq":3}"#)
    let binary = Report.object("message", at: "now", Message(id: .max, data: ByteBuffer(bytes: [0xff, 0])), [])
    #expect(binary == #"{"time":"now","event":"message","id":4294967295,"length":2,"hex":"ff00"}"#)
  }

  @Test("says the time as RFC 3339 does")
  func timestamp() throws {
    #expect(Report.timestamp().wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
  }
}

@Suite("Bytes on a terminal")
struct BytesTests {
  @Test(
    "are read from hexadecimal digits, spaced or not",
    arguments: [("", []), ("00", [0]), ("0aFf", [10, 255]), ("0x0a1B", [10, 27]), ("de ad:be\nef", [0xde, 0xad, 0xbe, 0xef])])
  func parses(_ text: String, _ expected: [UInt8]) {
    #expect(Bytes.parse(hex: text) == expected)
  }

  @Test("are refused when they are not pairs of hexadecimal digits", arguments: ["0", "abc", "0g", "--", "0x0", "é0", "１２"])
  func refuses(_ text: String) {
    #expect(Bytes.parse(hex: text) == nil)
  }

  @Test("are text when they are valid UTF-8")
  func text() {
    #expect(Bytes(Array("hällo".utf8)) == .text("hällo"))
    #expect(Bytes([0xc3]) == .binary([0xc3]))
    #expect(Bytes([]) == .text(""))
  }

  @Test("of a peer cannot move the cursor, ring the bell, or turn the writing round")
  func oneLine() {
    #expect(Bytes.text("a\u{1b}[2Jb\u{7}\n").oneLine() == #"a\x1b[2Jb\x07\n"#)
    #expect(Bytes.text("\u{202e}gpj").oneLine() == #"\xe2\x80\xaegpj"#)
    #expect(Bytes.text("abcdef").oneLine(limit: 3) == "abc…")
    #expect(Bytes.binary([1, 0xff]).oneLine() == "01ff")
    #expect(!Bytes.text("\u{1b}[31m").isPrintable && Bytes.text("two\nlines\t").isPrintable && !Bytes.binary([0]).isPrintable)
  }

  @Test("are dumped sixteen to a line")
  func dump() {
    let bytes = Array("0123456789abcdef".utf8) + [0, 0x41]
    let expected = """
      00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  |0123456789abcdef|
      00000010  00 41                                            |.A|
      """
    #expect(Bytes.dump(bytes) == expected)
    #expect(Bytes.dump([]) == "")
  }

  @Test("of a message are summed up in a line")
  func summary() {
    #expect(Message(2, "hello").summary == "id=2 5 bytes: hello")
    #expect(Message(3, "x").summary == "id=3 1 byte: x")
    #expect(Message(3, "").summary == "id=3 0 bytes")
  }
}

@Suite("Ping statistics")
struct PingStatisticsTests {
  @Test("are minimum, mean, maximum, and deviation")
  func statistics() {
    var trips = RoundTrips()
    #expect(trips.deviation == 0)
    for time in [2.0, 4, 4, 4, 5, 5, 7, 9] { trips.add(milliseconds: time) }
    #expect(trips.count == 8 && trips.minimum == 2 && trips.maximum == 9)
    #expect(abs(trips.mean - 5) < 1e-12 && abs(trips.deviation - 2) < 1e-12)
  }

  @Test("keep their digits when all times are long and close together")
  func precision() {
    var trips = RoundTrips()
    for time in [1e9, 1e9 + 1, 1e9 + 2] { trips.add(milliseconds: time) }
    #expect(abs(trips.deviation - (2.0 / 3).squareRoot()) < 1e-6)
  }

  @Test("count a reply for the oldest ping, even a late one")
  func late() {
    var run = PingRun()
    #expect(run.receive(at: .zero) == nil)
    #expect(run.send(at: .zero) == 1)
    #expect(run.send(at: .seconds(1)) == 2)
    #expect(run.expire(1) && run.isWaiting)
    #expect(run.loss == 100)
    #expect(run.receive(at: .seconds(2)) == .init(sequence: 1, milliseconds: 2000, isLate: true))
    #expect(run.receive(at: .milliseconds(2500)) == .init(sequence: 2, milliseconds: 1500, isLate: false))
    #expect(run.receive(at: .seconds(3)) == nil)
    #expect(!run.expire(2) && !run.isWaiting && run.isComplete && run.loss == 0)
  }

  @Test("show what is missing")
  func missing() {
    var run = PingRun()
    #expect(!run.isComplete && run.loss == 0)
    for _ in 0..<3 { _ = run.send(at: .zero) }
    _ = run.receive(at: .milliseconds(1))
    #expect(!run.isComplete && run.sent == 3 && run.received == 1)
    #expect(abs(run.loss - 66.667) < 0.001)
  }

  @Test("do not pile up when nothing is ever answered")
  func bounded() {
    var run = PingRun()
    for second in 0...PingRun.limit { _ = run.send(at: .seconds(second)) }
    #expect(run.receive(at: .seconds(PingRun.limit + 1))?.sequence == 2)
    #expect(run.sent == PingRun.limit + 1)
  }
}

@Suite("The options that name a server")
struct ServerOptionsTests {
  @Test func `are a host and a port, or an address with all that is spoken there`() throws {
    #expect(try ServerOptions.parse([]).choice.server == ServerAddress(host: "127.0.0.1", port: 7777))
    #expect(try ServerOptions.parse(["--host", "::1", "--port", "1"]).endpoint == "[::1]:1")
    let options = try ServerOptions.parse(["--address", "tls://a:1", "--ca", "ca.pem", "--cert", "c.pem", "--key", "k.pem"])
    let address = try ServerAddress("tls://a:1")
    #expect(options.choice.server == address)
    let tls = options.configuration.tls
    #expect(tls.caFile == "ca.pem" && tls.certFile == "c.pem" && tls.privateKeyFile == "k.pem" && tls.verifiesServer)
    #expect(try !ServerOptions.parse(["--address", "wss://a", "--insecure"]).configuration.tls.verifiesServer)
  }

  static let mistakes = [
    "--address a", "--address a:1 --port 2", "--address a:1 --ca ca.pem", "--insecure", "--address tls://a:1 --key k.pem",
    "--address tls://a:1 --insecure --ca ca.pem", "--address tls://a:1 --insecure --server-name b", "--port 0",
  ]

  @Test(arguments: mistakes)
  func `are refused where they do not go together`(line: String) {
    #expect(throws: (any Error).self) { try ServerOptions.parse(line.split(separator: " ").map(String.init)) }
  }

  @Test func `say why no connection came about, what to look at, and with which status the command ends`() {
    func words(_ fault: HandshakeFault) -> String {
      Failure.unreachable("tls://a:1", .handshakeFailed(endpoint: "a:1", fault), isAddress: true)
    }
    #expect(
      words(.rejected(.wrongName(wanted: "a", names: ["b", "c"])))
        == "cannot connect to tls://a:1: the server's certificate is not for a but for b, c. See --server-name.")
    #expect(words(.noTLS) == "cannot connect to tls://a:1: the server does not speak TLS. See --address.")
    let statuses: [(HandshakeFault, Int32)] = [
      (.rejected(.selfSigned(subject: "CN=a")), 77), (.certificateWanted, 77), (.certificateRefused("it was revoked"), 77),
      (.file("CAFile: ca.pem: No such file or directory"), 66), (.noTLS, 76), (.webSocket(.notFound(path: "/")), 76),
      (.silence(during: .tls), 76),
    ]
    for (fault, status) in statuses {
      #expect(Failure.status(of: .handshakeFailed(endpoint: "a:1", fault)).rawValue == status, "\(fault)")
    }
    #expect(Failure.status(of: .timedOut(after: .seconds(1))).rawValue == 69)
  }
}
