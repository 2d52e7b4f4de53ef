import Glibc
import Logging
import Synchronization
import Testing

@testable import Systemd

/// Keeps what it is given; while the gate is shut, a write hangs like one to a stuck journal.
private final class GatedSink: LogSink {
  let written = Mutex<[LogEntry]>([])
  let entered = ThreadSemaphore()
  private let gate = ThreadSemaphore()
  private let isOpen = Atomic<Bool>(true)

  func shut() { isOpen.store(false, ordering: .sequentiallyConsistent) }

  func open() {
    isOpen.store(true, ordering: .sequentiallyConsistent)
    gate.signal()
  }

  func write(_ entry: LogEntry) {
    entered.signal()
    if !isOpen.load(ordering: .sequentiallyConsistent) { gate.wait() }
    written.withLock { $0.append(entry) }
  }

  var messages: [String] { written.withLock { $0.map(\.message) } }
}

private struct Failure: Error, CustomStringConvertible {
  var description: String { "it broke" }
}

@Suite struct LogOutputTests {
  private let sink = GatedSink()

  private func logger(_ output: LogOutput) -> Logger {
    Logger(label: "test") { label in output.handler(label: label) }
  }

  @Test("what is logged is written, with its level, metadata, place and label")
  func written() throws {
    let output = try LogOutput(to: sink)
    logger(output).warning("careful", metadata: ["b": "2", "a": ["x", "y"]])
    #expect(output.flush(timeout: .seconds(10)))
    let entry = try #require(sink.written.withLock { $0.first })
    #expect(entry.level == .warning)
    #expect(entry.label == "test")
    #expect(entry.message == "careful")
    #expect(entry.fields.map(\.key) == ["a", "b"])
    #expect(entry.fields.map(\.value) == [#"["x", "y"]"#, "2"])
    #expect(entry.file == "SystemdTests/LogOutputTests.swift")
    #expect(entry.function == "written()")
    #expect(entry.time > .seconds(1_700_000_000))
  }

  @Test("metadata nearer to the message wins: logger, provider, message")
  func merged() throws {
    let output = try LogOutput(to: sink)
    let provider = Logger.MetadataProvider { ["b": "provider", "c": "provider"] }
    var logger = Logger(label: "test") { output.handler(label: $0, metadataProvider: provider) }
    logger[metadataKey: "a"] = "logger"
    logger[metadataKey: "b"] = "logger"
    logger.info("m", metadata: ["c": "message"])
    #expect(output.flush(timeout: .seconds(10)))
    #expect(sink.written.withLock { $0.first?.fields.map(\.value) } == ["logger", "provider", "message"])
  }

  @Test("an error is a field of its own")
  func error() throws {
    let output = try LogOutput(to: sink)
    logger(output).error("failed", error: Failure())
    #expect(output.flush(timeout: .seconds(10)))
    #expect(sink.written.withLock { $0.first?.fields } == [.init("error", "it broke")])
  }

  @Test("the level changes for every logger at once, except for one that has its own")
  func level() throws {
    let output = try LogOutput(to: sink, level: .warning)
    let plain = logger(output)
    var own = plain
    own.logLevel = .error
    plain.info("1")
    output.level = .debug
    plain.debug("2")
    own.warning("3")
    own.error("4")
    output.level = .critical
    plain.error("5")
    #expect(output.flush(timeout: .seconds(10)))
    #expect(sink.messages == ["2", "4"])
    #expect(plain.logLevel == .critical)
  }

  @Test("a stuck sink never holds up a logger: what does not fit is counted, and reported when it flows")
  func stuck() throws {
    let output = try LogOutput(to: sink, limits: LogLimits(entries: 10, bytes: 1 << 20))
    let logger = logger(output)
    sink.shut()
    logger.info("0")
    sink.entered.wait()
    for number in 1..<100 { logger.info("\(number)") }
    #expect(!output.flush(timeout: .milliseconds(1)))
    #expect(sink.messages.isEmpty)

    sink.open()
    #expect(output.flush(timeout: .seconds(10)))
    #expect(sink.messages == (0..<10).map(String.init) + ["90 log messages were dropped"])
  }

  @Test("with nothing logged there is nothing to wait for")
  func idle() throws {
    #expect(try LogOutput(to: sink).flush(timeout: .zero))
  }

  @Test("entries of many threads all arrive, those of one in its order")
  func threads() async throws {
    let output = try LogOutput(to: sink, limits: LogLimits(entries: 10_000, bytes: 100 << 20))
    let logger = logger(output)
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        group.addTask { for number in 0..<500 { logger.info("\(number)", metadata: ["task": "\(task)"]) } }
      }
    }
    #expect(output.flush(timeout: .seconds(20)))
    let all = sink.written.withLock { $0 }
    #expect(all.count == 4_000)
    for task in 0..<8 {
      let messages = all.filter { $0.fields == [.init("task", "\(task)")] }.map(\.message)
      #expect(messages == (0..<500).map(String.init))
    }
  }

  @Test("the writer has a name and gets no signals, also none that would end the process")
  func thread() throws {
    final class Looker: LogSink {
      let name = Mutex("")
      let blocksPipe = Atomic(false)

      func write(_ entry: LogEntry) {
        var mask = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &mask)
        blocksPipe.store(sigismember(&mask, SIGPIPE) == 1, ordering: .relaxed)
        let file = Glibc.open("/proc/thread-self/comm", O_RDONLY)
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = read(file, &bytes, bytes.count)
        name.withLock { $0 = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) }
      }
    }
    let looker = Looker()
    let output = try LogOutput(to: looker)
    logger(output).info("look")
    #expect(output.flush(timeout: .seconds(10)))
    #expect(looker.name.withLock { $0 } == "zinx-log\n")
    let blocksPipe = looker.blocksPipe.load(ordering: .relaxed)
    #expect(blocksPipe)
  }

  @Test("an output that is let go writes what it has, and its writer ends")
  func letGo() throws {
    final class Farewell: LogSink {
      let gone: ThreadSemaphore
      init(_ gone: ThreadSemaphore) { self.gone = gone }
      deinit { gone.signal() }
      func write(_ entry: LogEntry) {}
    }
    let gone = ThreadSemaphore()
    do {
      let output = try LogOutput(to: Farewell(gone))
      logger(output).info("last")
    }
    #expect(gone.wait(timeout: .seconds(10)))
  }
}

@Suite struct TerminalSinkTests {
  private let entry = LogEntry(time: .zero, level: .info, label: "test", message: "hello", fields: [.init("a", "1")])

  @Test("a line is written whole")
  func line() {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    TerminalSink(descriptor: ends[1], text: LogText(lead: .priority)).write(entry)
    close(ends[1])
    var bytes = [UInt8](repeating: 0, count: 100)
    let count = read(ends[0], &bytes, bytes.count)
    close(ends[0])
    #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "<6>hello a=1\n")
  }

  @Test("a reader that is gone is not the daemon's end")
  func gone() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    close(ends[0])
    defer { close(ends[1]) }
    let output = try LogOutput(to: TerminalSink(descriptor: ends[1], text: LogText(lead: .date)))
    Logger(label: "test") { output.handler(label: $0) }.info("nobody reads this")
    #expect(output.flush(timeout: .seconds(10)))
  }
}
