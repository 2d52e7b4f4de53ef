import Glibc
import ServiceLifecycle
import Synchronization
import Systemd
import Zinx
import ZinxConfig
import ZinxIO

/// Metrics and health of a daemon over HTTP, from before its server starts until that has drained.
final class MetricsService: Service {
  /// The socket of the metrics could not be opened.
  struct Failed: Error {
    let reason: any Error
  }

  /// The name of the sockets that systemd passes for it.
  static let socketName = "metrics"
  private let parts: Parts
  private let door: MetricsDoor

  /// What is asked when somebody asks.
  final class Parts: Sendable {
    let server: Server
    let status: Status
    let watch: HealthWatch
    let events: EventLog
    let output: LogOutput
    let name: String
    let version: String
    let start = Double(time(nil))

    init(
      _ server: Server, _ status: Status, _ watch: HealthWatch, _ events: EventLog, _ output: LogOutput, name: String,
      version: String
    ) {
      (self.server, self.status, self.watch, self.events, self.output) = (server, status, watch, events, output)
      (self.name, self.version) = (name, version)
    }

    var families: [MetricFamily] {
      var reading = DaemonReading(name: name, version: version, start: start, isDraining: status.acceptsNobody)
      reading.reloads = status.reloads
      (reading.limitedLines, reading.droppedLines) = (events.leftOut, output.dropped)
      reading.lags = watch.lags
      reading.usage = .now
      return reading.families + server.metrics
    }
  }

  private init(_ parts: Parts, _ door: MetricsDoor) { (self.parts, self.door) = (parts, door) }

  /// Opens what the configuration or systemd wants; nil if nobody does.
  ///
  /// Throws: ``Failed``.
  static func open(
    _ address: ListenAddress?, passed: [Int32], _ parts: Parts
  ) async throws(Failed) -> MetricsService? {
    var site = MetricsSite(families: { parts.families }, health: { parts.watch.health }) { [server = parts.server] in
      server.connections($0, limit: $1)
    }
    if let host = address?.host { site.ownNames = [host] }
    do {
      if !passed.isEmpty {
        return MetricsService(parts, try await MetricsDoor.open(.init(name: socketName, sockets: passed, isPassed: true), site))
      }
      guard let address else { return nil }
      return MetricsService(parts, try await MetricsDoor.open(try await Server.openSockets(at: address, name: socketName), site))
    } catch { throw Failed(reason: error) }
  }

  /// `http://127.0.0.1:9117/metrics`, or the UNIX socket.
  var places: [String] { door.addresses.map { $0.hasPrefix("unix:") ? $0 : "http://\($0)/metrics" } }

  /// Is there until the server has drained.
  func run() async throws {
    try? await gracefulShutdown()
    await door.close()
  }
}
