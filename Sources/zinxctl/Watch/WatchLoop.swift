import ArgumentParser
import Glibc
import ZinxControl
import ZinxIO

/// Shows a view until somebody has seen enough: keys, signals and answers go to the view, and what it looks like to the terminal.
struct WatchLoop<View: WatchView> {
  /// What ends or stops a program that has a terminal, and what happens to that.
  private static var signals: [Int32] { [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH] }
  /// After an escape, for the rest of a sequence.
  private static var keyPatience: Duration { .milliseconds(50) }

  private enum End: Error {
    case quit
    case signal(Int32)
    case failed(ControlClient.Failure)
  }

  private var view: View
  private let terminal: Terminal
  private let asker: Asker
  private let paths: [String]
  private let interval: Duration
  private var decoder = KeyDecoder()
  private var nextLook = ContinuousClock.now
  /// The connection that is being closed: its answer is none of the view's.
  private var closing: UInt64?
  private var isClosing = false
  private var isAsking = false

  private init(_ view: View, _ terminal: Terminal, _ paths: [String], _ interval: Duration) throws {
    (self.view, self.terminal, self.paths, self.interval) = (view, terminal, paths, interval)
    asker = try Asker(paths)
  }

  static func run(_ view: View, _ options: CommonOptions, every interval: Duration) throws {
    guard let terminal = Terminal() else { throw ValidationError("--watch needs a terminal") }
    let paths = Conversation.paths(options)
    try SignalPipe.open(signals)
    var loop = try WatchLoop(view, terminal, paths, interval)
    let end = loop.untilEnd()
    terminal.leave()
    switch end {
    case .quit: return
    case .failed(let failure): throw Conversation.end(failure, paths)
    case .signal(let number):
      // Whoever waits for the process learns what has ended it.
      signal(number, SIG_DFL)
      raise(number)
    }
  }

  private mutating func untilEnd() -> End {
    do {
      try terminal.enter()
      view.size = terminal.size
      try draw()
      while true { try step() }
    } catch let end as End {
      return end
    } catch {
      // The terminal takes nothing more.
      return .signal(SIGHUP)
    }
  }

  private mutating func step() throws {
    if !isAsking, let id = closing.take() {
      isClosing = true
      isAsking = asker.ask([.close(.init(.ids([id])))])
    } else if !isAsking, ContinuousClock.now >= nextLook {
      nextLook = .now + interval
      isAsking = asker.ask(view.requests)
    }
    var entries = [STDIN_FILENO, SignalPipe.descriptor, asker.descriptor].map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    let time: Duration? = decoder.isWaiting ? Self.keyPatience : isAsking ? nil : nextLook - .now
    let count = poll(&entries, nfds_t(entries.count), time.map { Int32(clamping: Int64($0 / .milliseconds(1)) + 1) } ?? -1)
    if count == 0, decoder.isWaiting { try press(decoder.flush()) }
    while let number = SignalPipe.next(within: .zero) { try take(number) }
    guard count > 0 else { return }
    if entries[0].revents != 0 {
      guard let bytes = terminal.read() else { throw End.signal(SIGHUP) }
      try press(decoder.keys(from: bytes))
    }
    if entries[2].revents != 0, let answers = asker.takeAnswers() { try take(answers) }
  }

  private mutating func press(_ keys: [Key]) throws {
    for key in keys {
      switch view.press(key) {
      case .none: break
      case .look: nextLook = .now
      case .close(let id): closing = id
      case .quit: throw End.quit
      }
    }
    try draw()
  }

  private mutating func take(_ number: Int32) throws {
    switch number {
    case SIGWINCH:
      view.size = terminal.size
      nextLook = .now
      try draw()
    case SIGTSTP:
      terminal.leave()
      kill(getpid(), SIGSTOP)
      try comeBack()
    // By whoever has stopped it otherwise, and a shell may have had the terminal in between.
    case SIGCONT: try comeBack()
    default: throw End.signal(number)
    }
  }

  private mutating func comeBack() throws {
    try terminal.enter()
    view.size = terminal.size
    nextLook = .now
    try draw()
  }

  private mutating func take(_ answers: Asker.Answers) throws {
    isAsking = false
    defer { isClosing = false }
    switch answers {
    case .success(let values) where isClosing:
      view.note = CloseCommand.summary(values[0])
      nextLook = .now
    case .success(let values): view.took(values)
    case .failure(.refused(let error)): view.note = error.message
    case .failure(let failure): throw End.failed(failure)
    }
    try draw()
  }

  private func draw() throws { try terminal.draw(view.lines, view.size) }
}

/// The options of what can be watched.
struct WatchOptions: ParsableArguments {
  @Flag(help: "Show it again and again, until q: needs a terminal.")
  var watch = false

  @Option(parsing: .unconditional, help: ArgumentHelp("Between two looks, such as 1s or 250ms.", valueName: "time"))
  var every = "1s"

  var interval: Duration? {
    let seconds = ControlRequest.Tracing.seconds(every)
    return seconds.flatMap { $0 >= 0.1 ? .milliseconds(Int64($0 * 1000)) : nil }
  }

  func validate() throws { if interval == nil { throw ValidationError("--every takes a time from 100ms to an hour") } }

  /// Checks what goes together with it.
  func check(_ options: CommonOptions) throws {
    if watch, options.json { throw ValidationError("--watch and --json exclude each other") }
  }
}
