import ZinxClient
import ZinxIO

/// A whole run: starts the threads, sets the window, looks at the server at its ends, and says how it goes.
struct Run {
  /// Nanoseconds between two looks at the threads, and between two lines of progress.
  private static let step: Int64 = 10_000_000
  private static let second: Int64 = 1_000_000_000

  private let plan: Plan
  private let address: PeerAddress
  private let transport: Transport
  private let pid: Int32?
  private let control: Control
  private var line: ProgressLine
  private var isInterrupted = false
  private var lastLine = Instant.now.nanoseconds

  init(_ plan: Plan, _ address: PeerAddress, _ transport: Transport, serverPID: Int32?, isQuiet: Bool) {
    self.plan = plan
    self.address = address
    self.transport = transport
    pid = serverPID
    control = Control(threads: plan.threads)
    line = ProgressLine(isQuiet: isQuiet)
  }

  /// Throws: ``SystemError`` when there is no descriptor or thread left.
  mutating func perform(endpoint: String) throws(SystemError) -> Summary {
    let before = usage()
    let began = Instant.now.nanoseconds
    let threads = try startThreads()
    while !control.isReady { watchConnecting() }
    let start = Instant.now.nanoseconds
    let from = start + plan.warmUp
    control.start(at: start, measuringFrom: from, to: plannedEnd(from))

    var progress = Progress(at: start)
    watch(until: from, since: start, &progress)
    let (atStart, cpuAtStart) = (usage(), ownCPU())
    watch(until: .max, since: start, &progress)
    let (atEnd, cpuAtEnd, open) = (usage(), ownCPU(), control.open)
    let watched = Instant.now.nanoseconds
    for thread in threads { thread.join() }
    line.clear()

    let tally = control.tally
    let end = plannedEnd(from) == .max ? tally.lastReply : min(control.end, watched)
    var summary = Summary(plan: plan, endpoint: endpoint, tally: tally, seconds: max(0, Double(end - from) / 1e9))
    if plan.mode != .churn { summary.connectSeconds = Double(start - began) / 1e9 }
    summary.open = open
    summary.clientCPU = cpuAtEnd - cpuAtStart
    if let before, let atStart, let atEnd { summary.server = .init(before: before, start: atStart, end: atEnd) }
    summary.isInterrupted = isInterrupted
    return summary
  }

  private func plannedEnd(_ from: Int64) -> Int64 {
    if case .nanoseconds(let time) = plan.extent { from + time } else { .max }
  }

  private func usage() -> ServerUsage? { pid.flatMap { ServerUsage.of(pid: $0) } }

  private func startThreads() throws(SystemError) -> [Thread] {
    var threads: [Thread] = []
    for index in 0..<plan.threads {
      let (plan, address, transport, control) = (plan, address, transport, control)
      threads.append(
        try Thread {
          do throws(SystemError) {
            var thread = try LoadThread(plan, address, transport, control, thread: index)
            thread.run()
          } catch {
            control.lanes[index].fail(error)
          }
        })
    }
    return threads
  }

  // MARK: Watching

  private mutating func watchConnecting() {
    sleep(Self.step / 10)
    show { Progress.connecting(open: $0.open, of: $1.connections, errors: $0.errors) }
  }

  /// Waits until `moment`, the end of the run, or a signal. A run that is to end after a number of messages also ends when no reply
  /// has come for the time-out.
  private mutating func watch(until moment: Int64, since start: Int64, _ progress: inout Progress) {
    var (messages, changed) = (control.messages, Instant.now.nanoseconds)
    while true {
      let now = Instant.now.nanoseconds
      let end = min(moment, control.end)
      guard now < end, !control.isDone else { return }
      sleep(min(end - now, Self.step))
      if now >= lastLine + Self.second {
        let text = progress.running(at: now, since: start, messages: control.messages, open: control.open, errors: control.errors)
        lastLine = now
        line.show(text)
      }
      if control.messages != messages { (messages, changed) = (control.messages, now) }
      if case .messages = plan.extent, now - changed > plan.timeout { control.stop(at: now) }
    }
  }

  private mutating func show(_ text: (Control, Plan) -> String) {
    let now = Instant.now.nanoseconds
    guard now >= lastLine + Self.second else { return }
    lastLine = now
    line.show(text(control, plan))
  }

  private mutating func sleep(_ nanoseconds: Int64) {
    guard Signals.sleep(nanoseconds) else { return }
    isInterrupted = true
    control.stop(at: Instant.now.nanoseconds)
    // The next one ends the process: waiting for the last replies may take a while.
    Signals.unblock()
  }
}
