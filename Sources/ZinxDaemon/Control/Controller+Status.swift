import Glibc
import Logging
import Synchronization
import Systemd
import Zinx
import ZinxControl
import ZinxIO

/// What is told of the daemon as a whole.
extension Controller {
  /// Time for event loops to answer.
  private static let patience = Duration.seconds(1)
  /// A handler that runs longer holds its worker up.
  private static let blockedAfter = Duration.seconds(10)

  var report: JSON {
    let (counters, busyTimes) = (server.counters, server.workerBusyTimes)
    return [
      "version": .string(version), "name": .string(log.label), "pid": .count(getpid()),
      "uptimeSeconds": .seconds(status.uptime), "connections": .count(server.connManager.count),
      "maxConn": .count(server.maxConn),
      "arriving": .count(server.arriving), "draining": .bool(status.isDraining || server.isSuspended),
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

  /// Whether it does its work: its event loops answer, and no handler holds a worker up.
  var health: JSON {
    var problems: [String] = []
    let silent = silentLoops
    if !silent.isEmpty { problems.append("event loops that do not answer: \(silent.map { "\($0)" }.joined(separator: ", "))") }
    for (worker, busy) in server.workerBusyTimes.enumerated() where busy >= Self.blockedAfter {
      problems.append("worker \(worker) has been blocked in a handler for \(busy.components.seconds) s")
    }
    return [
      "healthy": .bool(problems.isEmpty), "ready": .bool(problems.isEmpty && !status.isDraining && !server.isSuspended),
      "problems": .array(problems.map { .string($0) }),
    ]
  }

  private var silentLoops: [Int] {
    let (answered, parker) = (Answered(), Parker())
    let count = server.pingLoops { loop in
      answered.loops.withLock { _ = $0.insert(loop) }
      parker.unpark()
    }
    let deadline = ContinuousClock.now + Self.patience
    while answered.loops.withLock({ $0.count }) < count, parker.park(atMost: deadline - .now) {}
    return (0..<count).filter { loop in answered.loops.withLock { !$0.contains(loop) } }
  }

  private final class Answered: Sendable { let loops = Mutex<Set<Int>>([]) }
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
