import Zinx
import ZinxConfig
import ZinxTLS
import ZinxWire

/// A configuration file that was read and checked as a whole, and the plugins it switches on.
struct LoadedConfiguration {
  let path: String
  let place: FilePlace?
  let configuration: Configuration
  let plugins: [any RoutePlugin]
  let routes: RouteRegistrar
  /// What connects to NATS, by the configuration with its files found; nil: nothing does.
  let node: (any RoutePlugin)?
  /// The files of TLS as they were read with it: what was checked is what is used.
  let certificates: ListenerCertificates
  /// Those that are on where the file does not say which are.
  let defaultPlugins: [String]
  /// Lines for the operator about what was accepted nevertheless.
  let warnings: [String]
  /// The same about certificates: the server tells it too.
  let certificateWarnings: [String]

  /// Those that the server has: the file's, and before them what they may work by.
  var allPlugins: [any RoutePlugin] { (node.map { [$0] } ?? []) + plugins }

  /// What all of them register.
  var allRoutes: RouteRegistrar {
    var all = routes
    if let node { all.add(node, everywhere: true) }
    return all
  }

  /// Lines about files of TLS that not everybody may read: for root, who may read them all and cannot tell what the service finds.
  var readerNotes: [String] {
    certificates.files.filter { CredentialPath.name($0.path) == nil }.compactMap { listener, key, file in
      FileReaders(of: file).map { "\(path): note: the listener \(quotedBriefly(listener)): Tls: \(key): \($0.text)" }
    }
  }

  /// Lines about what this machine, as it is now, says against it: a service may find another one, so it is no error.
  var machineNotes: [String] {
    let hosts = ConfigurationCheck.unknownHosts(of: configuration.server).map {
      "\(path): warning: \(quotedBriefly($0.host)) does not resolve here: \($0.reason)"
    }
    guard let short = ConfigurationCheck.shortOfDescriptors(configuration.server) else { return hosts }
    guard short.connections > 0 else {
      return hosts + [
        "\(path): warning: with the \(short.limit) open files that are allowed here it does not start: there is room for no connection; "
          + "raise the limit (LimitNOFILE= of a service, ulimit -n)"
      ]
    }
    return hosts + [
      "\(path): warning: MaxConn is \(configuration.server.maxConn), but with the \(short.limit) open files that are allowed here "
        + "\(short.connections) fit; raise the limit (LimitNOFILE= of a service, ulimit -n)"
    ]
  }

  /// Why a file cannot be used.
  struct Refused: Error {
    /// For the operator, each with its place.
    let lines: [String]
    /// What to do, if that is not to correct what the file says.
    var advice: String?
  }

  /// Where a configuration comes from.
  enum Source: Sendable {
    /// The file of the command line, or the first that is found.
    case search(explicit: String?, environment: [String: String])
    /// The file that the daemon was started with, which was there then.
    case again(path: String, place: FilePlace?)

    /// Whether nothing becomes of a configuration with such a file. Where systemd passes no credentials, as in a shell, nobody can tell
    /// what is in them; a start fails without.
    func refuses(_ fault: TLSFault) -> Bool {
      guard case .again = self else { return !fault.isOfTime && fault.problem != .noCredentials }
      return !fault.isWarning
    }
  }

  /// Finds, reads and checks the file. Nothing but the file is opened.
  ///
  /// Throws: ``Refused`` with every problem that the file has.
  static func load(
    _ source: Source, registry: PluginRegistry, program: String, files: SettingFiles = .system(credentials: .absent)
  ) throws(Refused) -> LoadedConfiguration {
    let file: ConfigurationFile
    do { file = try Self.file(source) } catch { throw Refused(lines: ["error: \(error)"], advice: error.advice) }
    let warnings = try Self.warnings(file, source)
    var made: [(plugin: any RoutePlugin, settings: PluginSettings)] = []
    var routes = RouteRegistrar()
    var parsed = Configuration.parse(
      file.bytes, knownPlugins: registry.names, defaultPlugins: registry.defaultNames, program: program
    ) { entries in
      made = chosen(entries, registry).compactMap { name, settings in registry.make(name, settings, files: files) }
      routes = RouteRegistrar(plugins: made.map(\.plugin))
      return routes.codecs.map(\.codec)
    }
    let unchecked = made.map(\.settings).filter(\.isUnchecked).map(\.plugin)
    if let name = registry.sharedName {
      parsed.add([
        ConfigurationProblem(at: nil, "two plugins of this \(program) have the name \"\(name)\": rename one in its code")
      ])
    }
    for one in made { parsed.take(one.settings) }
    parsed.add(conflicts(routes, parsed))
    parsed.add(codecConflicts(routes, parsed))
    let nats = resolveNats(&parsed, made.map(\.plugin), registry, program: program, files: files)
    parsed.add(controlConflicts(parsed))
    // If nothing else is wrong with the configuration.
    let certificates = parsed.configuration.map { ListenerCertificates.read(for: $0.server) } ?? ListenerCertificates()
    let faults = certificateFaults(certificates, parsed)
    parsed.add(faults.filter { source.refuses($0.fault) }.map { ConfigurationProblem(at: $0.position, $0.text) })
    let lines = file.lines(for: parsed)
    guard let configuration = parsed.configuration else { throw Refused(lines: lines) }
    return LoadedConfiguration(
      path: file.path, place: file.place, configuration: configuration, plugins: made.map(\.plugin), routes: routes,
      node: nats.configuration.flatMap { registry.nats?($0) }, certificates: certificates, defaultPlugins: registry.defaultNames,
      warnings: warnings + lines + unchecked.map(uncheckedLine) + nats.notes,
      certificateWarnings: faults.map { "\(file.path): warning: \($0.text)" })
  }

