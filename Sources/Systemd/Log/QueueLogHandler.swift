import Glibc
import Logging

/// The swift-log backend: turns a message and its metadata to text on the caller's thread, and leaves the rest to the writer's.
public struct QueueLogHandler: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var metadataProvider: Logger.MetadataProvider?

  private let label: String
  private let queue: LogQueue
  private let shared: SharedLogLevel
  private var own: Logger.Level?

  init(label: String, queue: LogQueue, shared: SharedLogLevel, metadataProvider: Logger.MetadataProvider?) {
    self.label = label
    self.queue = queue
    self.shared = shared
    self.metadataProvider = metadataProvider
  }

  /// The level of the whole output (``LogOutput/level``), and with it changing at run time, until it is set here for this logger.
  public var logLevel: Logger.Level {
    get { own ?? shared.level }
    set { own = newValue }
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    // Values become text here: they may be of a type whose description changes later.
    var fields = merged(with: event.metadata).map { LogEntry.Field($0.key, $0.value.description) }
    if let error = event.error { fields.append(LogEntry.Field("error", "\(error)")) }
    let entry = LogEntry(
      time: Self.now(), level: event.level, label: label, message: event.message.description, fields: fields, file: event.file,
      function: event.function, line: event.line)
    queue.add(entry)
  }

  /// What is nearer to the message wins.
  private func merged(with explicit: Logger.Metadata?) -> Logger.Metadata {
    var all = metadata
    if let provided = metadataProvider?.get(), !provided.isEmpty { all.merge(provided) { $1 } }
    if let explicit, !explicit.isEmpty { all.merge(explicit) { $1 } }
    return all
  }

  private static func now() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
}
