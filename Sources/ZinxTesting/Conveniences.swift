import NIOCore
import Zinx
import ZinxWire

extension Message {
  /// A message with text, to compare with.
  public init(_ id: UInt32, _ text: String) { self.init(id: id, data: ByteBuffer(string: text)) }

  /// The data as text.
  public var text: String { String(buffer: data) }

  /// The data as a value.
  ///
  /// Throws: what its codec throws.
  public func value<Value: Payload>(as: Value.Type = Value.self) throws -> Value {
    var data = data
    return try Value(decoding: &data)
  }
}

extension RoutePlugin {
  /// A plugin with the settings that `zinx.json` would give it: `try Score.configured(["Maximum": 100])`.
  ///
  /// Throws: ``ConfigurationProblem``, the first.
  public static func configured(_ settings: ConfigurationValue = [:]) throws(ConfigurationProblem) -> Self {
    var read = PluginSettings(plugin: name, value: settings)
    let plugin = Self(settings: &read)
    read.finish()
    if let problem = read.problems.first { throw problem }
    return plugin
  }
}

/// Settings as they are written in a test.
extension ConfigurationValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral
{
  public init(dictionaryLiteral members: (String, ConfigurationValue)...) {
    self.init(.object(members.map { ConfigurationMember(key: $0, value: $1) }))
  }

  public init(arrayLiteral values: ConfigurationValue...) { self.init(.array(values)) }
  public init(stringLiteral text: String) { self.init(.string(text)) }
  public init(integerLiteral number: Int64) { self.init(.integer(number)) }
  public init(floatLiteral number: Double) { self.init(.number(number)) }
  public init(booleanLiteral value: Bool) { self.init(.bool(value)) }
}
