import Glibc
import Logging
import Systemd
import Zinx
import ZinxControl

/// What is told of the daemon as a whole.
extension Controller {
  var report: JSON { .object(state + Self.counters(server.counters) + [JSON.Member("plugins", plugins)]) }

  /// How it is.
  private var state: [JSON.Member] {
    let busyTimes = server.workerBusyTimes
    let state: JSON = [
      "version": .string(version), "name": .string(log.label), "pid": .count(getpid()),
      "uptimeSeconds": .seconds(status.uptime), "connections": .count(server.connManager.count),
      "maxConn": .count(server.maxConn),
      "arriving": .count(server.arriving), "draining": .bool(status.acceptsNobody),
      "ending": .bool(status.isDraining), "note": .text(status.noteText), "logLevel": .string(output.level.rawValue),
      "set": .object(reloader.overrides.map { JSON.Member($0.key, $0.value) }),
      "logFocus": .array(
        focus.rules.map { ["subject": .string($0.subject.text), "level": .string($0.level.rawValue)] }),
      "listeners": .array(server.listeners.map(\.json)),
      "workers": .count(busyTimes.count), "busyWorkers": .count(busyTimes.count { $0 > .zero }),
      "queuedBytes": .count(server.queuedBytes),
    ]
    return state.members ?? []
  }

  /// What happened since the start: all of ``CounterRow``, and what has reasons.
  static func counters(_ counters: CounterSnapshot) -> [JSON.Member] {
    CounterRow.all.map { JSON.Member($0.key, .count($0.value(counters))) } + [
      JSON.Member("refused", counts(counters.refusals)), JSON.Member("notAdded", counts(counters.failedArrivals)),
      JSON.Member("closed", counts(counters.connectionsClosed)),
    ]
  }

  /// What each plugin says of itself, and the numbers that go up and down; the rest is in `plugins`.
  private var plugins: JSON {
    let (lines, metrics) = (server.pluginStatusLines, server.pluginMetrics)
    let names = server.runningPlugins.map(\.name)
    return .object(
      names.compactMap { name -> JSON.Member? in
        let line = lines.first { $0.plugin == name }.map { JSON.Member("status", .string(String($0.text.prefix(1000)))) }
        let gauges = metrics.compactMap { metric -> JSON.Member? in
          guard metric.plugin == name, case .gauge(let number) = metric.value else { return nil }
          return JSON.Member(metric.name, .count(number))
        }
        let members = [line].compactMap(\.self) + gauges
        return members.isEmpty ? nil : JSON.Member(name, .object(members))
      })
  }

  private static func counts<Reason>(_ counts: [Reason: UInt64]) -> JSON {
    .object(counts.map { JSON.Member("\($0.key)", .count($0.value)) }.sorted { $0.key < $1.key })
  }

  /// Whether it does its work, as `/healthz` and `/readyz` say it.
  var health: JSON { watch.health.json }
}

extension Health {
  var json: JSON {
    ["healthy": .bool(isLive), "ready": .bool(isReady), "problems": .array(problems.map { .string($0) })]
  }
}

extension ListenerInfo {
  fileprivate var json: JSON {
    [
      "name": .string(name), "addresses": .array(addresses.map { .string($0) }), "connections": .count(live),
      "dataPack": .string("\(framing)"), "tls": .bool(isTLS), "transport": .string(transport.rawValue),
      "proxyProtocol": .string(proxyProtocol.rawValue),
      "plugins": plugins.map { .array($0.map { .string($0) }) } ?? .null,
    ]
  }
}
