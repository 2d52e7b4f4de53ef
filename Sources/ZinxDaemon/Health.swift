import Zinx

/// How it stands with the daemon, for whoever decides about sending it clients or starting it anew: `zinxctl health`, `/healthz` and
/// `/readyz` say the same, as all of them have it from here.
struct Health: Sendable, Equatable {
  enum Phase: Sendable { case starting, serving, draining }

  /// An event loop that has not answered for so long makes no progress.
  static let silentAfter = Duration.seconds(5)
  /// A worker that is longer in one handler is blocked.
  static let blockedAfter = ServerReading.blockedAfter

  /// A worker that is held up.
  struct Blocked: Sendable, Equatable {
    var worker: Int
    /// How long it has been in its handler.
    var time: Duration

    var text: String { "worker \(worker) has been blocked in a handler for \(time.components.seconds) s" }
  }

  var phase = Phase.serving
  /// Event loops that do not answer.
  var silentLoops: [Int] = []
  var workers = 0
  /// Of them, those that have been in one handler for long.
  var blocked: [Blocked] = []
  /// What plugins work by and have not, such as NATS.
  var lacks: [PluginLack] = []

  /// Those of the workers, of which it is known how long each has been in its handler, that are blocked.
  static func blocked(_ busyTimes: [Duration]) -> [Blocked] {
    busyTimes.enumerated().filter { $0.element >= blockedAfter }.map { Blocked(worker: $0.offset, time: $0.element) }
  }

  /// Whether loops and workers make progress. As long as one worker does, handlers that block others are for a warning.
  var isLive: Bool { silentLoops.isEmpty && (workers == 0 || blocked.count < workers) }

  /// Whether it is a good time to send it clients.
  var isReady: Bool { phase == .serving && isLive && requiredLack == nil }

  private var requiredLack: PluginLack? { lacks.first(where: \.isRequired) }

  /// What keeps it, or a part of it, from its work, a line each.
  var problems: [String] { (silentLoops.isEmpty ? [] : [silentText]) + blocked.map(\.text) + lacks.map(\.text) }

  private var silentText: String { "event loops do not answer: \(silentLoops.map(String.init).joined(separator: ", "))" }

  /// What `/healthz` says.
  var liveText: String {
    if !silentLoops.isEmpty { return silentText }
    if !blocked.isEmpty { return "\(blocked.count) of \(workers) workers are blocked in handlers" }
    return "ok"
  }

  /// What `/readyz` says.
  var readyText: String {
    switch phase {
    case .starting: "starting"
    case .draining: "draining"
    case .serving where !isLive: liveText
    // What decides comes first; the rest goes on without what is lacking.
    case .serving: requiredLack?.text ?? (blocked.isEmpty ? lacks.first?.text : nil) ?? liveText
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
