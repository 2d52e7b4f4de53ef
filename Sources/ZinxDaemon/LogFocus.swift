import Logging
import Synchronization
import Zinx
import ZinxControl

/// Connections and peers whose lines are logged from a level of their own on, whatever the level of the log is, and not left out when
/// there are many: what an operator has asked for by hand, until the next reload.
struct LogFocus: Sendable, Equatable {
  /// Rules at once.
  static let mostRules = 16

  struct Rule: Sendable, Equatable {
    var subject: ControlRequest.LogSubject
    var level: Logger.Level
  }

  private(set) var rules: [Rule] = []

  /// Returns false where there are as many as may be.
  mutating func set(_ rule: Rule) -> Bool {
    rules.removeAll { $0.subject == rule.subject }
    guard rules.count < Self.mostRules else { return false }
    rules.append(rule)
    return true
  }

  /// The most talkative level of those that are about a connection or a peer; nil without one.
  func level(connection id: UInt64?, peer: () -> String) -> Logger.Level? {
    // Asked once, and only where a rule is about addresses.
    lazy var number = IPNumber(peer: peer())
    return rules.filter { rule in
      switch rule.subject {
      case .connection(let wanted): wanted == id
      case .peers(let network): number.map(network.contains) ?? false
      }
    }.map(\.level).min()
  }
}

/// The rules of a log, for who logs and who changes them. Any thread.
final class LogFocusTable: Sendable {
  private let focus = Mutex(LogFocus())
  /// Whoever logs without rules takes no lock.
  private let hasRules = Atomic<Bool>(false)

  var rules: [LogFocus.Rule] { focus.withLock { $0.rules } }

  func set(_ rule: LogFocus.Rule) -> Bool {
    focus.withLock { focus in
      defer { hasRules.store(!focus.rules.isEmpty, ordering: .releasing) }
      return focus.set(rule)
    }
  }

  func clear() {
    focus.withLock { $0 = LogFocus() }
    hasRules.store(false, ordering: .releasing)
  }

  /// The logger for an event about this, if a rule is; nil is the usual one.
  func logger(_ log: Logger, connection id: UInt64?, peer: SocketAddress) -> Logger? {
    guard hasRules.load(ordering: .acquiring) else { return nil }
    guard let level = focus.withLock({ $0 }).level(connection: id, peer: { "\(peer)" }) else { return nil }
    var log = log
    log.logLevel = level
    return log
  }
}
