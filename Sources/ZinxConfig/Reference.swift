import Zinx

/// The table of options as text, for each place where an operator looks for it.
public enum Reference {
  /// `--print-config`: a configuration as a file that reads back as the same one, keys in the order of the manual.
  public static func json(_ configuration: Configuration) -> String {
    var configuration = configuration
    configuration.server.endpoints = configuration.server.allEndpoints
    return json(configuration, without: ShortForm.keys)
  }

  private static func json(_ configuration: Configuration, without left: [String]) -> String {
    let members = Option.all.compactMap { option in
      left.contains(option.name) ? nil : option.value(in: configuration).map { ConfigurationMember(key: option.name, value: $0) }
    }
    return prettyJSON(ConfigurationValue(.object(members))) + "\n"
  }

  /// The `zinx.json` of a fresh install. It has every key that has a default, but for those of a listener that is not open. It listens to
  /// its own machine only.
  public static var shippedFile: String {
    var configuration = Configuration()
    configuration.server.host = "127.0.0.1"
    return json(configuration, without: ShortForm.ofWebSockets)
  }

  /// The table of the README.
  public static var markdown: String {
    let rows = Option.all.map { option in
      let standard = option.defaultText.map { "`\($0)`" } ?? option.absence
      let reload = option.isReloadable ? "yes" : "no"
      return "| `\(option.name)` | \(standard) | \(allowed(option)) | \(reload) | \(option.help) |\n"
    }
    return "| key | default | allowed | on reload | meaning |\n|---|---|---|---|---|\n" + rows.joined()
  }

  /// The table of the README for the elements of `Listeners`.
  public static var markdownListeners: String {
    let rows = ListenerOption.all.map { option in
      let standard = option.isRequired ? "required" : option.defaultText.map { "`\($0)`" } ?? option.absence
      return "| `\(option.name)` | \(standard) | \(allowed(option)) | \(option.help) |\n"
    }
    return "| key | default | allowed | meaning |\n|---|---|---|---|\n" + rows.joined()
  }

  /// The keys of the elements of `Listeners` in `zinx.json(5)`, in roff.
  public static func manualListeners() -> String {
    ListenerOption.all.map { option in
      let standard =
        option.isRequired ? "it has no default" : option.defaultText.map { "default \($0)" } ?? "default: \(option.absence)"
      return manualEntry(option.name, option.help, "Must be \(allowed(option)); \(standard).")
    }.joined()
  }

  /// The table of the README for the keys of `Tls`.
  public static var markdownTLS: String {
    let rows = TLSOption.all.map { option in
      let standard = option.isRequired ? "required" : option.defaultText.map { "`\($0)`" } ?? option.absence
      return "| `\(option.name)` | \(standard) | \(allowed(option)) | \(option.help) |\n"
    }
    return "| key | default | allowed | meaning |\n|---|---|---|---|\n" + rows.joined()
  }

  /// The keys of `Tls` in `zinx.json(5)`, in roff.
  public static func manualTLS() -> String {
    TLSOption.all.map { option in
      let standard =
        option.isRequired ? "it has no default" : option.defaultText.map { "default \($0)" } ?? "default: \(option.absence)"
      return manualEntry(option.name, option.help, "Must be \(allowed(option)); \(standard).")
    }.joined()
  }

  /// The options of `zinx.json(5)`, in roff.
  public static func manualOptions(for program: String = "zinxd") -> String {
    var standard = Configuration()
    standard.server.name = program
    return Option.all.map { manualEntry($0, standard) }.joined()
  }

  /// The table of the README for the keys of `Nats`.
  public static var markdownNats: String {
    let rows = NatsOption.all.map { option in
      let standard = option.defaultText.map { "`\($0)`" } ?? option.absence
      return "| `\(option.name)` | \(standard) | \(allowed(option)) | \(option.help) |\n"
    }
    return "| key | default | allowed | meaning |\n|---|---|---|---|\n" + rows.joined()
  }

