import Logging
import Zinx

/// Everything that `zinx.json` says.
public struct Configuration: Sendable, Equatable {
  /// What the server needs to know.
  public var server = ServerConfiguration()
  /// Where metrics and health are asked for by HTTP; nil: nowhere.
  public var metricsAddress: ListenAddress?
  /// The least severe level that is logged.
  public var logLevel = Logger.Level.info
  /// Where the control socket is: a path, `@name`, or `off`; nil: in the runtime directory.
  public var controlSocket: String?
  /// How NATS is reached; nil: not at all.
  public var nats: NatsConfiguration?
  /// Exactly the plugins that are on; nil means every plugin that is on by default.
  public var plugins: [PluginEntry]?
  /// What the file keeps for others.
  var custom = Ignored()
  /// The codecs that a `DataPack` may name.
  var codecs = KnownCodecs()

  public init() {}

  /// Whether what is printed of it lacks settings of plugins that are not shown.
  public var hasHiddenSettings: Bool { plugins?.contains { $0.printable.jsonText != $0.settings.jsonText } ?? false }
}

/// What is in the file and never looked at; so it is kept nowhere either, and cannot show in a log.
struct Ignored: Sendable, Equatable {}

/// A plugin that the file switches on.
public struct PluginEntry: Sendable {
  /// The plugin's own spelling of its name.
  public var name: String
  /// Where the file names it.
  public var position: SourcePosition?
  /// What the file holds under the name; an object if it is right.
  public var settings: ConfigurationValue
  /// The settings as they may be printed, by the plugin's own word, with null for what may be a secret; nil before the plugin was asked.
  package var shown: ConfigurationValue?
  /// What settings that name files have found there.
  package var contents: [Secret] = []

  public init(name: String, position: SourcePosition? = nil, settings: ConfigurationValue) {
    self.name = name
    self.position = position
    self.settings = settings
  }

  /// The settings as they may be printed: with null, which no setting can be, for what is not shown.
  var printable: ConfigurationValue {
    if let shown { return shown }
    guard case .object(let members) = settings.content else { return ConfigurationValue(.null) }
    return ConfigurationValue(.object(members.map { ConfigurationMember(key: $0.key, value: ConfigurationValue(.null)) }))
  }
}

extension PluginEntry: Equatable {
  /// Entries that say the same are equal wherever they stand: moving a line of the file is no change.
  public static func == (one: Self, other: Self) -> Bool {
    one.name == other.name && one.settings.jsonText == other.settings.jsonText && one.contents == other.contents
  }
}
