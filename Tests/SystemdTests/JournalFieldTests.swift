import Logging
import Testing

@testable import Systemd

@Suite struct JournalFieldNameTests {
  @Test("a name journald takes is a name", arguments: ["A", "MESSAGE_ID", "A1", "A__", String(repeating: "A", count: 64)])
  func valid(text: String) {
    #expect(JournalFieldName(text)?.text == text)
  }

  @Test(
    "a name journald would drop is none",
    arguments: ["", "_PID", "1A", "a", "A-B", "A B", "A=", "É", "A\n", String(repeating: "A", count: 65)])
  func invalid(text: String) {
    #expect(JournalFieldName(text) == nil)
  }

  @Test(
    "a metadata key becomes a name of ours",
    arguments: [
      ("connID", "ZINX_CONN_ID"), ("peer", "ZINX_PEER"), ("msgID", "ZINX_MSG_ID"), ("closeReason", "ZINX_CLOSE_REASON"),
      ("tcpPort", "ZINX_TCP_PORT"), ("TCPPort", "ZINX_TCP_PORT"), ("ipv6Address", "ZINX_IPV6_ADDRESS"),
      ("error.type", "ZINX_ERROR_TYPE"),
      ("close-reason", "ZINX_CLOSE_REASON"), ("conn_id", "ZINX_CONN_ID"), ("zinxPeer", "ZINX_PEER"), ("", "ZINX_"),
      ("é", "ZINX___"),
      ("_pid", "ZINX__PID"), ("a\nb", "ZINX_A_B"), ("9", "ZINX_9"),
    ])
  func mapped(key: String, name: String) {
    #expect(JournalFieldName(metadataKey: key).text == name)
    #expect(JournalFieldName(JournalFieldName(metadataKey: key).text) != nil, "journald takes it")
  }

  @Test("a key that is a journal name stays as it is", arguments: ["MESSAGE_ID", "ERRNO", "ZINX_CONN_ID"])
  func kept(key: String) {
    #expect(JournalFieldName(metadataKey: key).text == key)
  }

  @Test("a key cannot stand in for what every entry has", arguments: ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "CODE_FILE"])
  func reserved(key: String) {
    #expect(JournalFieldName(metadataKey: key).text == "ZINX_" + key)
  }

  @Test("a key that is too long is cut to what journald takes")
  func long() {
    let name = JournalFieldName(metadataKey: String(repeating: "a", count: 100)).text
    #expect(name == "ZINX_" + String(repeating: "A", count: 59))
  }
}

@Suite struct JournalEntryTests {
  private func field(_ name: String) throws -> JournalFieldName { try #require(JournalFieldName(name)) }

  @Test("a value of one line is name, equals sign, value and line end")
  func plain() throws {
    var entry = JournalEntry()
    entry.append(try field("MESSAGE"), "hello = world")
    entry.append(try field("EMPTY"), "")
    #expect(entry.bytes == Array("MESSAGE=hello = world\nEMPTY=\n".utf8))
  }

  @Test("a value with a line break goes with its length, so that nothing in it can pass for a field")
  func binary() throws {
    var entry = JournalEntry()
    entry.append(try field("MESSAGE"), "a\nPRIORITY=0")
    #expect(entry.bytes == Array("MESSAGE\n".utf8) + [12, 0, 0, 0, 0, 0, 0, 0] + Array("a\nPRIORITY=0\n".utf8))
  }

  @Test("the length is little-endian and counts bytes")
  func length() throws {
    var entry = JournalEntry()
    entry.append(try field("M"), String(repeating: "é", count: 150) + "\n")
    #expect(entry.bytes.prefix(10) == [77, 10, 45, 1, 0, 0, 0, 0, 0, 0])
  }

  @Test("an entry has every field an operator filters by")
  func whole() {
    let entry = LogEntry(
      time: .zero, level: .warning, label: "zinxd", message: "handler failed",
      fields: [.init("connID", "7"), .init("MESSAGE_ID", "0123456789abcdef0123456789abcdef")], file: "Zinx/Worker.swift",
      function: "run()", line: 12)
    let text = String(decoding: JournalEntry(entry, identifier: "zinxd").bytes, as: UTF8.self)
    #expect(
      text == """
        MESSAGE=handler failed connID=7
        PRIORITY=4
        SYSLOG_IDENTIFIER=zinxd
        ZINX_LOGGER=zinxd
        CODE_FILE=Zinx/Worker.swift
        CODE_LINE=12
        CODE_FUNC=run()
        MESSAGE_ID=0123456789abcdef0123456789abcdef
        ZINX_CONN_ID=7

        """)
  }

  @Test("each level has the priority of its name")
  func priorities() {
    #expect(Logger.Level.allCases.map(\.syslogPriority) == [7, 7, 6, 5, 4, 3, 2])
  }
}

@Suite struct JournalStreamTests {
  @Test("device and inode are parsed")
  func parsed() {
    #expect(JournalStream("8:1234") == JournalStream(device: 8, inode: 1234))
  }

  @Test("anything else is no stream", arguments: ["", "8", "8:", ":8", "8:1:2", "a:b", "-1:2"])
  func malformed(text: String) {
    #expect(JournalStream(text) == nil)
  }

  @Test("two descriptors of one file are one stream, those of two files are not")
  func identity() {
    #expect(JournalStream(of: -1) == nil)
    let root = JournalStream(of: 0)
    #expect(root != nil)
    #expect(JournalStream(of: 0) == root)
  }
}
