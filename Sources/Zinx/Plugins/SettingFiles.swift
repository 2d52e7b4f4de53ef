import ZinxTLS

/// The files that settings name: where they are, and how they are read. The library reads none by itself: a daemon does, and a test may
/// have some in memory.
///
/// <!-- in: func example() { … } -->
/// ```swift
/// var settings = PluginSettings(plugin: "chat", value: nil, files: ["/etc/chat/token": "s3cret"])
/// let token = settings.value("Token", .optional(.secret), default: nil, "file of the word")
/// print(token as Any, settings.problems)
/// ```
public struct SettingFiles: Sendable, ExpressibleByDictionaryLiteral {
  /// Where a path leads that begins with `$CREDENTIALS_DIRECTORY/`.
  public enum Credentials: Sendable, Equatable {
    case directory(String)
    /// Systemd gave none.
    case absent
    /// They are only there when the service starts: settings that name one are taken for right. For `--check`.
    case unchecked
  }

  /// What is in a file, or why it cannot be read, in words.
  public typealias Content = Result<[UInt8], Unreadable>

  /// Why a file cannot be read.
  public struct Unreadable: Error, Sendable {
    /// For the operator; does not name the file.
    public let reason: String
    public init(_ reason: String) { self.reason = reason }
  }

  private let credentials: Credentials
  private let content: @Sendable (String) -> Content
  private let fault: @Sendable (String) -> Unreadable?

  /// - Parameters:
  ///   - content: reads a whole file. May block.
  ///   - fault: why a file cannot be read; nil for one that can be, however large it is.
  public init(
    credentials: Credentials, content: @escaping @Sendable (String) -> Content, fault: @escaping @Sendable (String) -> Unreadable?
  ) {
    (self.credentials, self.content, self.fault) = (credentials, content, fault)
  }

  /// Files in memory, by their paths.
  public init(dictionaryLiteral files: (String, String)...) {
    let contents = Dictionary(files) { $1 }
    let missing = Unreadable("no such file")
    self.init(
      credentials: .directory("$CREDENTIALS_DIRECTORY"),
      content: { path in contents[path].map { .success(Array($0.utf8)) } ?? .failure(missing) },
      fault: { contents[$0] == nil ? missing : nil })
  }

  /// Where a setting leads.
  enum Place: Equatable {
    case file(String)
    /// One of ``Credentials/unchecked``.
    case unknown
    /// Completes the sentence "… is VALUE, but …".
    case wrong(String)
  }

  func place(of text: String) -> Place {
    guard !text.utf8.contains(0) else { return .wrong("no path has a NUL") }
    if text.hasPrefix("/") { return .file(text) }
    guard let name = CredentialPath.name(text) else { return .wrong("must be \(SettingKind<String>.aPath)") }
    guard !name.isEmpty, !name.contains("/"), name != "..", name != "." else {
      return .wrong("behind $CREDENTIALS_DIRECTORY/ there is one name, as in LoadCredential=")
    }
    switch credentials {
    case .directory(let path): return .file("\(path)/\(name)")
    case .unchecked: return .unknown
    case .absent: return .wrong("there is no $CREDENTIALS_DIRECTORY: the unit has to have LoadCredential= or SetCredential=")
    }
  }

  func read(_ path: String) -> Content { content(path) }

  /// Why a file cannot be read.
  func reason(against path: String) -> String? { fault(path)?.reason }
}
