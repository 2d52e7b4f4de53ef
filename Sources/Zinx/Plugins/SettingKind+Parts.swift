extension SettingKind {
  /// A value that need not be there: its default is nil.
  public static func optional<Wrapped>(_ kind: SettingKind<Wrapped>) -> Self where Value == Wrapped? {
    Self(type: kind.type, allowed: kind.allowed, write: { $0.flatMap(kind.write) }, parts: kind.parts) { value, reading in
      kind.read(value, &reading).map { .some($0) }
    }
  }

  /// An array. Each element that is not allowed is a problem of its own, `Plugins.chat.Words[2]`, counted from 0.
  /// - Parameter count: how many there may be; ten thousand at most if it is not said.
  public static func list<Element>(of element: SettingKind<Element>, count: ClosedRange<Int>? = nil) -> Self
  where Value == [Element] {
    let allowed = "a list\(text(count)), each \(element.allowed)"
    return Self(
      type: "list", allowed: allowed,
      write: { ConfigurationValue(.array($0.map { element.write($0) ?? ConfigurationValue(.null) })) },
      parts: { depth in element.parts(depth).map { $0.inside("[]") } },
      read: { value, reading in
        guard case .array(let elements) = value.content, (count ?? standardCount).contains(elements.count) else {
          reading.refuse(value, "must be \(allowed)")
          return nil
        }
        let read = elements.enumerated().map { index, part in reading.read(part, as: element, "[\(index)]") }
        reading.printable = ConfigurationValue(.array(read.map(\.1)))
        let settings = read.compactMap(\.0)
        return settings.count == read.count ? settings : nil
      })
  }

  /// An object whose keys are the operator's, such as names; no two of them are equal, also not by case. Each value that is not allowed is
  /// a problem of its own, `Plugins.chat.Prices.gold`. The keys are printed only where the setting is shown.
  /// - Parameters:
  ///   - count: how many there may be; ten thousand at most if it is not said.
  public static func map<Element>(of element: SettingKind<Element>, count: ClosedRange<Int>? = nil) -> Self
  where Value == [String: Element] {
    let allowed = "an object\(text(count)): name to \(element.allowed)"
    return Self(
      type: "object", allowed: allowed,
      write: { map in
        let members = map.sorted { $0.key < $1.key }.map { key, setting in
          ConfigurationMember(key: key, value: element.write(setting) ?? ConfigurationValue(.null))
        }
        return ConfigurationValue(.object(members))
      },
      parts: { depth in element.parts(depth).map { $0.inside(".*") } },
      read: { value, reading in
        guard case .object(let members) = value.content, (count ?? standardCount).contains(members.count) else {
          reading.refuse(value, "must be \(allowed)")
          return nil
        }
        let isShown = reading.isShown
        let read = members.enumerated().map { index, member in
          reading.read(member.value, as: element, isShown ? step(member.key) : ".*")
        }
        let printable = zip(members, read).map { ConfigurationMember(key: $0.key, value: $1.1) }
        if isShown { reading.printable = ConfigurationValue(.object(printable)) }
        let settings = zip(members, read).compactMap { member, read in read.0.map { (member.key, $0) } }
        return settings.count == members.count ? Dictionary(settings) { first, _ in first } : nil
      })
  }

  private static var standardCount: ClosedRange<Int> { 0...10_000 }

  private static func text(_ count: ClosedRange<Int>?) -> String {
    count.map { " of \($0.lowerBound) to \($0.upperBound)" } ?? ""
  }

  /// `.gold`; a key that is no plain word is quoted.
  private static func step(_ key: String) -> String {
    let isWord =
      !key.isEmpty && key.utf8.count <= 40
      && key.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
    return isWord ? ".\(key)" : "[\(quotedBriefly(key))]"
  }
}

/// Settings that belong together: an object inside the settings of a plugin, alone or as the elements of a list or a map.
///
/// ```swift
/// struct Room: SettingsObject {
///   let name: String
///   let size: Int
///
///   init(settings: inout PluginSettings) {
///     name = settings.value("Name", .string(bytes: 1...40), default: "", required: true, shown: true, "name of the room")
///     size = settings.integer("Size", default: 100, in: 1...10_000, shown: true, "members at once")
///   }
/// }
/// ```
///
/// It is read as strictly as the settings of a plugin are: what is missing gets its default, what is wrong or unknown is a problem with its
/// path. Each setting says for itself whether it is shown.
public protocol SettingsObject: Sendable {
  /// Reads the object.
  init(settings: inout PluginSettings)
}

extension SettingKind where Value: SettingsObject {
  /// An object with settings of its own.
  public static var object: Self { .object(Value.self) }

  /// The same, with its type named.
  public static func object(_ type: Value.Type) -> Self {
    Self(
      type: "object", allowed: "an object", write: { _ in nil },
      parts: { depth in
        // A type may hold a list of itself.
        guard depth < 4 else { return [] }
        var settings = PluginSettings(path: "", value: nil, files: [:], depth: depth + 1)
        _ = Value(settings: &settings)
        return settings.known.map { $0.inside(".") }
      },
      read: { value, reading in
        var settings = PluginSettings(path: reading.path, value: value, files: reading.files, depth: reading.depth + 1)
        let object = Value(settings: &settings)
        settings.finish()
        reading.take(settings.problems, settings.contents, settings.isUnchecked)
        reading.printable = settings.printable
        return object
      })
  }
}