  /// The keys of `Nats` in `zinx.json(5)`, in roff.
  public static func manualNats() -> String {
    NatsOption.all.map { option in
      let standard = option.defaultText.map { "default \($0)" } ?? "default: \(option.absence)"
      return manualEntry(option.name, option.help, "Must be \(allowed(option)); \(standard).")
    }.joined()
  }

  /// The table of the README for a `DataPack` that is an object.
  public static var markdownFrames: String {
    let rows = FrameOption.all.map { option in
      let standard = option.defaultText.map { "`\($0)`" } ?? option.absence
      return "| `\(option.name)` | \(standard) | \(allowed(option)) | \(option.help) |\n"
    }
    return "| key | default | allowed | meaning |\n|---|---|---|---|\n" + rows.joined()
  }

  /// The keys of a `DataPack` that is an object, in `zinx.json(5)`, in roff.
  public static func manualFrames() -> String {
    FrameOption.all.map { option in
      let standard = option.defaultText.map { "default \($0)" } ?? "default: \(option.absence)"
      return manualEntry(option.name, option.help, "Must be \(allowed(option)); \(standard).")
    }.joined()
  }

  /// The keys of other versions of Zinx in `zinx.json(5)`, in roff.
  public static func manualForeignKeys(for program: String = "zinxd") -> String {
    ForeignKey.all.map { ".TP\n.B \(roff($0.name))\n\(roff(sentence($0.advice(for: program))))\n" }.joined()
  }

  /// The settings of a plugin in `zinx.json(5)`, in roff.
  /// - Parameter settings: ``PluginSettings/known`` after the plugin was made from empty settings.
  public static func manualPlugin(_ settings: [PluginSetting]) -> String {
    settings.map { manualEntry($0.name, $0.help, "Must be \($0.allowed); default \($0.defaultText).") }.joined()
  }

  private static func allowed<Root>(_ option: OptionOf<Root>) -> String {
    guard let unit = option.unit, !option.allowed.contains(unit) else { return option.allowed }
    return "\(option.allowed) (\(unit))"
  }

  private static func manualEntry(_ option: Option, _ standard: Configuration) -> String {
    let standard = option.value(in: standard).map { "default \($0.jsonText)" } ?? "default: \(option.absence)"
    let reload = option.isReloadable ? "A reload changes it." : "Changing it takes a restart."
    return manualEntry(option.name, option.help, "Must be \(allowed(option)); \(standard). \(reload)")
  }

  private static func manualEntry(_ name: String, _ help: String, _ rule: String) -> String {
    ".TP\n.B \(roff(name))\n\(roff(sentence(help)))\n\(roff(rule))\n"
  }

  private static func sentence(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() + "." }

  /// Keeps what troff would take for its own: backslashes, hyphens that are minus signs to a reader who copies them, and a control
  /// character at the start of a line.
  private static func roff(_ text: String) -> String {
    var escaped = text.hasPrefix(".") || text.hasPrefix("'") ? "\\&" : ""
    for character in text {
      switch character {
      case "\\": escaped += "\\e"
      case "-": escaped += "\\-"
      case "\"": escaped += "\\(dq"
      default: escaped.append(character)
      }
    }
    return escaped
  }
}

/// JSON with two spaces of indent and one member or element a line.
func prettyJSON(_ value: ConfigurationValue, indent: String = "") -> String {
  let inner = indent + "  "
  switch value.content {
  case .object(let members) where !members.isEmpty:
    let lines = members.map { inner + quotedJSON($0.key) + ": " + prettyJSON($0.value, indent: inner) }
    return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
  case .array(let elements) where !elements.isEmpty:
    let lines = elements.map { inner + prettyJSON($0, indent: inner) }
    return "[\n" + lines.joined(separator: ",\n") + "\n\(indent)]"
  default: return value.jsonText
  }
}
