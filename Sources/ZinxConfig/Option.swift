import Zinx

/// One key of `zinx.json`.
public typealias Option = OptionOf<Configuration>
/// One key of an element of `Listeners`.
public typealias ListenerOption = OptionOf<Endpoint>

/// One key of an object: everything that the parser, the checks, `--print-config`, the shipped file and the manual know of it.
public struct OptionOf<Root: Sendable>: Sendable {
  /// The key in Zinx's spelling; files may write it in any case.
  public let name: String
  /// `whole number`, `seconds`, `string`, `list of networks` or `object`.
  public let type: String
  /// What is allowed; completes the sentence "must be …".
  public let allowed: String
  /// What a number counts, such as `bytes`; nil for what is no number.
  public let unit: String?
  /// Whether a reload changes it in the running server; otherwise it takes a restart.
  public let isReloadable: Bool
  /// One sentence for the manual, without the final full stop.
  public let help: String
  /// What it means that the key is not there, where no value means the same.
  public let absence: String

  private let store: @Sendable (ConfigurationValue, inout Root) -> [ConfigurationProblem]
  private let fetch: @Sendable (Root) -> ConfigurationValue?
  private let differ: @Sendable (Root, Root) -> Bool
  private let transfer: @Sendable (Root, inout Root) -> Void

  init<Value: Equatable>(
    _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable, _ rule: SettingRule<Value>,
    unit: String? = nil, reload isReloadable: Bool, absence: String = "nothing", _ help: String
  ) {
    self.init(name, path, rule, unit: unit, reload: isReloadable, absence: absence, help) { value, root in
      guard let setting = rule.read(value) else { return Self.problems(name, value, rule) }
      root[keyPath: path] = setting
      return []
    }
  }

  /// - Parameter store: sets the option, or leaves it as it is and says what is wrong with the value; in place of the rule.
  init<Value: Equatable>(
    _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable, _ rule: SettingRule<Value>,
    unit: String? = nil, reload isReloadable: Bool, absence: String, _ help: String,
    store: @escaping @Sendable (ConfigurationValue, inout Root) -> [ConfigurationProblem]
  ) {
    self.name = name
    self.unit = unit
    self.isReloadable = isReloadable
    self.help = help
    self.absence = absence
    type = rule.type
    allowed = rule.allowed
    self.store = store
    fetch = { rule.write($0[keyPath: path]) }
    differ = { $0[keyPath: path] != $1[keyPath: path] }
    transfer = { $1[keyPath: path] = $0[keyPath: path] }
  }

  /// The value in a configuration, as its file would say it; nil where the file would not have the key. Settings of plugins that are
  /// not shown are null.
  public func value(in root: Root) -> ConfigurationValue? { fetch(root) }

  /// Sets the option in `root`, or leaves it as it is and says what is wrong with the value.
  package func apply(_ value: ConfigurationValue, to root: inout Root) -> [ConfigurationProblem] { store(value, &root) }

  static func problems<Value>(_ name: String, _ value: ConfigurationValue, _ rule: SettingRule<Value>) -> [ConfigurationProblem] {
    let faults = rule.faults(value)
    guard faults.isEmpty else {
      return faults.map { ConfigurationProblem(at: $0.value.position, "\(name) has \($0.value.found), but \($0.reason)") }
    }
    return [ConfigurationProblem(at: value.position, "\(name) is \(value.found), but must be \(rule.allowed)")]
  }

  func isEqual(in one: Root, and other: Root) -> Bool { !differ(one, other) }

  func copy(from source: Root, to target: inout Root) { transfer(source, &target) }
}

extension Option {
  /// The default as JSON; nil for those whose default is not to be there: see ``absence``.
  public var defaultText: String? { value(in: Configuration())?.jsonText }
}