  private static func uncheckedLine(_ plugin: String) -> String {
    "note: what the plugin \"\(plugin)\" reads in $CREDENTIALS_DIRECTORY is there when the service starts, and was not looked at"
  }

  /// What becomes of the key `Nats`, and of plugins that need it.
  private static func resolveNats(
    _ parsed: inout ParsedConfiguration, _ plugins: [any RoutePlugin], _ registry: PluginRegistry, program: String,
    files: SettingFiles
  ) -> (configuration: NatsConfiguration?, notes: [String]) {
    guard let configuration = parsed.nats else {
      let dependent = plugins.filter { $0 is any NatsDependent }.map { type(of: $0).name }
      parsed.add(
        dependent.map { name in
          ConfigurationProblem(
            at: parsed.plugins?.first { $0.name == name }?.position,
            "the plugin \"\(name)\" works by NATS, and there is no key Nats, which says where that is")
        })
      return (nil, [])
    }
    guard registry.nats != nil else {
      parsed.add([ConfigurationProblem(at: nil, "Nats is there, but this \(program) has nothing of NATS compiled in")])
      return (nil, [])
    }
    let resolved = configuration.resolved(files: files)
    parsed.add(resolved.problems.map { ConfigurationProblem(at: nil, $0) })
    let note = "note: what Nats reads in $CREDENTIALS_DIRECTORY is there when the service starts, and was not looked at"
    return (resolved.configuration, resolved.isUnchecked ? [note] : [])
  }

  private static func certificateFaults(
    _ certificates: ListenerCertificates, _ parsed: ParsedConfiguration
  ) -> [(fault: TLSFault, position: SourcePosition?, text: String)] {
    certificates.faults.map { listener, fault in
      let position = parsed.place(of: fault.key, listener: listener)
      return (fault, position, "the listener \(quotedBriefly(listener)): Tls: \(fault)")
    }
  }

  private static func file(_ source: Source) throws(ConfigurationFileError) -> ConfigurationFile {
    switch source {
    case .search(let explicit, let environment): try ConfigurationFile.find(explicit: explicit, environment: environment)
    case .again(let path, _): try ConfigurationFile.find(explicit: path, environment: [:])
    }
  }

  /// A file that is not the one that the operator sees is refused: a reload that changes nothing must not seem to succeed.
  private static func warnings(_ file: ConfigurationFile, _ source: Source) throws(Refused) -> [String] {
    guard case .again(_, let start) = source else {
      return (file.warning.map { [$0] } ?? []) + (file.place?.startWarnings(for: file.path) ?? [])
    }
    guard let displacement = file.place?.displacement(since: start) else { return [] }
    throw Refused(
      lines: ["error: \(file.path): \(displacement)"],
      advice:
        "Restart it to read the new one. A reload sees what changes inside a directory that stays; mount that, not the file.")
  }

  private static func chosen(_ entries: [PluginEntry]?, _ registry: PluginRegistry) -> [(String, ConfigurationValue?)] {
    guard let entries else { return registry.defaultNames.map { ($0, nil) } }
    return entries.map { ($0.name, $0.settings) }
  }

  /// Codecs whose names say nothing: another has it, or it is an order of the header.
  private static func codecConflicts(_ routes: RouteRegistrar, _ parsed: ParsedConfiguration) -> [ConfigurationProblem] {
    routes.codecs.indices.compactMap { index in
      let (codec, owner) = routes.codecs[index]
      let name = quotedBriefly(codec.name)
      let position = parsed.plugins?.first { $0.name == owner }?.position
      if DataPack(rawValue: codec.name) != nil {
        return ConfigurationProblem(
          at: position, "the plugin \"\(owner)\" has a codec \(name), which is an order of the Zinx header")
      }
      guard let first = routes.codecs[..<index].first(where: { $0.codec.name == codec.name }) else { return nil }
      return ConfigurationProblem(
        at: position, "the plugins \"\(first.owner)\" and \"\(owner)\" both have a codec \(name): switch one of them off")
    }
  }

  /// Listeners where the control socket is if nothing is said: in the runtime directory, which the file does not know.
  private static func controlConflicts(_ parsed: ParsedConfiguration) -> [ConfigurationProblem] {
    guard let configuration = parsed.configuration, configuration.controlSocket == nil, let path = ControlPlace.path(nil),
      let address = try? ListenAddress("unix:\(path)")
    else { return [] }
    return configuration.server.allEndpoints.filter { $0.address.overlaps(address, v6Only: (false, false)) }.map {
      ConfigurationProblem(
        at: nil,
        "the listener \(quotedBriefly($0.name)) is where the control socket is, \(path): give it another path, or set ControlSocket"
      )
    }
  }

  /// Messages that more than one wants, each at the plugin that comes second.
  private static func conflicts(_ routes: RouteRegistrar, _ parsed: ParsedConfiguration) -> [ConfigurationProblem] {
    routes.conflicts(on: parsed.endpoints).map { conflict in
      let position = parsed.plugins?.first { $0.name == conflict.second }?.position
      let advice = conflict.ids == .otherwise ? "switch one of them off" : "give one of them another"
      return ConfigurationProblem(at: position, conflict.isWithinOne ? conflict.what : "\(conflict.what): \(advice)")
    }
  }
}
