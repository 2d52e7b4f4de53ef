import Logging
import Testing

@testable import Systemd

@Suite struct LogTextTests {
  /// 2026-01-02 03:04:05.678 UTC.
  private func entry(_ message: String = "hello", _ level: Logger.Level = .info, _ fields: [LogEntry.Field] = []) -> LogEntry {
    LogEntry(
      time: .seconds(1_767_323_045) + .microseconds(678_900), level: level, label: "zinx", message: message, fields: fields)
  }

  @Test("a watcher reads the time of day, level, message and metadata in the order of their keys")
  func short() {
    let fields: [LogEntry.Field] = [.init("peer", "192.0.2.1:4711"), .init("connID", "2")]
    let line = LogText(lead: .timeOfDay).line(entry("connection added", .info, fields))
    #expect(line == "03:04:05.678 INFO   connection added connID=2 peer=192.0.2.1:4711\n")
  }

  @Test("the time of day is the local one, over midnight too")
  func local() {
    #expect(LogText(lead: .timeOfDay).line(entry(), utcOffset: -4 * 3600) == "23:04:05.678 INFO   hello\n")
  }

  @Test("a file gets the date and the zone")
  func dated() {
    let text = LogText(lead: .date)
    #expect(text.line(entry()) == "2026-01-02T03:04:05.678Z INFO   hello\n")
    #expect(text.line(entry(), utcOffset: 5 * 3600 + 1800) == "2026-01-02T08:34:05.678+05:30 INFO   hello\n")
    #expect(text.line(entry(), utcOffset: -4 * 3600) == "2026-01-01T23:04:05.678-04:00 INFO   hello\n")
  }

  @Test("the journal's stream gets a priority")
  func prioritised() {
    #expect(LogText(lead: .priority).line(entry("hello", .error)) == "<3>hello\n")
  }

  @Test("each level has a word, all equally wide")
  func words() {
    let words = Logger.Level.allCases.map { LogText(lead: .timeOfDay).line(entry("", $0)).dropFirst(13).dropLast(2) }
    #expect(words == ["TRACE ", "DEBUG ", "INFO  ", "NOTICE", "WARN  ", "ERROR ", "CRIT  "])
  }

  @Test("colour is on the level's word only, and is ended")
  func coloured() {
    let line = LogText(lead: .timeOfDay, colour: true).line(entry("hello", .error))
    #expect(line == "03:04:05.678 \u{1b}[31mERROR \u{1b}[0m hello\n")
  }

  @Test("colour is for a terminal that can, and whose user did not decline")
  func wanted() {
    #expect(LogText.wantsColour(isTerminal: true, noColor: nil, term: "xterm"))
    #expect(LogText.wantsColour(isTerminal: true, noColor: "", term: "xterm"))
    #expect(!LogText.wantsColour(isTerminal: true, noColor: "1", term: "xterm"))
    #expect(!LogText.wantsColour(isTerminal: true, noColor: nil, term: "dumb"))
    #expect(!LogText.wantsColour(isTerminal: false, noColor: nil, term: "xterm"))
  }

  @Test("the message id is for machines")
  func messageID() {
    #expect(LogText.messageAndFields(of: entry("hello", .info, [.init("MESSAGE_ID", "0123")])) == "hello")
  }

  @Test(
    "a value that could be misread is quoted, one that could do harm is escaped",
    arguments: [
      ("plain", "plain"), ("", #""""#), ("two words", #""two words""#), ("a=b", #""a=b""#), (#"say "x""#, #""say \"x\"""#),
      (#"C:\ x"#, #""C:\\ x""#), ("a\nb", #"a\nb"#), ("a\r\nb", #"a\r\nb"#), ("\u{1b}[2J", #"\u{1b}[2J"#),
      ("a\u{9b}b", #"a\u{9b}b"#),
      ("a\u{202e}b", #"a\u{202e}b"#), ("a\u{61c}b", #"a\u{61c}b"#), ("a\u{200b}b", #"a\u{200b}b"#),
      ("a\u{2028}b", #"a\u{2028}b"#), ("\0", #"\u{0}"#), ("é🙂", "é🙂"),
    ])
  func values(value: String, shown: String) {
    #expect(LogText.messageAndFields(of: entry("m", .info, [.init("k", value)])) == "m k=\(shown)")
  }

  @Test("the second line of a message is set in, so that it cannot pass for a message")
  func multiline() {
    #expect(LogText.messageAndFields(of: entry("bad file:\n3:5 error\u{7}")) == "bad file:\n    3:5 error\\u{7}")
  }

  @Test("a key is one word")
  func keys() {
    #expect(LogText.messageAndFields(of: entry("m", .info, [.init("a b=c", "1")])) == "m a_b_c=1")
  }
}
