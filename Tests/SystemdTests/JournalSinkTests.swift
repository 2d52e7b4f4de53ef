import Glibc
import Logging
import Synchronization
import Testing
import ZinxTestKit

@testable import Systemd

private final class Collector: LogSink {
  let messages = Mutex<[String]>([])
  func write(_ entry: LogEntry) { messages.withLock { $0.append(entry.message) } }
}

/// Every one against a socket that stands in for journald's.
@Suite struct JournalSinkTests {
  private let journald: DatagramReceiver
  private let fallback = Collector()
  private let sink: JournalSink

  init() throws {
    journald = try DatagramReceiver()
    sink = try JournalSink(path: journald.address, identifier: "zinxd", fallback: fallback)
  }

  private func entry(_ message: String) -> LogEntry {
    LogEntry(time: .zero, level: .info, label: "test", message: message)
  }

  private func bytes(_ message: String) -> [UInt8] {
    // The place is where `entry` above makes it, the same for all.
    JournalEntry(entry(message), identifier: "zinxd").bytes
  }

  @Test("an entry is one datagram")
  func datagram() {
    sink.write(entry("hello"))
    let datagram = journald.next()
    #expect(datagram?.bytes == bytes("hello"))
    #expect(datagram?.file == nil)
  }

  @Test("an entry too large for a datagram comes as a file")
  func large() {
    let message = String(repeating: "x", count: 1 << 20)
    sink.write(entry(message))
    let datagram = journald.next()
    #expect(datagram?.bytes == [])
    #expect(datagram?.file == bytes(message))
    #expect(fallback.messages.withLock { $0 } == [])
  }

  @Test("no journald is an error that names the call")
  func absent() throws {
    let error = #expect(throws: SystemCallError.self) { try JournalSink(path: "/nonexistent/socket", identifier: "zinxd") }
    #expect(error?.description == "connect: No such file or directory")
    #expect(throws: SystemCallError("connect", code: EINVAL)) { try JournalSink(path: "relative", identifier: "zinxd") }
  }

  @Test("a journald that was restarted gets the entry")
  func restarted() throws {
    sink.write(entry("before"))
    try journald.restart()
    sink.write(entry("after"))
    #expect(journald.next()?.bytes == bytes("after"))
  }

  @Test("a journald that is away gets the entry when it comes back")
  func away() throws {
    journald.stop()
    let output = try LogOutput(to: sink)
    output.handler(label: "test").log(event: event("later"))
    #expect(!output.flush(timeout: .milliseconds(1)))
    try journald.start()
    #expect(output.flush(timeout: .seconds(10)))
    let text = String(decoding: journald.next()?.bytes ?? [], as: UTF8.self)
    #expect(text.hasPrefix("MESSAGE=later\n"))
  }

  @Test("a journald that is stuck holds up the writer only, and gets everything in order when it goes on")
  func stuck() throws {
    let output = try LogOutput(to: sink)
    let handler = output.handler(label: "test")
    // More than a socket's queue holds (net.unix.max_dgram_qlen, at most 512 on common systems).
    let count = 2_000
    for number in 0..<count { handler.log(event: event("\(number)")) }
    for number in 0..<count {
      let text = String(decoding: journald.next()?.bytes ?? [], as: UTF8.self)
      #expect(text.hasPrefix("MESSAGE=\(number)\n"))
    }
    #expect(output.flush(timeout: .seconds(10)))
  }

  private func event(_ message: String) -> LogEvent {
    LogEvent(level: .info, message: "\(message)", metadata: nil, source: nil, file: #fileID, function: #function, line: #line)
  }
}
