import Glibc

/// A manual page of `packaging/man`, as its readers see it, for tests that hold it against the code.
package struct ManualPage {
  /// By their titles.
  private var sections: [String: [String]] = [:]

  /// - Parameter name: of the file, such as `zinxd.8`.
  package init(_ name: String) throws {
    var title = ""
    for line in try Repository.text("packaging/man/" + name).split(separator: "\n") {
      if line.hasPrefix(".SH ") { title = String(line.dropFirst(4)) } else { sections[title, default: []].append(String(line)) }
    }
  }

  /// The lines of a section without their marks.
  package func text(_ section: String) -> String {
    (sections[section] ?? []).map(Self.plain).joined(separator: "\n")
  }

  /// What the entries of a section are about, a line each.
  package func tags(_ section: String) -> [String] {
    let lines = sections[section] ?? []
    return zip(lines, lines.dropFirst()).filter { $0.0 == ".TP" }.map { Self.plain($0.1) }
  }

  /// The options, long and short, that the entries of a section are about.
  package func options(_ section: String) -> Set<String> { Self.options(tags(section)) }

  /// The options that the help of a program lists.
  package static func options(inHelp help: String) -> Set<String> {
    options(help.split(separator: "\n").filter { $0.hasPrefix("  -") }.map { String($0.prefix { $0 != "<" }.prefix(26)) })
  }

  private static func options(_ lines: [String]) -> Set<String> {
    Set(lines.flatMap { $0.split { ", ".contains($0) } }.filter { $0.hasPrefix("-") && $0 != "-" }.map(String.init))
  }

  /// Without macro, quotes and fonts.
  private static func plain(_ line: String) -> String {
    var text = line[...]
    if text.hasPrefix(".") {
      let macro = text.prefix { $0 != " " }
      text = text.dropFirst(macro.count + 1)
      // The words of a macro of two fonts are set without blanks, those in quotes keep theirs.
      if macro.count == 3 { text = alternating(text)[...] }
    }
    return String(text).replacing("\\-", with: "-").replacing("\\fI", with: "").replacing("\\fR", with: "")
  }

  private static func alternating(_ words: Substring) -> String {
    var (text, isQuoted) = ("", false)
    for character in words {
      if character == "\"" { isQuoted.toggle() } else if character != " " || isQuoted { text.append(character) }
    }
    return text
  }
}

/// The checkout that the tests were built from.
package enum Repository {
  private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")

  package static func text(_ path: String) throws -> String {
    guard let file = fopen("\(root)/\(path)", "r") else { throw DaemonProcess.Failure(description: "cannot read \(path)") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk.prefix(count)
    }
  }

  /// The texts of the Swift files of a target, hidden ones aside.
  package static func sources(_ target: String) throws -> [String] {
    var texts: [String] = []
    var folders = ["Sources/\(target)"]
    while let folder = folders.popLast() {
      guard let directory = opendir("\(root)/\(folder)") else { continue }
      defer { closedir(directory) }
      while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name.hasSuffix(".swift") {
          texts.append(try text("\(folder)/\(name)"))
        } else if !name.contains(".") {
          folders.append("\(folder)/\(name)")
        }
      }
    }
    return texts
  }

  /// The environment variables that the sources of targets name.
  package static func environmentVariables(_ targets: String...) throws -> Set<String> {
    let text = try targets.flatMap { try sources($0) }.joined()
    let asked = text.matches(of: /(?:getenv|variable|environment)\("([A-Z_]+)"\)/).map { String($0.1) }
    let named = text.matches(of: /"((?:NOTIFY|WATCHDOG|LISTEN|JOURNAL|RUNTIME|ZINX)_[A-Z_]+)"/).map { String($0.1) }
    return Set(asked + named)
  }
}
