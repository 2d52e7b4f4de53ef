import Logging
import Synchronization

/// The log level that every logger of an output goes by, until it has been given one of its own.
final class SharedLogLevel: Sendable {
  private let index: Atomic<Int>

  init(_ level: Logger.Level) { index = Atomic(Self.index(of: level)) }

  /// Relaxed: a logger may go by the old level for an instant, and orders nothing by it.
  var level: Logger.Level {
    get { Self.levels[index.load(ordering: .relaxed)] }
    set { index.store(Self.index(of: newValue), ordering: .relaxed) }
  }

  private static let levels = Logger.Level.allCases

  private static func index(of level: Logger.Level) -> Int { levels.firstIndex(of: level) ?? 0 }
}
