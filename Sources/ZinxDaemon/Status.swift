import Synchronization
import Zinx
import ZinxControl

/// The one line that `systemctl status` shows, and what SIGUSR1 writes to the log.
final class Status: Sendable {
  private struct State {
    var isDraining = false
    /// What the operator should know beside the numbers, e.g. why a reload was refused.
    var note: String?
    var reloads = Reloads()
  }

  /// Reloads since the start.
  struct Reloads: Sendable, Equatable {
    var applied: UInt64 = 0
    var refused: UInt64 = 0
    /// Whether the last one was refused.
    var wasRefused = false
  }

  private let server: Server
  private let start = ContinuousClock.now
  private let state = Mutex(State())

  init(_ server: Server) { self.server = server }

  var uptime: Duration { .now - start }

  var noteText: String? { state.withLock { $0.note } }

  var isDraining: Bool { state.withLock { $0.isDraining } }

  /// By a signal, or by `zinxctl drain`.
  var acceptsNobody: Bool { isDraining || server.isSuspended }

  func drains() { state.withLock { $0.isDraining = true } }

  func note(_ text: String?) { state.withLock { $0.note = text } }

  var reloads: Reloads { state.withLock { $0.reloads } }

  func countReload(isRefused: Bool) {
    state.withLock { state in
      state.reloads.wasRefused = isRefused
      if isRefused { state.reloads.refused += 1 } else { state.reloads.applied += 1 }
    }
  }

  var text: String {
    let live = server.connManager.count
    let (isDraining, note) = state.withLock { ($0.isDraining, $0.note) }
    return Self.text(
      live: live, arriving: server.arriving, maxConn: server.maxConn, isDraining: isDraining, isSuspended: server.isSuspended,
      note: note) + Self.plugins(server.pluginStatusLines, server.pluginMetrics)
  }

  /// Characters of what plugins say: systemd shows one line.
  private static let longestPlugins = 200

  /// `; chat: 3 rooms, 12 players; score: players 3`: what a plugin says of itself, or else its gauges.
  static func plugins(_ lines: [(plugin: String, text: String)], _ metrics: [PluginMetric]) -> String {
    let gauges = metrics.filter { if case .gauge = $0.value { true } else { false } }
    var names = lines.map(\.plugin)
    for metric in gauges where !names.contains(metric.plugin) { names.append(metric.plugin) }
    let parts = names.map { name in
      let own = lines.first { $0.plugin == name }?.text
      let numbers = gauges.filter { $0.plugin == name }.map { "\($0.name) \(text($0.value))" }
      return "; \(name): \(shown(own ?? numbers.joined(separator: ", ")))"
    }
    let all = parts.joined()
    return all.count > longestPlugins ? all.prefix(longestPlugins) + "\u{2026}" : all
  }

  /// Lines for the log.
  var report: [String] {
    let workers = server.workerBusyTimes
    return Self.report(
      text, server.counters, queuedBytes: server.queuedBytes, workers: workers.count,
      busy: workers.count { $0 > .zero }, uptime: uptime) + [Self.line(server.listeners)] + Self.lines(server.pluginMetrics)
  }

  /// `listeners: public [::]:7777 12 connections, local unix:/run/zinxd/clients.sock 0 connections`.
  static func line(_ listeners: [ListenerInfo]) -> String {
    let parts = listeners.map { "\($0.name) \($0.addresses.joined(separator: " ")) \($0.live) connections" }
    return "listeners: \(parts.isEmpty ? "none" : parts.joined(separator: ", "))"
  }

  /// `plugin score: points 12, players 3, seconds 40 times 0.25 on average`, one for each plugin that counts.
  static func lines(_ metrics: [PluginMetric]) -> [String] {
    var plugins: [String] = []
    for metric in metrics where !plugins.contains(metric.plugin) { plugins.append(metric.plugin) }
    return plugins.map { plugin in
      let parts = metrics.filter { $0.plugin == plugin }.map { "\($0.name) \(text($0.value))" }
      return "plugin \(plugin): \(parts.joined(separator: ", "))"
    }
  }

  private static func text(_ value: PluginMetric.Value) -> String {
    switch value {
    case .counter(let number): "\(number)"
    case .gauge(let number): "\(number)"
    case .histogram(let values):
      "\(values.count) times" + (values.count == 0 ? "" : " \(values.sum / Double(values.count)) on average")
    }
  }

  static func report(
    _ text: String, _ counters: CounterSnapshot, queuedBytes: Int, workers: Int, busy: Int, uptime: Duration
  ) -> [String] {
    [
      "status: \(text); up \(uptime.components.seconds) s; \(queuedBytes) bytes queued for peers; \(busy) of \(workers) workers busy",
      "connections since the start: \(counters.connectionsAccepted) accepted, "
        + total("refused", counters.refusals) + ", " + total("not added", counters.failedArrivals) + ", "
        + total("ended", counters.connectionsClosed),
      "messages since the start: \(counters.requestsReceived) received (\(counters.bytesReceived) bytes), "
        + "\(counters.messagesSent) sent (\(counters.bytesSent) bytes), \(counters.unknownMessages) without a route, "
        + "\(counters.undecodableMessages) not decoded, \(counters.handlerErrors) handlers failed, "
        + "\(counters.deadlinesExceeded) took too long",
      "also since the start: " + rest(counters),
    ]
  }

  /// What is in the lines before.
  private static let told: Set = [
    "accepted", "received", "receivedBytes", "sent", "sentBytes", "unknownMessages", "undecodableMessages", "handlerErrors",
    "deadlinesExceeded",
  ]

  private static func rest(_ counters: CounterSnapshot) -> String {
    CounterRow.all.filter { !told.contains($0.key) }.map { "\($0.value(counters)) \($0.words)" }.joined(separator: ", ")
  }

  private static func total<Reason>(_ word: String, _ counts: [Reason: UInt64]) -> String {
    let sum = counts.values.reduce(0, +)
    let parts = counts.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", ")
    return "\(sum) \(word)" + (parts.isEmpty ? "" : " (\(parts))")
  }

  /// - Parameter arriving: those in a handshake, which have places but are no connections yet.
  static func text(
    live: Int, arriving: Int = 0, maxConn: Int, isDraining: Bool, isSuspended: Bool = false, note: String?
  ) -> String {
    let arrivals = arriving > 0 ? ", \(arriving) arriving" : ""
    let rest = isSuspended ? ", accepts nobody until zinxctl resume" : ""
    let numbers = isDraining ? "Draining: \(live) connections left" : "\(live)/\(maxConn) connections\(arrivals)\(rest)"
    return note.map { "\(numbers); \($0)" } ?? numbers
  }
}
