import Testing
import Zinx

@testable import ZinxConfig

@Suite("The key Nats")
struct NatsOptionsTests {
  private func parse(_ text: String) -> ParsedConfiguration { Configuration.parse(Array(text.utf8), knownPlugins: []) }

  private func problems(_ nats: String) -> [String] { parse(#"{"Nats": \#(nats)}"#).problems.map(\.message) }

  @Test func `is off, and with nothing in it has every default`() throws {
    #expect(parse("{}").configuration?.nats == .some(nil))
    #expect(try #require(parse(#"{"Nats": {}}"#).configuration).nats == NatsConfiguration())
  }

  @Test func `reads back as it is printed`() throws {
    let text = #"""
      {"nats": {"servers": ["nats://10.0.0.1:4222", "tls://[::1]:4223"], "Name": "n 1", "Prefix": "game.a-b", "User": "u",
      "PasswordFile": "$CREDENTIALS_DIRECTORY/p", "CAFile": "/ca", "CertFile": "/c", "PrivateKeyFile": "/k", "MaxQueueBytes": 65536,
      "MaxSubscriptions": 100}}
      """#
    let configuration = try #require(parse(text).configuration)
    let nats = try #require(configuration.nats)
    #expect(nats.servers == ["nats://10.0.0.1:4222", "tls://[::1]:4223"] && nats.name == "n 1" && nats.prefix == "game.a-b")
    #expect(nats.passwordFile == "$CREDENTIALS_DIRECTORY/p" && nats.maxQueueBytes == 65536 && nats.isSecure)
    #expect(parse(Reference.json(configuration)).configuration == configuration)
  }

  @Test(arguments: [
    #"{"Servers": []}"#, #"{"Servers": "nats://h:1"}"#, #"{"Servers": ["h:1"]}"#, #"{"Servers": ["nats://h"]}"#,
    #"{"Servers": ["http://h:1"]}"#, #"{"Servers": ["nats://unix:/x"]}"#, #"{"Name": ""}"#, #"{"Name": "a\nb"}"#,
    #"{"Prefix": ""}"#,
    #"{"Prefix": "a..b"}"#, #"{"Prefix": "a.*"}"#, #"{"Prefix": ".a"}"#, #"{"Prefix": "a b"}"#, #"{"MaxQueueBytes": 1}"#,
    #"{"MaxSubscriptions": 0}"#, #"{"User": 1}"#, "7",
  ])
  func `refuses what is none of its values, once and with the key`(nats: String) {
    #expect(problems(nats).count == 1)
    #expect(problems(nats).allSatisfy { $0.hasPrefix("Nats") })
  }

  @Test func `knows no other key`() {
    #expect(problems(#"{"Server": []}"#) == ["Nats has an unknown key \"Server\"; did you mean \"Servers\"?"])
  }

  @Test func `takes no password in an address, and does not repeat it`() {
    let found = problems(#"{"Servers": ["nats://u:s3cret@h:1"]}"#)
    #expect(found.count == 1 && found[0].contains("PasswordFile") && !found[0].contains("s3cret"))
  }

  @Test func `takes one identity, and TLS with both halves of it`() {
    #expect(
      problems(#"{"User": "u", "TokenFile": "/t"}"#) == [
        "Nats has more than one of User, TokenFile and CredentialsFile: the server is one to NATS"
      ])
    #expect(problems(#"{"PasswordFile": "/p"}"#) == ["Nats has a PasswordFile and no User"])
    #expect(
      problems(#"{"CertFile": "/c"}"#) == ["Nats has one of CertFile and PrivateKeyFile: TLS takes both, or none"])
  }

  @Test func `takes a restart`() throws {
    let (one, other) = (try #require(parse("{}").configuration), try #require(parse(#"{"Nats": {}}"#).configuration))
    let reload = Reload(current: one, proposed: other)
    #expect(reload.needsRestart == ["Nats: default → {}"])
    #expect(reload.effective.nats == nil)
  }

  @Test func `finds its files, and keeps what they hold out of sight`() throws {
    var configuration = NatsConfiguration()
    (configuration.user, configuration.passwordFile) = ("u", "/p")
    configuration.caFile = "$CREDENTIALS_DIRECTORY/ca"
    let good = configuration.resolved(files: ["/p": "s3cret\n", "$CREDENTIALS_DIRECTORY/ca": "x"])
    #expect(good.problems.isEmpty && !good.isUnchecked)
    #expect(good.configuration.password?.text == "s3cret")
    #expect(!"\(good.configuration)".contains("s3cret"))
    let bad = configuration.resolved(files: [:])
    #expect(
      bad.problems == [
        "CAFile of Nats cannot be read: no such file",
        "PasswordFile of Nats: the file that it names cannot be read: no such file",
      ])
  }

  @Test func `has all of its keys in the manual and in the table of the README`() {
    #expect(Reference.manualNats().split(separator: ".TP\n").count == NatsOption.all.count)
    let rows = Reference.markdownNats.split(separator: "\n")
    #expect(rows.count == NatsOption.all.count + 2)
    #expect(rows.allSatisfy { $0.count { $0 == "|" } == 5 })
  }
}
