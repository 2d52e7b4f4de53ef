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
  /// The name of the plugin; of an object inside, the path to it.
  public let plugin: String
  /// What is wrong so far, in the order it was found.
  public private(set) var problems: [ConfigurationProblem] = []
  /// The settings that the plugin has asked for, in that order, each followed by those inside it: its documentation.
  public private(set) var known: [PluginSetting] = []
  /// What was read from files: settings that say the same may mean something else.
  package private(set) var contents: [Secret] = []
  /// Whether something was not looked at: see ``SettingFiles/Credentials/unchecked``.
  package private(set) var isUnchecked = false

  private let path: String
  private let position: SourcePosition?
  private let members: [ConfigurationMember]
  private let files: SettingFiles
  private let depth: Int
  /// The keys of the object itself, as the plugin spells them.
  private var names: [String] = []
  /// By place among the members.
  private var printables: [Int: ConfigurationValue] = [:]
  /// Keys that no reason of the plugin's own can be held against.
  private var unchecked: Set<String> = []

  /// - Parameters:
  ///   - value: what the file holds under the plugin's name. Nil and `{}` mean every default; anything but an object is a problem.
  ///   - files: what settings that name files find there.
  public init(plugin: String, value: ConfigurationValue?, files: SettingFiles = [:]) {
    self.init(path: "Plugins.\(plugin)", plugin: plugin, value: value, files: files, depth: 0)
  }

  init(path: String, plugin: String? = nil, value: ConfigurationValue?, files: SettingFiles, depth: Int) {
    (self.path, self.plugin, self.files, self.depth) = (path, plugin ?? path, files, depth)
    position = value?.position
    switch value?.content {
    case nil: members = []
    case .object(let members): self.members = members
    default:
      members = []
      problems = [ConfigurationProblem(at: value?.position, "\(path) is \(value?.kind ?? "null"), but must be an object")]
    }
  }

  /// A setting of any kind.
  ///
  /// <!-- in: struct Room: SettingsObject { init(settings: inout PluginSettings) {} }
  /// struct Chat { let rooms: [Room]; let trusted: [Network]; let token: Secret?; … } -->
  /// ```swift
  /// init(settings: inout PluginSettings) {
  ///   rooms = settings.value("Rooms", .list(of: .object(Room.self), count: 0...64), default: [], "rooms that are always there")
  ///   trusted = settings.value("Trusted", .list(of: .network), default: [], shown: true, "networks that need no login")
  ///   token = settings.value("Token", .optional(.secret), default: nil, "file of the word by which an administrator logs in")
  /// }
  /// ```
  ///
  /// - Parameters:
  ///   - standard: what stands in where the file has none.
  ///   - isRequired: whether a file that has none is refused.
  ///   - isShown: whether the value may be printed; here and below. What is inside an object says so for itself.
  public mutating func value<T>(
    _ key: String, _ kind: SettingKind<T>, default standard: T, required isRequired: Bool = false, shown isShown: Bool = false,
    _ help: String
  ) -> T {
    note(key, kind, standard, isRequired, isShown, help)
    guard let index = index(of: key) else {
      if isRequired {
        problems.append(ConfigurationProblem(at: position, "\(label(key)) is not set, but must be \(kind.allowed)"))
      }
      return standard
    }
    var reading = SettingReading(path: label(key), isShown: isShown, files: files, depth: depth)
    let setting = kind.read(members[index].value, &reading)
    problems += reading.problems
    contents += reading.contents
    printables[index] = reading.printable
    if reading.isUnchecked {
      isUnchecked = true
      unchecked.insert(asciiLowercased(key))
    }
    return setting ?? standard
  }

  /// A number without fraction and exponent.
  /// - Parameters:
  ///   - range: what is allowed; nil allows all that the type can hold.
  public mutating func integer<T: FixedWidthInteger & Sendable>(
    _ key: String, default standard: T, in range: ClosedRange<T>? = nil, shown: Bool = false, _ help: String
  ) -> T {
    value(key, .integer(in: range ?? T.min...T.max), default: standard, shown: shown, help)
  }

  public mutating func bool(_ key: String, default standard: Bool, shown: Bool = false, _ help: String) -> Bool {
    value(key, .bool, default: standard, shown: shown, help)
  }

  public mutating func string(_ key: String, default standard: String, shown: Bool = false, _ help: String) -> String {
    value(key, .string, default: standard, shown: shown, help)
  }

  /// A number of seconds, fractions allowed, kept to the microsecond.
  /// - Parameter range: what is allowed; nil allows zero and more.
  public mutating func seconds(
    _ key: String, default standard: Duration, in range: ClosedRange<Duration>? = nil, shown: Bool = false, _ help: String
  ) -> Duration {
    value(key, range.map { .seconds(in: $0) } ?? .seconds, default: standard, shown: shown, help)
  }

  /// One of a few words, spelled exactly as the raw values are.
  public mutating func choice<E: RawRepresentable<String> & CaseIterable & Sendable>(
    _ key: String, default standard: E, shown: Bool = false, _ help: String
  ) -> E {
    value(key, .choice, default: standard, shown: shown, help)
  }

  /// Keeps a problem that no single type can tell, such as two settings that exclude each other.
  /// - Parameter reason: completes the sentence "… is VALUE, but …".
  public mutating func refuse(_ key: String, because reason: String) {
    guard !unchecked.contains(asciiLowercased(key)) else { return }
    let value = index(of: key).map { members[$0].value }
    let isShown = known.contains { $0.isShown && asciiLowercased($0.name) == asciiLowercased(key) }
    let found = value.map { isShown ? $0.found : $0.kind } ?? "not set"
    problems.append(ConfigurationProblem(at: value?.position, "\(label(key)) is \(found), but \(reason)"))
  }

  /// Adds a problem for each setting of the file that the plugin did not ask for. Call it once, after the plugin is made.
  public mutating func finish() {
    for member in members where !names.contains(where: { asciiLowercased($0) == asciiLowercased(member.key) }) {
      let hint =
        if let nearest = nearestName(to: member.key, among: names) {
          "did you mean \"\(nearest)\"?"
        } else {
          names.isEmpty ? "it has none" : "it has \(names.joined(separator: ", "))"
        }
      problems.append(
        ConfigurationProblem(at: member.position, "unknown setting \(quotedBriefly(member.key)) in \(path); \(hint)"))
    }
  }

  /// The settings as they may be printed: with null, which no setting can be, for what is not shown.
  package var printable: ConfigurationValue {
    ConfigurationValue(
      .object(
        members.enumerated().map { index, member in
          ConfigurationMember(key: member.key, value: printables[index] ?? ConfigurationValue(.null))
        }))
  }

  private mutating func note<T>(
    _ key: String, _ kind: SettingKind<T>, _ standard: T, _ isRequired: Bool, _ isShown: Bool, _ help: String
  ) {
    names.append(key)
    let text = isRequired ? "required" : kind.write(standard)?.jsonText ?? "none"
    known.append(
      PluginSetting(name: key, type: kind.type, defaultText: text, allowed: kind.allowed, help: help, isShown: isShown))
    known += kind.parts(depth).map { $0.inside(key) }
  }

  private func index(of key: String) -> Int? {
    let folded = asciiLowercased(key)
    return members.firstIndex { asciiLowercased($0.key) == folded }
  }

  private func label(_ key: String) -> String { "\(path).\(key)" }
}

/// One setting of a plugin, for documentation.
public struct PluginSetting: Sendable, Equatable {
  /// Of one inside another with its path: `Rooms[].Name`, `Prices.*.Gold`.
  public var name: String
  /// `whole number`, `seconds`, `string`, `true or false`, `network`, `file`, `file of a secret`, `list` or `object`.
  public var type: String
  /// The default as JSON; `required` where there is none, `none` where the default is not to be there.
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

  /// The same, as what is around it names it.
  func inside(_ prefix: String) -> Self {
    var setting = self
    setting.name = prefix + name
    return setting
  }
}
