import Zinx

/// One key of `zinx.json`: everything that the parser, the checks, `--print-config`, the shipped file and the manual know of it.
public struct Option: Sendable {
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

  private let store: @Sendable (ConfigurationValue, inout Configuration) -> Bool
  private let faults: @Sendable (ConfigurationValue) -> [SettingFault]
  private let fetch: @Sendable (Configuration) -> ConfigurationValue?
  private let differ: @Sendable (Configuration, Configuration) -> Bool
  private let transfer: @Sendable (Configuration, inout Configuration) -> Void

  init<Value: Equatable>(
    _ name: String, _ path: any WritableKeyPath<Configuration, Value> & Sendable, _ rule: SettingRule<Value>,
    unit: String? = nil, reload isReloadable: Bool, absence: String = "nothing", _ help: String
  ) {
    self.name = name
    self.unit = unit
    self.isReloadable = isReloadable
    self.help = help
    self.absence = absence
    type = rule.type
    allowed = rule.allowed
    store = { value, configuration in
      guard let setting = rule.read(value) else { return false }
      configuration[keyPath: path] = setting
      return true
    }
    faults = rule.faults
    fetch = { rule.write($0[keyPath: path]) }
    differ = { $0[keyPath: path] != $1[keyPath: path] }
    transfer = { $1[keyPath: path] = $0[keyPath: path] }
  }

  /// The value in a configuration, as its file would say it; nil where the file would not have the key. Settings of plugins that are
  /// not shown are null.
  public func value(in configuration: Configuration) -> ConfigurationValue? { fetch(configuration) }

  /// The default as JSON; nil for those whose default is not to be there: see ``absence``.
  public var defaultText: String? { value(in: Configuration())?.jsonText }

  /// Sets the option in `configuration`, or leaves it as it is and says what is wrong with the value.
  func apply(_ value: ConfigurationValue, to configuration: inout Configuration) -> [ConfigurationProblem] {
    if store(value, &configuration) { return [] }
    let faults = faults(value)
    guard faults.isEmpty else {
      return faults.map { ConfigurationProblem(at: $0.value.position, "\(name) has \($0.value.found), but \($0.reason)") }
    }
    return [ConfigurationProblem(at: value.position, "\(name) is \(value.found), but must be \(allowed)")]
  }

  func isEqual(in one: Configuration, and other: Configuration) -> Bool { !differ(one, other) }

  func copy(from source: Configuration, to target: inout Configuration) { transfer(source, &target) }
}
