import Testing

@testable import Zinx

@Suite("The nearest name")
struct NearestNameTests {
  static let options = [
    "Name", "Host", "TcpPort", "MaxConn", "MaxPacketSize", "WorkerPoolSize", "MaxWorkerTaskLen", "MaxMsgChanLen", "DataPack",
    "IdleTimeout", "DrainTimeout", "LingerTimeout", "LogLevel", "Plugins",
  ]

  @Test(
    "a slip of the finger is recognised",
    arguments: [
      ("MaxCon", "MaxConn"), ("MaxxConn", "MaxConn"), ("MaxConm", "MaxConn"), ("MaxCnon", "MaxConn"), ("maxcon", "MaxConn"),
      ("MAXCON", "MaxConn"), ("Plugin", "Plugins"), ("MaxPackageSize", "MaxPacketSize"), ("DrainTimeuot", "DrainTimeout"),
      ("nmae", "Name"), ("Hots", "Host"),
    ])
  func slip(written: String, meant: String) {
    #expect(nearestName(to: written, among: Self.options) == meant)
  }

  @Test(
    "half of a name finds the only name that has it",
    arguments: [("Port", "TcpPort"), ("Level", "LogLevel"), ("Idle", "IdleTimeout")])
  func part(written: String, meant: String) {
    #expect(nearestName(to: written, among: Self.options) == meant)
  }

  @Test("a name with more at its end finds the name")
  func longer() {
    #expect(nearestName(to: "MaxConnectionsPerHost", among: Self.options) == nil)
    #expect(nearestName(to: "MaxConnections", among: Self.options) == "MaxConn")
  }

  @Test(
    "what is like nothing, or like several things equally little, gets no hint",
    arguments: ["", "x", "Timeout", "Certificate", "é"])
  func nothing(written: String) {
    #expect(nearestName(to: written, among: Self.options) == nil)
  }

  @Test("of several close names the closest wins, and of equally close ones the first")
  func choice() {
    #expect(nearestName(to: "pong", among: ["song", "ping", "pongs"]) == "song")
    #expect(nearestName(to: "pongg", among: ["ping", "pong"]) == "pong")
    #expect(nearestName(to: "pong", among: [String]()) == nil)
  }

  @Test("an absurdly long name costs no time")
  func long() {
    #expect(nearestName(to: String(repeating: "MaxConn", count: 20_000), among: ["Host", "DataPack"]) == nil)
  }

  @Test(
    "the distance counts insertions, deletions, substitutions and swaps of neighbours",
    arguments: [
      ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("abc", "abd", 1), ("abc", "acb", 1), ("abcd", "badc", 2),
      ("ca", "abc", 3), ("kitten", "sitting", 3),
    ])
  func distance(one: String, other: String, expected: Int) {
    #expect(editDistance(Array(one.unicodeScalars), Array(other.unicodeScalars)) == expected)
    #expect(editDistance(Array(other.unicodeScalars), Array(one.unicodeScalars)) == expected)
  }

  @Test("only ASCII letters are folded")
  func folding() {
    #expect(asciiLowercased("TCPPort_09Ä\u{212A}[@`{") == "tcpport_09Ä\u{212A}[@`{")
  }
}
