import Glibc
import Logging
import Systemd
import Zinx
import ZinxControl

/// What is told of the daemon as a whole.
extension Controller {
  var report: JSON {
    let (counters, busyTimes) = (server.counters, server.workerBusyTimes)
    return [
      "version": .string(version), "name": .string(log.label), "pid": .count(getpid()),
      "uptimeSeconds": .seconds(status.uptime), "connections": .count(server.connManager.count),
      "maxConn": .count(server.maxConn),
      "arriving": .count(server.arriving), "draining": .bool(status.acceptsNobody),
      "ending": .bool(status.isDraining), "note": .text(status.noteText), "logLevel": .string(output.level.rawValue),
      "set": .object(reloader.overrides.map { JSON.Member($0.key, $0.value) }),
      "listeners": .array(server.listeners.map(\.json)),
      "workers": .count(busyTimes.count), "busyWorkers": .count(busyTimes.count { $0 > .zero }),
      "queuedBytes": .count(server.queuedBytes),
      "accepted": .count(counters.connectionsAccepted), "refused": Self.counts(counters.refusals),
      "notAdded": Self.counts(counters.failedArrivals), "closed": Self.counts(counters.connectionsClosed),
      "received": .count(counters.requestsReceived), "receivedBytes": .count(counters.bytesReceived),
      "sent": .count(counters.messagesSent), "sentBytes": .count(counters.bytesSent),
      "unknownMessages": .count(counters.unknownMessages), "handlerErrors": .count(counters.handlerErrors),
    ]
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
