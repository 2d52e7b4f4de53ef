import Zinx

/// What the daemon counts beside its server, by name.
extension MetricDefinition {
  static let build = Self("zinx_build", .info, labels: ["name", "version"], "Name and version of the program")
  static let startTime = Self("zinx_start_time_seconds", .gauge, "When the process began, in Unix time")
  static let draining = Self("zinx_draining", .gauge, "1 while the daemon drains, else 0")
  static let reloads = Self("zinx_reloads", .counter, labels: ["result"], "Reloads of the configuration")
  static let reloadSucceeded = Self(
    "zinx_last_reload_successful", .gauge,
    "0 when the last reload was refused, and the configuration of before is in force; else 1")
  static let logLeftOut = Self(
    "zinx_log_lines_left_out", .counter, labels: ["reason"],
    "Lines that are not in the log: what peers can cause at will is limited, and a log that is stuck has no room")
  static let loopLag = Self(
    "zinx_loop_lag_seconds", .gauge, labels: ["loop"],
    "Time until an event loop does what it was asked to, of the last look; there are two looks a second")
  static let residentMemory = Self("zinx_resident_memory_bytes", .gauge, "Memory of the process that is in use (RSS)")
  static let processorTime = Self("zinx_cpu_seconds", .counter, "Processor time of the process")

  /// Every metric of the daemon, in the order in which they are told, before those of its server.
  static let ofDaemon = [
    build, startTime, draining, reloads, reloadSucceeded, logLeftOut, loopLag, residentMemory, processorTime,
  ]
}

/// Everything that the metrics of the daemon are made of, at one moment.
struct DaemonReading {
  var name: String
  var version: String
  /// Unix time.
  var start: Double
  var isDraining = false
  var reloads = Status.Reloads()
  /// Lines that were left out because there were too many of their kind.
  var limitedLines: UInt64 = 0
  /// Lines that found no room while they waited to be written.
  var droppedLines: UInt64 = 0
  var lags: [(loop: Int, lag: Duration)] = []
  var usage = ProcessUsage()

  var families: [MetricFamily] {
    [
      MetricFamily(.build, [.init([.init("name", name), .init("version", version)], .whole(1))]),
      MetricDefinition.startTime.family(.number(start)),
      MetricDefinition.draining.family(.flag(isDraining)),
      MetricDefinition.reloads.family([("applied", .whole(reloads.applied)), ("refused", .whole(reloads.refused))]),
      MetricDefinition.reloadSucceeded.family(.flag(!reloads.wasRefused)),
      MetricDefinition.logLeftOut.family([("rate", .whole(limitedLines)), ("full", .whole(droppedLines))]),
      MetricDefinition.loopLag.family(lags.map { ("\($0.loop)", .seconds($0.lag)) }),
      MetricFamily(.residentMemory, usage.residentBytes.map { [.init([], .count($0))] } ?? []),
      MetricDefinition.processorTime.family(.seconds(usage.processorTime)),
    ]
  }
}
