import Logging
import Testing

@testable import Systemd

@Suite struct LogBufferTests {
  private func entry(_ message: String) -> LogEntry {
    LogEntry(time: .seconds(9), level: .info, label: "zinx", message: message)
  }

  private func buffer(entries: Int = 3, bytes: Int = 1 << 20) -> LogBuffer {
    LogBuffer(limits: LogLimits(entries: entries, bytes: bytes))
  }

  @Test("entries leave in the order they came, once")
  func order() {
    var buffer = buffer()
    #expect(!buffer.hasWork)
    buffer.add(entry("a"))
    buffer.add(entry("b"))
    #expect(buffer.hasWork)
    #expect(buffer.takeAll().map(\.message) == ["a", "b"])
    #expect(!buffer.hasWork)
    #expect(buffer.takeAll().isEmpty)
  }

  @Test("what finds the buffer full is dropped, and the number is reported last, as a warning")
  func drops() {
    var buffer = buffer()
    for message in ["a", "b", "c", "d", "e"] { buffer.add(entry(message)) }
    let taken = buffer.takeAll()
    #expect(taken.map(\.message) == ["a", "b", "c", "2 log messages were dropped"])
    #expect(taken.last?.level == .warning)
    #expect(taken.last?.time == .seconds(9))
  }

  @Test("one dropped message is reported in the singular")
  func one() {
    var buffer = buffer(entries: 0)
    buffer.add(entry("a"))
    #expect(buffer.takeAll().map(\.message) == ["1 log message was dropped"])
  }

  @Test("drops are reported once")
  func once() {
    var buffer = buffer(entries: 1)
    buffer.add(entry("a"))
    buffer.add(entry("b"))
    #expect(buffer.takeAll().count == 2)
    #expect(!buffer.hasWork)
  }

  @Test("an entry counts until it is written, not until it is taken")
  func held() {
    var buffer = buffer(entries: 2)
    buffer.add(entry("a"))
    buffer.add(entry("b"))
    let taken = buffer.takeAll()
    buffer.add(entry("too early"))
    buffer.finished(taken[0])
    buffer.add(entry("c"))
    #expect(buffer.takeAll().map(\.message) == ["c", "1 log message was dropped"])
  }

  @Test("the bytes are bounded too, and an entry that could never fit is dropped")
  func bytes() {
    let size = entry("a").byteCount
    var buffer = buffer(entries: 100, bytes: 2 * size)
    buffer.add(entry(String(repeating: "x", count: 3 * size)))
    buffer.add(entry("a"))
    buffer.add(entry("b"))
    buffer.add(entry("c"))
    #expect(buffer.takeAll().map(\.message) == ["a", "b", "2 log messages were dropped"])
  }

  @Test("longer text takes more bytes, wherever it is")
  func size() {
    let plain = entry("").byteCount
    #expect(entry("1234").byteCount == plain + 4)
    let withField = LogEntry(time: .zero, level: .info, label: "zinx", message: "", fields: [.init("key", "value")])
    #expect(withField.byteCount >= plain + 8)
  }

  @Test("the goal of a flush is reached when all entries and the report are written")
  func goal() {
    var buffer = buffer(entries: 1)
    buffer.add(entry("a"))
    buffer.add(entry("b"))
    let goal = buffer.goal
    for entry in buffer.takeAll() {
      #expect(buffer.written < goal)
      buffer.finished(entry)
    }
    #expect(buffer.written == goal)
    #expect(buffer.goal == goal)
  }
}
