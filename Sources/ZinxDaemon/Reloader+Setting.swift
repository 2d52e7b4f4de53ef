import Logging
import Zinx
import ZinxConfig
import ZinxControl

/// An option that was set by hand.
struct SetOption: Sendable, Equatable {
  /// In the table's spelling.
  var key: String
  var value: JSON
  var before: JSON
}

/// Options by hand, until the next reload.
extension Reloader {
  /// What listeners and plugins are takes a look at the whole file.
  private static let ofTheFile = Set(Configuration.keysOfListeners + ["DataPack", "Plugins", "Custom"])

  /// Whether an option can be set by hand.
  static func isLive(_ option: Option) -> Bool { option.isReloadable && !ofTheFile.contains(option.name) }

  /// Sets one option.
  ///
  /// Throws: ``ControlError`` without such a key, for one that takes more than that, and for a value that it does not take.
  func set(_ key: String, _ value: JSON) throws(ControlError) -> SetOption {
    guard let option = Option.named(key) else {
      throw ControlError(.notFound, "there is no key \(JSON.string(String(key.prefix(40))))")
    }
    guard Self.isLive(option) else {
      let way = option.isReloadable ? "change it in the file, then reload" : "it takes a restart"
      throw ControlError(.refused, "\(option.name) cannot be set while the daemon runs: \(way)")
    }
    // From the same text that a file would have.
    guard let wanted = JSONParser.parse(Array(value.description.utf8)).value else {
      throw ControlError(.badRequest, "value is none of a configuration")
    }
    return try inTurn { () throws(ControlError) in
      var new = configuration
      if let problem = option.apply(wanted, to: &new).first { throw ControlError(.badRequest, problem.message) }
      let change = SetOption(
        key: option.name, value: Self.json(option.value(in: new)), before: Self.json(option.value(in: configuration)))
      use(new, change)
      return change
    }
  }

  private static func json(_ value: ConfigurationValue?) -> JSON {
    value.flatMap { try? JSON(parsing: $0.jsonText.utf8) } ?? .null
  }
}
