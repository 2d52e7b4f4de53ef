import Zinx
import ZinxWire

/// What came of reading a file: a configuration, or every problem that it has.
public struct ParsedConfiguration: Sendable, Equatable {
  /// By position in the file.
  public private(set) var problems: [ConfigurationProblem] = []
  /// By position in the file. They keep nothing from starting.
  public private(set) var warnings: [ConfigurationProblem] = []
  /// The known plugins that the file switches on, also when there are problems elsewhere, so that their settings can be checked in
  /// the same run; nil means those that are on by default.
  public var plugins: [PluginEntry]? { draft.plugins }
  /// Nil when there is a problem: a bad file configures nothing.
  public var configuration: Configuration? { problems.isEmpty ? draft : nil }

  private var draft = Configuration()
  /// The daemon, in words for its operator.
  private let program: String

  /// Adds what checks outside this module have found, such as those of the plugins' settings.
  public mutating func add(_ more: [ConfigurationProblem]) {
    problems = Self.sorted(problems + more)
  }

  /// Lets the values of these settings of a plugin be printed.
  public mutating func show(_ settings: [String], of plugin: String) {
    guard let index = draft.plugins?.firstIndex(where: { $0.name == plugin }) else { return }
    draft.plugins?[index].shown = settings
  }

  fileprivate init(_ bytes: [UInt8], knownPlugins: [String], codecs: [any FrameCodec], program: String) {
    self.program = program
    draft.server.name = program
    draft.codecs.all = codecs
    let document = JSONParser.parse(bytes)
    problems = document.problems
    if let root = document.value { read(root) }
    checkPlugins(knownPlugins)
    problems = Self.sorted(problems)
    warnings = Self.sorted(warnings)
  }

  private mutating func read(_ root: ConfigurationValue) {
    guard case .object(let members) = root.content else {
      problems.append(ConfigurationProblem(at: root.position, "the file holds \(root.found), but must hold an object"))
      return
    }
    for member in members { read(member) }
    checkForms(members)
    if problems.isEmpty { checkFrames(members) }
  }

  /// A frame has to be allowed to be as long as its fields reach.
  private mutating func checkFrames(_ members: [ConfigurationMember]) {
    func find(_ name: String, in members: [ConfigurationMember]) -> ConfigurationMember? {
      members.first { asciiLowercased($0.key) == asciiLowercased(name) }
    }
    var elements: [[ConfigurationMember]] = []
    if case .array(let values) = find("Listeners", in: members)?.value.content {
      elements = values.map { if case .object(let members) = $0.content { members } else { [] } }
    }
    for (index, endpoint) in draft.server.allEndpoints.enumerated() {
      let framing = endpoint.framing ?? draft.server.framing
      let limit = endpoint.maxPacketSize ?? draft.server.maxPacketSize
      guard framing.dataPack == nil, framing.shortestFrame > Int(limit) else { continue }
      let own = index < elements.count ? elements[index] : []
      let place = find("DataPack", in: own) ?? find("MaxPacketSize", in: own) ?? find("DataPack", in: members)
      let label = own.isEmpty ? "" : "the listener \(quotedBriefly(endpoint.name)): "
      problems.append(
        ConfigurationProblem(
          at: place?.value.position,
          "\(label)a frame as DataPack describes it has \(framing.shortestFrame) bytes at least, but MaxPacketSize is \(limit)"))
    }
  }

  /// Of the two ways to say who listens where a file has one.
  private mutating func checkForms(_ members: [ConfigurationMember]) {
    func find(_ name: String) -> ConfigurationMember? { members.first { asciiLowercased($0.key) == asciiLowercased(name) } }
    if let listeners = find("Listeners") {
      for short in ["Host", "TcpPort"].compactMap(find) {
        let places = [listeners, short].map { $0.position.map { "line \($0.line), column \($0.column)" } ?? "" }
        problems.append(
          ConfigurationProblem(
            at: short.position,
            "\(short.key), at \(places[1]), and Listeners, at \(places[0]), both say who listens where: "
              + "make it the Address of a listener"))
      }
    }
    for name in UnbuiltKey.ofOtherListeners {
      guard let member = find(name) else { continue }
      if let problem = UnbuiltKey.problem(member, mode: find("Mode")) {
        problems.append(problem)
      } else if name == "WsPort", let foreign = ForeignKey.named(name) {
        warnings.append(ConfigurationProblem(at: member.position, foreign.warning(for: program)))
      }
    }
  }

  private mutating func read(_ member: ConfigurationMember) {
    if let option = Option.named(member.key) {
      problems += option.apply(member.value, to: &draft)
    } else if UnbuiltKey.ofOtherListeners.contains(where: { asciiLowercased($0) == asciiLowercased(member.key) }) {
      // See checkForms(_:): one says what the other means.
    } else if let foreign = ForeignKey.named(member.key) {
      warnings.append(ConfigurationProblem(at: member.position, foreign.warning(for: program)))
    } else {
      let hint =
        Spelling.suggestion(for: member.key).map { "did you mean \"\($0)\"?" }
        ?? "what is not for zinxd goes into the object \"Custom\""
      problems.append(ConfigurationProblem(at: member.position, "unknown key \(quotedBriefly(member.key)); \(hint)"))
    }
  }

  /// Gives the plugins their own spelling, and drops the unknown ones with a problem each.
  private mutating func checkPlugins(_ known: [String]) {
    guard let entries = draft.plugins else { return }
    var kept: [PluginEntry] = []
    for var entry in entries {
      if let name = known.first(where: { asciiLowercased($0) == asciiLowercased(entry.name) }) {
        entry.name = name
        kept.append(entry)
      } else {
        problems.append(unknownPlugin(entry, known))
      }
    }
    draft.plugins = kept
  }

  private func unknownPlugin(_ entry: PluginEntry, _ known: [String]) -> ConfigurationProblem {
    let list = known.isEmpty ? "no plugins" : known.sorted().joined(separator: ", ")
    let hint = nearestName(to: entry.name, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
    return ConfigurationProblem(
      at: entry.position, "unknown plugin \(quotedBriefly(entry.name)); this \(program) has \(list)\(hint)")
  }

  /// What stands nowhere comes first; `sort` is stable, so several problems of one place keep their order.
  private static func sorted(_ problems: [ConfigurationProblem]) -> [ConfigurationProblem] {
    problems.sorted { one, other in
      (one.position?.line ?? 0, one.position?.column ?? 0) < (other.position?.line ?? 0, other.position?.column ?? 0)
    }
  }
}

extension Configuration {
  /// Reads the text of a `zinx.json`. Pure; every problem of the text is found in one call, except that an error of syntax hides what
  /// comes after it.
  ///
  /// - Parameters:
  ///   - knownPlugins: the names of the compiled-in plugins. Their settings are not looked at: that is for the caller, through
  ///     ``PluginSettings``, with ``ParsedConfiguration/plugins`` and ``ParsedConfiguration/add(_:)``.
  ///   - codecs: what a `DataPack` may name beside the orders of the Zinx header: those of the plugins that the file switches on.
  ///   - program: the daemon's name, which is the default of `Name` too.
  public static func parse(
    _ bytes: [UInt8], knownPlugins: [String], codecs: [any FrameCodec] = [], program: String = "zinxd"
  ) -> ParsedConfiguration {
    ParsedConfiguration(bytes, knownPlugins: knownPlugins, codecs: codecs, program: program)
  }
}
