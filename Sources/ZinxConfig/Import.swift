import Zinx

/// The `zinx.json` that means the same as a file of Go Zinx, of a tutorial or of a fork, and what became of each key.
public struct Import: Sendable, Equatable {
  /// The file, keys in the order of the manual.
  public let text: String
  /// By position in the file; what stands nowhere comes last.
  public let notes: [ImportNote]

  /// Translates a file. Pure.
  ///
  /// - Parameters:
  ///   - knownPlugins: the names of the compiled-in plugins.
  ///   - defaultPlugins: of those that are on when a file names none.
  ///
  /// Throws: the first error of syntax, or that it holds no object. Whatever else is in it is translated or kept.
  public init(_ bytes: [UInt8], knownPlugins: [String], defaultPlugins: [String]) throws(ConfigurationProblem) {
    let document = JSONParser.parse(bytes, origin: .foreign)
    guard let root = document.value else {
      throw document.problems.last ?? ConfigurationProblem(at: nil, "the file holds no JSON")
    }
    guard case .object(let members) = root.content else {
      throw ConfigurationProblem(at: root.position, "the file holds \(root.found), but must hold an object")
    }
    var translation = Translation(members, knownPlugins, defaultPlugins)
    for problem in document.problems {
      translation.note(.dropped, at: problem.position, "\(problem.message); the last one counts, as in Go")
    }
    translation.translate()
    (text, notes) = (translation.text, translation.sortedNotes)
  }
}

/// What became of a key, in words for the operator.
public struct ImportNote: Sendable, Equatable {
  public enum Kind: String, Sendable {
    case renamed, converted, dropped, kept, added
    /// The file does not say it, or not so that it could be taken over: the operator has to.
    case choose
  }

  public var kind: Kind
  /// Nil for what is not in the file.
  public var position: SourcePosition?
  /// One sentence. Names no file and no position, and no value of a key that is not ours: it may be a secret.
  public var message: String

  public init(_ kind: Kind, at position: SourcePosition?, _ message: String) {
    self.kind = kind
    self.position = position
    self.message = message
  }
}

extension ConfigurationFile {
  /// A note as compilers write it: `PATH:LINE:COLUMN: KIND: MESSAGE`.
  public static func line(for note: ImportNote, of path: String) -> String {
    let place = note.position.map { ":\($0.line):\($0.column)" } ?? ""
    return "\(path)\(place): \(note.kind.rawValue): \(note.message)"
  }
}
