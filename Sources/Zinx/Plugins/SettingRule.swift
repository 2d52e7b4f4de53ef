/// What a value of the configuration must be, how it is read, and how it is written again: what a key of `zinx.json` and a plugin's
/// setting have in common.
package struct SettingRule<Value: Sendable>: Sendable {
  /// For documentation: `whole number`, `seconds`, `string`, …
  package let type: String
  /// Completes the sentence "must be …".
  package let allowed: String
  /// Nil for a value that is not allowed.
  package let read: @Sendable (ConfigurationValue) -> Value?
  /// Nil for a value that a file expresses by not having the key.
  package let write: @Sendable (Value) -> ConfigurationValue?
  /// The parts of a value that is not allowed which are to blame; empty where the value as a whole is.
  package let faults: @Sendable (ConfigurationValue) -> [SettingFault]

  package init(
    type: String, allowed: String,
    read: @escaping @Sendable (ConfigurationValue) -> Value?,
    write: @escaping @Sendable (Value) -> ConfigurationValue?,
    faults: @escaping @Sendable (ConfigurationValue) -> [SettingFault] = { _ in [] }
  ) {
    self.type = type
    self.allowed = allowed
    self.read = read
    self.write = write
    self.faults = faults
  }
}

/// A part of a value that is not allowed.
package struct SettingFault: Sendable {
  package var value: ConfigurationValue
  /// Completes the sentence "KEY has VALUE, but …".
  package var reason: String

  package init(value: ConfigurationValue, reason: String) {
    self.value = value
    self.reason = reason
  }
}

extension SettingRule where Value == Bool {
  package static var bool: Self {
    Self(
      type: "true or false", allowed: "true or false",
      read: { if case .bool(let value) = $0.content { value } else { nil } },
      write: { ConfigurationValue(.bool($0)) })
  }
}

extension SettingRule where Value == String {
  package static var string: Self { string("a string") { _ in true } }

  /// - Parameter allowed: what `isAllowed` lets pass, in words.
  package static func string(_ allowed: String, where isAllowed: @escaping @Sendable (String) -> Bool) -> Self {
    Self(
      type: "string", allowed: allowed,
      read: { if case .string(let value) = $0.content, isAllowed(value) { value } else { nil } },
      write: { ConfigurationValue(.string($0)) })
  }
}

extension SettingRule where Value: FixedWidthInteger {
  /// A number without fraction and exponent. What lies beyond `Int64` cannot be written in a file.
  package static func integer(in range: ClosedRange<Value>) -> Self {
    let (lowest, highest) = (Int64(clamping: range.lowerBound), Int64(clamping: range.upperBound))
    return Self(
      type: "whole number", allowed: "a whole number from \(lowest) to \(highest)",
      read: {
        guard case .integer(let number) = $0.content, let value = Value(exactly: number), range.contains(value) else {
          return nil
        }
        return value
      },
      write: { ConfigurationValue(.integer(Int64(clamping: $0))) })
  }
}

extension SettingRule where Value: RawRepresentable<String> & CaseIterable {
  /// One of a few words, spelled exactly.
  package static var choice: Self {
    let words = Value.allCases.map { quotedJSON($0.rawValue) }
    let list = words.dropLast().joined(separator: ", ") + (words.count > 1 ? " or " : "") + (words.last ?? "nothing")
    return Self(
      type: "string", allowed: words.count > 2 ? "one of " + list : list,
      read: { if case .string(let word) = $0.content { Value(rawValue: word) } else { nil } },
      write: { ConfigurationValue(.string($0.rawValue)) })
  }
}

extension SettingRule where Value == Duration {
  /// The longest time that a file can say, about thirty years: far enough for "never", and exact to the microsecond as a `Double`.
  package static var longest: Duration { .seconds(1_000_000_000) }

  /// A number of seconds, fractions allowed, rounded to microseconds; what is more than zero stays so.
  package static func seconds(in wanted: ClosedRange<Duration>) -> Self {
    let range = wanted.clamped(to: .zero - longest...longest)
    let (lowest, highest) = (secondsValue(range.lowerBound).jsonText, secondsValue(range.upperBound).jsonText)
    return Self(
      type: "seconds", allowed: "a number of seconds from \(lowest) to \(highest)",
      read: { value in duration(value).flatMap { range.contains($0) ? $0 : nil } },
      write: { secondsValue($0) })
  }

  private static func duration(_ value: ConfigurationValue) -> Duration? {
    let limit = longest.components.seconds
    switch value.content {
    case .integer(let seconds) where seconds.magnitude <= limit: return .seconds(seconds)
    case .number(let seconds) where seconds.magnitude <= Double(limit):
      let microseconds = Int64((seconds * 1e6).rounded())
      return .microseconds(microseconds == 0 && seconds > 0 ? 1 : microseconds)
    default: return nil
    }
  }

  /// Divides a whole number of microseconds, because a sum of seconds and their fraction would be rounded twice and print badly.
  private static func secondsValue(_ duration: Duration) -> ConfigurationValue {
    let (seconds, attoseconds) = duration.components
    if attoseconds == 0 { return ConfigurationValue(.integer(seconds)) }
    if seconds.magnitude <= longest.components.seconds, attoseconds % 1_000_000_000_000 == 0 {
      return ConfigurationValue(.number(Double(seconds * 1_000_000 + attoseconds / 1_000_000_000_000) / 1e6))
    }
    return ConfigurationValue(.number(Double(seconds) + Double(attoseconds) / 1e18))
  }
}
