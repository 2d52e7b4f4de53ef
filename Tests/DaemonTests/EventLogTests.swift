import Logging
import Testing
import Zinx
import ZinxTestKit

@testable import ZinxDaemon

@Suite("The log of a server's events")
struct EventLogTests {
  private struct Handler: LogHandler {
    let lines: Recorder<String>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.append(event.message.description) }
  }

  @Test("is not filled by a shortage that comes and goes, and its last word is how it stands")
  func rests() {
    let lines = Recorder<String>()
    let events = EventLog(Logger(label: "test") { _ in Handler(lines: lines) })
    for _ in 0..<1000 {
      events.take(.acceptPaused(reason: "Too many open files"))
      events.take(.acceptResumed)
    }
    #expect(lines.all.prefix(2) == ["accepting rests: Too many open files", "accepting again"])
    // Ten of each, and one more of each for a second that this may take.
    #expect((20...40).contains(lines.count))
    #expect(lines.all.last == "accepting again")
    events.reportLeftOut()
    #expect(lines.all.last?.contains("lines out of the log") == true)
  }
}
