/// What a setting of a plugin is: how it is read, checked, told to an operator and written in the manual. Lists, maps and objects are made
/// of other kinds: see ``PluginSettings/value(_:_:default:required:shown:_:)``.
public struct SettingKind<Value: Sendable>: Sendable {
  /// For documentation.
  let type: String
  /// Completes the sentence "must be …".
  let allowed: String
  /// Nil for what no file says.
  let write: @Sendable (Value) -> ConfigurationValue?
  /// The settings inside, by what follows the name of the outer one: `[].Name`.
  let parts: @Sendable (_ depth: Int) -> [PluginSetting]
  /// Nil when the value is not allowed, which the reading has then.
  let read: @Sendable (ConfigurationValue, inout SettingReading) -> Value?

  init(
    type: String, allowed: String, write: @escaping @Sendable (Value) -> ConfigurationValue?,
    parts: @escaping @Sendable (_ depth: Int) -> [PluginSetting] = { _ in [] },
    read: @escaping @Sendable (ConfigurationValue, inout SettingReading) -> Value?
  ) {
    (self.type, self.allowed, self.write, self.parts, self.read) = (type, allowed, write, parts, read)
  }

  package init(_ rule: SettingRule<Value>) {
    self.init(type: rule.type, allowed: rule.allowed, write: rule.write) { value, reading in
      reading.show(value)
      if let setting = rule.read(value) { return setting }
      let faults = rule.faults(value)
      if faults.isEmpty { reading.refuse(value, "must be \(rule.allowed)") }
      for fault in faults { reading.refuse(fault.value, fault.reason) }
      return nil
    }
  }
}

/// One value while it is read: where it stands, and what came of it.
struct SettingReading {
  /// As problems name it: `Plugins.chat.Rooms[2].Name`.
  let path: String
  /// Whether problems may quote it.
  let isShown: Bool
  let files: SettingFiles
  /// How many objects it is inside of.
  let depth: Int
  var problems: [ConfigurationProblem] = []
  /// What may be printed of the value.
  var printable = ConfigurationValue(.null)
  /// What was read from files.
  var contents: [Secret] = []
  /// Whether something of it was not looked at: see ``SettingFiles/Credentials/unchecked``.
  var isUnchecked = false

  init(path: String, isShown: Bool, files: SettingFiles, depth: Int) {
    (self.path, self.isShown, self.files, self.depth) = (path, isShown, files, depth)
  }

  /// - Parameter reason: completes the sentence "… is VALUE, but …".
  mutating func refuse(_ value: ConfigurationValue, _ reason: String) {
    let found = isShown ? value.found : value.kind
    problems.append(ConfigurationProblem(at: value.position, "\(path) is \(found), but \(reason)"))
  }

  /// The same of a value that nobody may see, shown or not.
  mutating func refuse(unshown value: ConfigurationValue, _ reason: String) {
    problems.append(ConfigurationProblem(at: value.position, "\(path) is \(value.kind), but \(reason)"))
  }

  mutating func show(_ value: ConfigurationValue) { if isShown { printable = value } }

  /// Reads a part of the value.
  /// - Parameter suffix: what its path has more.
  mutating func read<T>(_ part: ConfigurationValue, as kind: SettingKind<T>, _ suffix: String) -> (T?, ConfigurationValue) {
    var inner = SettingReading(path: path + suffix, isShown: isShown, files: files, depth: depth)
    let read = kind.read(part, &inner)
    take(inner.problems, inner.contents, inner.isUnchecked)
    return (read, inner.printable)
  }

  mutating func take(_ problems: [ConfigurationProblem], _ contents: [Secret], _ isUnchecked: Bool) {
    self.problems += problems
    self.contents += contents
    self.isUnchecked = self.isUnchecked || isUnchecked
  }
}
