/// How it stands with the daemon, for whoever decides about sending it clients or starting it anew.
struct Health: Sendable, Equatable {
  enum Phase: Sendable { case starting, serving, draining }

  /// An event loop that has not answered for so long makes no progress.
  static let silentAfter = Duration.seconds(5)

  var phase = Phase.serving
  /// Event loops that do not answer.
  var silentLoops: [Int] = []
  var workers = 0
  /// Of them, those that have been in one handler for long.
  var blockedWorkers = 0

  /// Whether loops and workers make progress. As long as one worker does, handlers that block others are for a warning.
  var isLive: Bool { silentLoops.isEmpty && (workers == 0 || blockedWorkers < workers) }

  /// Whether it is a good time to send it clients.
  var isReady: Bool { phase == .serving && isLive }

  /// What `/healthz` says.
  var liveText: String {
    if !silentLoops.isEmpty { return "event loops do not answer: \(silentLoops.map(String.init).joined(separator: ", "))" }
    if blockedWorkers > 0 { return "\(blockedWorkers) of \(workers) workers are blocked in handlers" }
    return "ok"
  }

  /// What `/readyz` says.
  var readyText: String {
    switch phase {
    case .starting: "starting"
    case .draining: "draining"
    case .serving: liveText
    }
  }
}

/// How long event loops take to answer. No clock.
struct LoopLags {
  private var asked: [Int: ContinuousClock.Instant] = [:]
  private var last: [Int: Duration] = [:]

  /// Whether a loop is to be asked now: it has answered before. It counts as asked then.
  mutating func ask(_ loop: Int, at now: ContinuousClock.Instant) -> Bool {
    guard asked[loop] == nil else { return false }
    asked[loop] = now
    return true
  }

  mutating func answered(_ loop: Int, at now: ContinuousClock.Instant) {
    guard let begin = asked.removeValue(forKey: loop) else { return }
    last[loop] = now - begin
  }

  /// By loop: what the last answer took, or what the next one takes already, if that is longer.
  func lags(at now: ContinuousClock.Instant) -> [(loop: Int, lag: Duration)] {
    Set(asked.keys).union(last.keys).sorted().map { loop in
      (loop, max(last[loop] ?? .zero, asked[loop].map { now - $0 } ?? .zero))
    }
  }

  /// Those that have not answered for ``Health/silentAfter``.
  func silent(at now: ContinuousClock.Instant) -> [Int] {
    asked.filter { now - $0.value >= Health.silentAfter }.keys.sorted()
  }
}
