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

  /// The listeners, also when there are problems elsewhere.
  package var endpoints: [Endpoint] { draft.server.allEndpoints }

  /// What the file says of NATS, also when there are problems elsewhere.
  package var nats: NatsConfiguration? { draft.nats }

  /// Where the files of TLS are named, by listener, then by key.
  private var tlsPlaces: [String: [String: SourcePosition]] = [:]
  private var draft = Configuration()
  /// The daemon, in words for its operator.
  private let program: String

  /// Where a key of `Tls` stands, such as `CertFile` and `Sni[0].CertFile`; nil where it does not.
  package func place(of key: String, listener: String) -> SourcePosition? { tlsPlaces[listener]?[key] }

  /// Adds what checks outside this module have found, such as those of the plugins' settings.
  public mutating func add(_ more: [ConfigurationProblem]) {
    problems = Self.sorted(problems + more)
  }

  /// Takes from the settings of a plugin that was made what may be printed of them, and their problems.
  public mutating func take(_ settings: PluginSettings) {
    add(settings.problems)
    show(settings.printable, settings.contents, of: settings.plugin)
  }

  package mutating func show(_ printable: ConfigurationValue, _ contents: [Secret] = [], of plugin: String) {
    guard let index = draft.plugins?.firstIndex(where: { $0.name == plugin }) else { return }
    draft.plugins?[index].shown = printable
    draft.plugins?[index].contents = contents
  }

  fileprivate init(
    _ bytes: [UInt8], knownPlugins: [String], defaultPlugins: [String], codecs: ([PluginEntry]?) -> [any FrameCodec],
    program: String
  ) {
    self.program = program
    draft.server.name = program
    let document = JSONParser.parse(bytes)
    problems = document.problems
    let members = document.value.map { topMembers(of: $0) } ?? []
    // Which plugins there are says which names a DataPack may be.
    for member in members where !Self.namesFrames(member) { read(member) }
    checkPlugins(knownPlugins)
    draft.codecs.all = codecs(draft.plugins)
    for member in members where Self.namesFrames(member) { read(member) }
    if let root = document.value {
      checkForms(members)
      checkMetrics(members)
      checkControl(members)
      if problems.isEmpty { checkFrames(members) }
      if problems.isEmpty { tlsPlaces = TLSPlaces.find(in: root, shortForm: draft.server.allEndpoints.map(\.name)) }
    }
    if let root = document.value { checkChoices(root, knownPlugins, on: draft.plugins?.map(\.name) ?? defaultPlugins) }
    problems = Self.sorted(problems)
    warnings = Self.sorted(warnings)
  }

  private mutating func topMembers(of root: ConfigurationValue) -> [ConfigurationMember] {
    guard case .object(let members) = root.content else {
      problems.append(ConfigurationProblem(at: root.position, "the file holds \(root.found), but must hold an object"))
      return []
    }
    return members
  }

  private static func namesFrames(_ member: ConfigurationMember) -> Bool {
    ["datapack", "listeners"].contains(asciiLowercased(member.key))
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
    // Without Listeners all have one framing.
    for (index, endpoint) in draft.server.allEndpoints.enumerated() where index == 0 || !elements.isEmpty {
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

  /// Metrics take an address of their own.
  private mutating func checkMetrics(_ members: [ConfigurationMember]) {
    guard let address = draft.metricsAddress,
      let other = draft.server.allEndpoints.first(where: { $0.address.overlaps(address, v6Only: ($0.v6Only, false)) })
    else { return }
    let place = members.first { asciiLowercased($0.key) == "metricsaddress" }?.value.position
    problems.append(
      ConfigurationProblem(
        at: place, "MetricsAddress is where the listener \(quotedBriefly(other.name)) listens: take another port"))
  }

  /// So does the control socket: a daemon that found its own metrics or listener there would speak to itself.
  private mutating func checkControl(_ members: [ConfigurationMember]) {
    guard let setting = draft.controlSocket, let address = try? ListenAddress("unix:\(setting)") else { return }
    let place = members.first { asciiLowercased($0.key) == "controlsocket" }?.value.position
    func refuse(_ other: String) {
      problems.append(ConfigurationProblem(at: place, "ControlSocket is where \(other): take another path"))
    }
    if let metrics = draft.metricsAddress, metrics.overlaps(address, v6Only: (false, false)) { refuse("MetricsAddress is") }
    for endpoint in draft.server.allEndpoints where endpoint.address.overlaps(address, v6Only: (false, false)) {
      refuse("the listener \(quotedBriefly(endpoint.name)) listens")
    }
  }

  /// Of the two ways to say who listens where a file has one.
  private mutating func checkForms(_ members: [ConfigurationMember]) {
    func find(_ name: String) -> ConfigurationMember? { members.first { asciiLowercased($0.key) == asciiLowercased(name) } }
    if let listeners = find("Listeners") {
      for short in ShortForm.addresses.compactMap(find) {
        let places = [listeners, short].map { $0.position.map { "line \($0.line), column \($0.column)" } ?? "" }
        problems.append(
          ConfigurationProblem(
            at: short.position,
            "\(short.key), at \(places[1]), and Listeners, at \(places[0]), both say who listens where: "
              + ShortForm.advice(for: short.key)))
      }
    } else {
      checkPorts(find("Mode"), find("WsPort"))
    }
    checkCertificate(find("CertFile"), find("PrivateKeyFile"), listeners: find("Listeners"))
  }

  private mutating func checkPorts(_ mode: ConfigurationMember?, _ port: ConfigurationMember?) {
    if let problem = ShortForm.problem(of: draft.server, at: (port ?? mode)?.value.position) { problems.append(problem) }
    // As in Go. Whoever wrote a port may believe that it is open.
    guard mode == nil, let port else { return }
    warnings.append(
      ConfigurationProblem(
        at: port.position, "WsPort is not open: that takes \"Mode\": \"websocket\", or \"\" for TcpPort and WsPort"))
  }

  /// The two of the short form go together, and not with the long one. Empty is as good as not there, as in Go.
  private mutating func checkCertificate(
    _ certificate: ConfigurationMember?, _ key: ConfigurationMember?, listeners: ConfigurationMember?
  ) {
    func place(_ member: ConfigurationMember) -> String { member.position.map { "line \($0.line), column \($0.column)" } ?? "" }
    let (certificate, key) = (certificate.flatMap { $0.value.isEmpty ? nil : $0 }, key.flatMap { $0.value.isEmpty ? nil : $0 })
    if let listeners {
      for short in [certificate, key].compactMap(\.self) {
        problems.append(
          ConfigurationProblem(
            at: short.position,
            "\(short.key), at \(place(short)), and Listeners, at \(place(listeners)), both say who listens where: "
              + "make it a part of Tls of a listener"))
      }
    } else if let one = certificate ?? key, certificate == nil || key == nil,
      !draft.server.certFile.isEmpty || !draft.server.privateKeyFile.isEmpty
    {
      let missing = certificate == nil ? "CertFile" : "PrivateKeyFile"
      problems.append(ConfigurationProblem(at: one.position, "\(one.key) is there without \(missing): TLS takes both"))
    }
  }

  private mutating func read(_ member: ConfigurationMember) {
    if let option = Option.named(member.key) {
      problems += option.apply(member.value, to: &draft)
    } else if let foreign = ForeignKey.named(member.key) {
      warnings.append(ConfigurationProblem(at: member.position, foreign.warning(for: program)))
    } else {
      let hint =
        ListenerOption.named(member.key).map { "\($0.name) belongs into an entry of Listeners" }
        ?? Spelling.hint(for: member.key)
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
    ConfigurationProblem(at: entry.position, unknownPlugin(entry.name, known))
  }

  private func unknownPlugin(_ name: String, _ known: [String]) -> String {
    let list = known.isEmpty ? "no plugins" : known.sorted().joined(separator: ", ")
    let hint = nearestName(to: name, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
    return "unknown plugin \(quotedBriefly(name)); this \(program) has \(list)\(hint)"
  }

  /// Gives the plugins that listeners choose their own spelling, each once, and finds those that are unknown or not on.
  private mutating func checkChoices(_ root: ConfigurationValue, _ known: [String], on: [String]) {
    for index in draft.server.endpoints.indices {
      guard let names = draft.server.endpoints[index].plugins else { continue }
      draft.server.endpoints[index].plugins = names.reduce(into: []) { kept, name in
        let own = known.first { asciiLowercased($0) == asciiLowercased(name) } ?? name
        if !kept.contains(own) { kept.append(own) }
      }
    }
    guard case .array(let listeners)? = root["Listeners"]?.content else { return }
    for case .array(let names)? in listeners.map({ $0["Plugins"]?.content }) {
      for value in names {
        guard case .string(let name) = value.content else { continue }
        if !known.contains(where: { asciiLowercased($0) == asciiLowercased(name) }) {
          problems.append(ConfigurationProblem(at: value.position, unknownPlugin(name, known)))
        } else if !on.contains(where: { asciiLowercased($0) == asciiLowercased(name) }) {
          problems.append(
            ConfigurationProblem(
              at: value.position,
              "the plugin \(quotedBriefly(name)) is not on, so no listener can have it; add it to the general Plugins"
            ))
        }
      }
    }
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
  ///     ``PluginSettings``, with ``ParsedConfiguration/plugins`` and ``ParsedConfiguration/take(_:)``.
  ///   - defaultPlugins: the names of those that are on where the file does not say which are; nil: all.
  ///   - codecs: asked once, with ``ParsedConfiguration/plugins``, for what a `DataPack` may name beside the orders of the Zinx header:
  ///   those of the plugins that the file switches on.
  ///   - program: the daemon's name, which is the default of `Name` too.
  public static func parse(
    _ bytes: [UInt8], knownPlugins: [String], defaultPlugins: [String]? = nil, program: String = "zinxd",
    codecs: ([PluginEntry]?) -> [any FrameCodec] = { _ in [] }
  ) -> ParsedConfiguration {
    ParsedConfiguration(
      bytes, knownPlugins: knownPlugins, defaultPlugins: defaultPlugins ?? knownPlugins, codecs: codecs, program: program)
  }
}

extension ConfigurationValue {
  /// The value of a key of an object, in any case.
  fileprivate subscript(key: String) -> ConfigurationValue? {
    guard case .object(let members) = content else { return nil }
    return members.first { asciiLowercased($0.key) == asciiLowercased(key) }?.value
  }
}
