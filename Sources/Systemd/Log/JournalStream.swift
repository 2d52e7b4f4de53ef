import Glibc

/// Whether a descriptor is the stream to the journal that the service manager connected, after `JOURNAL_STREAM`
/// (systemd.exec(5)).
public struct JournalStream: Sendable, Equatable {
  /// As stat(2) has them.
  public var device: UInt64
  public var inode: UInt64

  public init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }

  /// Parses `device:inode`, both decimal.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let device = UInt64(parts[0]), let inode = UInt64(parts[1]) else { return nil }
    self.init(device: device, inode: inode)
  }

  /// What `descriptor` is; `nil` if it is not open.
  public init?(of descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    self.init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  /// The sink for a daemon called `identifier`: the journal if standard error is the journal's, or else standard error.
  ///
  /// The variable alone says little: it stays set in a child whose standard error went somewhere else.
  public static func sink(for environment: ServiceEnvironment, identifier: String) -> any LogSink {
    guard let stream = environment.journalStream.flatMap(JournalStream.init), stream == JournalStream(of: STDERR_FILENO) else {
      return TerminalSink.standardError()
    }
    do {
      return try JournalSink(identifier: identifier)
    } catch {
      // A root directory of its own, say, that journald's socket is not in: the stream still takes text and a priority.
      return TerminalSink(descriptor: STDERR_FILENO, text: LogText(lead: .priority))
    }
  }
}
