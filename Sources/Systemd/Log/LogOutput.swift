import Logging

/// A daemon's log: loggers on any thread → a bounded queue → one writer thread → a ``LogSink``.
///
/// Nothing a sink does is felt by who logs. A sink that is stuck fills the queue; then messages are dropped and counted, and the
/// number is reported when it moves again.
public final class LogOutput: Sendable {
  private let queue: LogQueue
  private let shared: SharedLogLevel

  /// Starts the writer, a thread named `zinx-log`. `level` is the lowest one logged.
  public init(to sink: any LogSink, level: Logger.Level = .info, limits: LogLimits = LogLimits()) throws(SystemCallError) {
    let queue = LogQueue(limits: limits)
    self.queue = queue
    shared = SharedLogLevel(level)
    try startThread("zinx-log") {
      while let batch = queue.next() {
        for entry in batch {
          sink.write(entry)
          queue.finished(entry)
        }
      }
    }
  }

  /// The writer ends on its own, after what is still queued.
  deinit { queue.close() }

  /// The lowest level logged, for all loggers at once; any thread may change it at any time.
  public var level: Logger.Level {
    get { shared.level }
    set { shared.level = newValue }
  }

  /// Messages that found no room and were dropped, since the start; any thread.
  public var dropped: UInt64 { queue.dropped }

  /// The handler for a logger: `LoggingSystem.bootstrap(output.handler(label:metadataProvider:), metadataProvider: nil)`.
  public func handler(label: String, metadataProvider: Logger.MetadataProvider? = nil) -> QueueLogHandler {
    QueueLogHandler(label: label, queue: queue, shared: shared, metadataProvider: metadataProvider)
  }

  /// Waits until everything logged before is written; call it before the process exits. False if it takes longer than `timeout`,
  /// which is when a stuck sink must not keep a daemon from ending. Blocks the calling thread: not for an event loop.
  @discardableResult
  public func flush(timeout: Duration) -> Bool { queue.flush(timeout: timeout) }
}
