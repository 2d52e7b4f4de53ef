import Testing
import Zinx
import ZinxConfig
import ZinxTLS

@Suite("The object Tls of a listener")
struct TLSOptionsTests {
  private static let pair = #""CertFile": "c", "PrivateKeyFile": "k""#

  private static func parsed(_ members: String) -> ParsedConfiguration {
    parse(#"{"Listeners": [{"Name": "a", "Address": "h:1", "Tls": {"# + members + "}}]}")
  }

  private static func problems(_ members: String) -> [String] { parsed(members).problems.map(\.message) }

  @Test("has the defaults of the library for what is not there")
  func standard() {
    let expected = TLSConfiguration(certFile: "c", privateKeyFile: "k")
    #expect(Self.parsed(Self.pair).configuration?.server.endpoints.first?.tls == expected)
    #expect(parse(#"{"Listeners": [{"Name": "a", "Address": "h:1"}]}"#).configuration?.server.endpoints.first?.tls == nil)
  }

  @Test("is read as a whole, and printed so that it reads back as the same")
  func everything() throws {
    let text =
      Self.pair + #"""
        , "clientCAFile": "ca", "ClientAuth": "require", "MinVersion": "1.3", "Ciphers": "AES128-SHA", "CipherSuites": "A:B",
        "SessionTickets": false, "CrlFile": "crl", "HandshakeTimeout": 2.5,
        "Sni": [{"Names": ["a.example", "*.b.example"], "CertFile": "$CREDENTIALS_DIRECTORY/c2", "PrivateKeyFile": "k2"}]
        """#
    let configuration = try #require(Self.parsed(text).configuration)
    let tls = try #require(configuration.server.endpoints.first?.tls)
    #expect(tls.clientAuth == .require && tls.minVersion == .v13 && !tls.sessionTickets)
    #expect(tls.handshakeTimeout == .milliseconds(2500))
    #expect(tls.sni.map(\.names) == [["a.example", "*.b.example"]])
    #expect(parse(Reference.json(configuration)).configuration == configuration)
  }

  @Test(
    "says what is wrong with it, by key",
    arguments: [
      (#""CertFile": "c""#, ["Tls has no PrivateKeyFile"]),
      (#""CertFile": "", "PrivateKeyFile": "k""#, ["Tls has no CertFile"]),
      (pair + #", "ClientAuth": "require""#, ["ClientAuth is \"require\", and there is no ClientCAFile to check with"]),
      (pair + #", "ClientCAFile": "x""#, ["ClientCAFile is for clients' certificates, and ClientAuth asks for none"]),
      (pair + #", "CrlFile": "x""#, ["CrlFile is for clients' certificates, and ClientAuth asks for none"]),
      (pair + #", "ClientAuth": "maybe""#, [#"ClientAuth is "maybe", but must be one of "none", "request" or "require""#]),
      (pair + #", "MinVersion": "1.1""#, [#"MinVersion is "1.1", but must be "1.2" or "1.3""#]),
      (pair + #", "MinVersion": 1.2"#, [#"MinVersion is 1.2, but must be "1.2" or "1.3""#]),
      (pair + #", "HandshakeTimeout": 0"#, ["HandshakeTimeout is 0, but must be a number of seconds from 0.001 to 3600"]),
      (pair + #", "Certfle": "x""#, [#"Tls has an unknown key "Certfle"; did you mean "CertFile"?"#]),
      (
        pair + #", "Sni": {}"#,
        ["Sni is an object, but must be a list of objects, each with Names, a CertFile and a PrivateKeyFile"]
      ),
    ])
  func wrong(members: String, expected: [String]) {
    #expect(Self.problems(members) == expected.map { "the listener \"a\": \($0)" })
  }

  @Test(
    "takes no certificate for what is no name of a host",
    arguments: [
      #"["a b"]"#, #"[""]"#, "[]", #"["a..b"]"#, #"["*"]"#, #"["a.*.b"]"#, "[1]", #""a""#, #"["a."]"#,
    ])
  func names(names: String) {
    let problems = Self.problems(Self.pair + #", "Sni": [{"CertFile": "c", "PrivateKeyFile": "k", "Names": \#(names)}]"#)
    #expect(problems.count == 1)
    #expect(problems.first?.hasPrefix("the listener \"a\": Sni[0] must be an object with Names") == true)
  }

  @Test("takes each name for one certificate")
  func repeated() {
    func element(_ names: String) -> String { #"{"CertFile": "c", "PrivateKeyFile": "k", "Names": [\#(names)]}"# }
    let elements = [element(#""a.x", "b.x""#), element(#""c.x""#), element(#""B.X", "d.x""#)].joined(separator: ", ")
    let expected = [#"the listener "a": Sni[2] has the name "B.X", which Sni[0] has already"#]
    #expect(Self.problems(Self.pair + #", "Sni": [\#(elements)]"#) == expected)
    #expect(Self.problems(Self.pair + #", "Sni": [\#(element(#""a.x", "a.x""#))]"#).count == 1)
  }

  @Test("is found in the file by the keys that are told of its files")
  func places() {
    let text = """
      {"Listeners": [{"Name": "a", "Address": "h:1", "Tls": {
      "certfile": "c",
      "PrivateKeyFile": "k", "Sni": [
        {"Names": ["x.y"], "CertFile": "d",
         "PrivateKeyFile": "l"}
      ]}}]}
      """
    let parsed = parse(text)
    #expect(parsed.place(of: "CertFile", listener: "a")?.line == 2)
    #expect(parsed.place(of: "Sni[0].PrivateKeyFile", listener: "a")?.line == 5)
    #expect(parsed.place(of: "CrlFile", listener: "a") == nil)
    let short = parse("{\n" + Self.pair + #", "TcpPort": 1}"#)
    #expect(short.place(of: "CertFile", listener: short.configuration?.server.allEndpoints[0].name ?? "")?.line == 2)
  }

  @Test("is an object")
  func object() {
    let problems = parse(#"{"Listeners": [{"Name": "a", "Address": "h:1", "Tls": true}]}"#).problems.map(\.message)
    #expect(problems == ["the listener \"a\": Tls is true, but must be an object with a CertFile and a PrivateKeyFile"])
  }

  @Test("has a short form, of two keys that go together")
  func short() throws {
    let configuration = try #require(parse("{" + Self.pair + #", "TcpPort": 1, "Host": "h"}"#).configuration)
    #expect(configuration.server.allEndpoints.first?.tls == TLSConfiguration(certFile: "c", privateKeyFile: "k"))
    #expect(parse(Reference.json(configuration)).configuration == configuration)
    #expect(parse(#"{"CertFile": "c"}"#).problems.map(\.message) == ["CertFile is there without PrivateKeyFile: TLS takes both"])
    #expect(
      parse(#"{"privatekeyfile": "k"}"#).problems.map(\.message) == ["privatekeyfile is there without CertFile: TLS takes both"])
    #expect(parse(#"{"CertFile": "", "PrivateKeyFile": ""}"#).configuration?.server.allEndpoints.first?.tls == .some(nil))
  }

  @Test("is put into force by a reload, in either form")
  func reload() throws {
    let plain = try #require(parse(#"{"TcpPort": 1}"#).configuration)
    let secure = try #require(parse(#"{"TcpPort": 1, "# + Self.pair + "}").configuration)
    let reload = Reload(current: plain, proposed: secure)
    #expect(reload.applied == [#"CertFile: default → "c""#, #"PrivateKeyFile: default → "k""#])
    #expect(reload.changesListeners && reload.needsRestart.isEmpty)
    #expect(reload.effective == secure)
    #expect(!Reload(current: secure, proposed: secure).changesListeners)
  }

  @Test("does not stand beside its short form")
  func both() {
    let problems = parse(#"{"CertFile": "c", "PrivateKeyFile": "k", "Listeners": [{"Name": "a", "Address": "h:1"}]}"#).problems
    #expect(
      problems.map(\.message) == [
        "CertFile, at line 1, column 2, and Listeners, at line 1, column 42, both say who listens where: make it a part of Tls of a listener",
        "PrivateKeyFile, at line 1, column 19, and Listeners, at line 1, column 42, both say who listens where: make it a part of Tls of a listener",
      ])
  }

  @Test("has all of its keys in the manual and in the table of the README")
  func reference() {
    #expect(Reference.manualTLS().split(separator: ".TP\n").count == TLSOption.all.count)
    let rows = Reference.markdownTLS.split(separator: "\n")
    #expect(rows.count == TLSOption.all.count + 2)
    #expect(rows.allSatisfy { $0.count { $0 == "|" } == 5 })
    #expect(rows.count { $0.contains("| required |") } == 2)
    for line in Reference.manualTLS().split(separator: "\n") where line.hasPrefix(".") {
      #expect(line == ".TP" || line.hasPrefix(".B "))
    }
  }
}
