import Zinx

/// A configuration file that was found and read.
public struct ConfigurationFile: Sendable, Equatable {
  /// As it was given or as the search names it; not made absolute.
  public let path: String
  public let bytes: [UInt8]
  /// Set when `$ZINX_CONFIG_FILE_PATH` names a file that does not exist, so that another was taken.
  public let warning: String?
  /// Nil for what was not read from a disk.
  public let place: FilePlace?

  init(path: String, content: FileContent, warning: String? = nil) {
    (self.path, bytes, place, self.warning) = (path, content.bytes, content.place, warning)
  }

  /// The environment variable that names a file, as in Go Zinx.
  public static let environmentVariable = "ZINX_CONFIG_FILE_PATH"
  /// Where a file is looked for when nothing names one.
  public static let standardPaths = ["./zinx.json", "./conf/zinx.json", "/etc/zinx/zinx.json"]

  /// Finds and reads the file: `explicit` if given, else the first that exists of `$ZINX_CONFIG_FILE_PATH` and the standard paths. A
  /// file that exists but cannot be read ends the search: starting with another one would hide the fault.
  ///
  /// - Parameter read: how a file is read, ``readContent(_:patience:)`` outside tests.
  public static func find(
    explicit: String?, environment: [String: String],
    read: (String) throws(FileProblem) -> FileContent = { path throws(FileProblem) in try readContent(path) }
  ) throws(ConfigurationFileError) -> ConfigurationFile {
    if let explicit { return ConfigurationFile(path: explicit, content: try attempt(explicit, read)) }
    let named = environment[environmentVariable].flatMap { $0.isEmpty ? nil : $0 }
    let candidates = (named.map { [$0] } ?? []) + standardPaths
    for path in candidates {
      do throws(ConfigurationFileError) {
        let content = try attempt(path, read)
        let warning = named.flatMap { $0 == path ? nil : "\(environmentVariable) names \($0), which does not exist" }
        return ConfigurationFile(path: path, content: content, warning: warning)
      } catch {
        guard case .unreadable(_, .missing) = error else { throw error }
      }
    }
    throw .notFound(candidates)
  }

  /// Lines of one severity that are worth showing: a file with more is not a configuration that someone mistyped.
  public static let maximumLines = 100

  /// The warnings and problems of the file, a line each, as compilers write them: `PATH:LINE:COLUMN: error: MESSAGE`.
  public func lines(for parsed: ParsedConfiguration) -> [String] {
    lines("warning", parsed.warnings) + lines("error", parsed.problems)
  }

  private func lines(_ severity: String, _ problems: [ConfigurationProblem]) -> [String] {
    let shown = problems.prefix(Self.maximumLines).map { line(severity, $0) }
    let rest = problems.count - shown.count
    return rest == 0 ? shown : shown + ["\(path): \(severity): and \(rest) more"]
  }

  private func line(_ severity: String, _ problem: ConfigurationProblem) -> String {
    let place = problem.position.map { ":\($0.line):\($0.column)" } ?? ""
    return "\(path)\(place): \(severity): \(problem.message)"
  }

  private static func attempt(
    _ path: String, _ read: (String) throws(FileProblem) -> FileContent
  ) throws(ConfigurationFileError) -> FileContent {
    do throws(FileProblem) { return try read(path) } catch { throw .unreadable(path, error) }
  }
}

/// Why there is no configuration file.
public enum ConfigurationFileError: Error, Sendable, Equatable, CustomStringConvertible {
  /// None of these exists.
  case notFound([String])
  case unreadable(String, FileProblem)

  public var description: String {
    switch self {
    case .notFound(let paths): "no configuration file; looked for \(paths.joined(separator: ", "))"
    case .unreadable(let path, let problem): "\(path): \(problem)"
    }
  }

  /// What to do about it, if that is not to write or correct a file.
  public var advice: String? {
    guard case .unreadable(let path, let problem) = self else { return nil }
    return problem.advice(for: path)
  }
}
