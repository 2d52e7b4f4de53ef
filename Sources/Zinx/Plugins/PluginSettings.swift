/// The settings of one plugin, read strictly from the object under `Plugins` in `zinx.json`.
///
/// A plugin asks for each of its settings by name, without regard to case. One that is missing or wrong yields its default, and the
/// problem is kept, so that the operator sees all of them in one run; the server starts only when there is none.
///
/// <!-- in: struct Answers { let id: UInt32; … } -->
/// ```swift
/// init(settings: inout PluginSettings) {
///   id = settings.integer("MsgID", default: 0, shown: true, "message id that is answered")
/// }
/// ```
///
/// A value may be a secret: no log, error or `--print-config` has it, unless it is read as `shown`.
public struct PluginSettings: Sendable {
  /// The name of the plugin.
  public let plugin: String
  /// What is wrong so far, in the order it was found.
  public private(set) var problems: [ConfigurationProblem] = []
  /// The settings that the plugin has asked for, in that order: its documentation.
  public private(set) var known: [PluginSetting] = []

  private let members: [ConfigurationMember]

  /// - Parameter value: what the file holds under the plugin's name. Nil and `{}` mean every default; anything but an object is a
  ///   problem.
  public init(plugin: String, value: ConfigurationValue?) {
    self.plugin = plugin
    switch value?.content {
    case nil: members = []
    case .object(let members): self.members = members
    default:
      members = []
      problems = [
        ConfigurationProblem(at: value?.position, "plugin \"\(plugin)\" is \(value?.kind ?? "null"), but must be an object")
      ]
    }
  }

  /// A number without fraction and exponent.
  /// - Parameters:
  ///   - range: what is allowed; nil allows all that the type can hold.
  ///   - shown: whether the value may be printed; here and below.
  public mutating func integer<T: FixedWidthInteger & Sendable>(
    _ key: String, default standard: T, in range: ClosedRange<T>? = nil, shown: Bool = false, _ help: String
  ) -> T {
    read(key, .integer(in: range ?? T.min...T.max), standard, shown, help)
  }

  public mutating func bool(_ key: String, default standard: Bool, shown: Bool = false, _ help: String) -> Bool {
    read(key, .bool, standard, shown, help)
  }

  public mutating func string(_ key: String, default standard: String, shown: Bool = false, _ help: String) -> String {
    read(key, .string, standard, shown, help)
  }

  /// A number of seconds, fractions allowed, kept to the microsecond.
  /// - Parameter range: what is allowed; nil allows zero and more.
  public mutating func seconds(
    _ key: String, default standard: Duration, in range: ClosedRange<Duration>? = nil, shown: Bool = false, _ help: String
  ) -> Duration {
    read(key, .seconds(in: range ?? .zero...SettingRule<Duration>.longest), standard, shown, help)
  }

  /// One of a few words, spelled exactly as the raw values are.
  public mutating func choice<E: RawRepresentable<String> & CaseIterable & Sendable>(
    _ key: String, default standard: E, shown: Bool = false, _ help: String
  ) -> E {
    read(key, .choice, standard, shown, help)
  }

  /// Keeps a problem that no single type can tell, such as two settings that exclude each other.
  /// - Parameter reason: completes the sentence "… is VALUE, but …".
  public mutating func refuse(_ key: String, because reason: String) {
    let value = member(key)?.value
    let isShown = known.contains { $0.isShown && asciiLowercased($0.name) == asciiLowercased(key) }
    let found = value.map { isShown ? $0.found : $0.kind } ?? "not set"
    problems.append(ConfigurationProblem(at: value?.position, "\(label(key)) is \(found), but \(reason)"))
  }

  /// Adds a problem for each setting of the file that the plugin did not ask for. Call it once, after the plugin is made.
  public mutating func finish() {
    let names = known.map(\.name)
    for member in members where !names.contains(where: { asciiLowercased($0) == asciiLowercased(member.key) }) {
      let hint =
        if let nearest = nearestName(to: member.key, among: names) {
          "did you mean \"\(nearest)\"?"
        } else {
          names.isEmpty ? "it has none" : "it has \(names.joined(separator: ", "))"
        }
      problems.append(
        ConfigurationProblem(at: member.position, "unknown setting \(quotedBriefly(member.key)) of plugin \"\(plugin)\"; \(hint)")
      )
    }
  }

  private mutating func read<T>(_ key: String, _ rule: SettingRule<T>, _ standard: T, _ isShown: Bool, _ help: String) -> T {
    known.append(
      PluginSetting(
        name: key, type: rule.type, defaultText: rule.write(standard)?.jsonText ?? "null", allowed: rule.allowed, help: help,
        isShown: isShown))
    guard let value = member(key)?.value else { return standard }
    if let setting = rule.read(value) { return setting }
    problems.append(
      ConfigurationProblem(
        at: value.position, "\(label(key)) is \(isShown ? value.found : value.kind), but must be \(rule.allowed)"))
    return standard
  }

  private func member(_ key: String) -> ConfigurationMember? {
    let folded = asciiLowercased(key)
    return members.first { asciiLowercased($0.key) == folded }
  }

  private func label(_ key: String) -> String { "\(key) of plugin \"\(plugin)\"" }
}

/// One setting of a plugin, for documentation.
public struct PluginSetting: Sendable, Equatable {
  public var name: String
  /// `whole number`, `seconds`, `string` or `true or false`.
  public var type: String
  /// The default as JSON.
  public var defaultText: String
  /// What is allowed; completes "must be …".
  public var allowed: String
  /// One sentence, without the final full stop.
  public var help: String
  /// Whether its value may stand in the log, in errors and in what `--print-config` prints.
  public var isShown: Bool

  public init(name: String, type: String, defaultText: String, allowed: String, help: String, isShown: Bool = false) {
    self.name = name
    self.type = type
    self.defaultText = defaultText
    self.allowed = allowed
    self.help = help
    self.isShown = isShown
  }
}
