import Glibc
import Testing
import ZinxConfig

/// The Swift sources and the articles of the repository.
private struct Repository {
  static let modules = [
    "Zinx", "ZinxWire", "ZinxClient", "ZinxTLS", "ZinxJSON", "ZinxTesting", "ZinxPlugins", "ZinxMetrics", "ZinxNats",
    "ZinxDaemon",
    "ZinxConfig",
  ]
  static let shared = Repository()

  let articles: [(name: String, text: String)]
  private let sources: [Source]

  private init() {
    let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/") + "/Sources/"
    let files = Self.modules.flatMap { Self.files(root + $0) }
    func texts(_ suffix: String) -> [(name: String, text: String)] {
      files.filter { $0.hasSuffix(suffix) }.map { path in
        let bytes = (try? ConfigurationFile.readFile(path)) ?? []
        return (String(path.split(separator: "/").last ?? ""), String(decoding: bytes, as: UTF8.self))
      }
    }
    articles = texts(".md")
    sources = texts(".swift").map { Source($0.text) }
  }

  private static func files(_ folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [folder] }
    defer { closedir(directory) }
    var found: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { found += files(folder + "/" + name) }
    }
    return found
  }

  /// Whether a link of an article leads to something: a type, or what is declared in a file that declares or extends its type.
  func has(_ link: String) -> Bool {
    var parts = link.split(separator: "/").map(String.init)
    if parts.count > 1, Self.modules.contains(parts[0]), !declares(parts[0], parts[1]) { parts.removeFirst() }
    guard let last = parts.popLast() else { return false }
    guard let type = parts.last else { return Self.modules.contains(last) || sources.contains { $0.types.contains(last) } }
    return declares(type, last)
  }

  private func declares(_ type: String, _ member: String) -> Bool {
    let name = String(member.prefix { $0 != "(" && $0 != "-" })
    let labels = member.dropFirst(name.count).prefix { $0 != ")" }.split { "(:_".contains($0) }.map(String.init)
    return sources.contains { source in
      source.types.contains(type) && source.members[name]?.contains { words in labels.allSatisfy(words.contains) } == true
    }
  }
}

/// What a file declares, as far as its words tell.
private struct Source {
  private(set) var types: Set<String> = []
  /// By name: the words of the line, and of those behind it that may be part of the declaration.
  private(set) var members: [String: [Set<String>]] = [:]

  init(_ text: String) {
    let lines = text.split(separator: "\n").map { line in
      line.utf8.split { !Self.isOfWord($0) }.map { String($0) ?? "" }
    }
    for (index, words) in lines.enumerated() where !words.isEmpty {
      lazy var all = Set(lines[index...].prefix(7).joined())
      for (place, word) in words.enumerated() {
        let behind = words[(place + 1)...]
        switch word {
        case "init", "subscript": members[word, default: []].append(all)
        case "case": for name in behind { members[name, default: []].append(all) }
        case "struct", "class", "enum", "protocol", "actor", "typealias":
          types.formUnion(behind.prefix(1))
          fallthrough
        case "func", "var", "let": for name in behind.prefix(1) { members[name, default: []].append(all) }
        // `ZinxWire.DataPack` is two words.
        case "extension": types.formUnion(behind.prefix(2))
        default: break
        }
      }
    }
  }

  private static func isOfWord(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "_") || byte >= 0x80 || Character(UnicodeScalar(byte)).isLetter
      || Character(UnicodeScalar(byte)).isNumber
  }
}

@Suite("The articles")
struct ArticlesTests {
  /// The links between two pairs of backticks, outside of examples.
  private static func links(_ text: String) -> [String] {
    var isExample = false
    return text.split(separator: "\n").flatMap { line -> [String] in
      if line.hasPrefix("```") { isExample.toggle() }
      guard !isExample, !line.hasPrefix("```") else { return [] }
      return line.split(separator: "``", omittingEmptySubsequences: false).enumerated().compactMap {
        $0.offset % 2 == 1 ? String($0.element) : nil
      }
    }
  }

  @Test("link to what there is", arguments: Repository.shared.articles.map(\.name))
  func links(article: String) throws {
    let text = try #require(Repository.shared.articles.first { $0.name == article }).text
    for link in Self.links(text) where !Repository.shared.has(link) { Issue.record("\(link)") }
  }

  @Test(
    "know a name that there is from one that there is not",
    arguments: [
      ("Server", true), ("Servant", false), ("Server/drain(timeout:)", true), ("Server/drain(within:)", false),
      ("Server/dry()", false),
      ("CloseReason/badFrame", true), ("CloseReason/badFrames", false), ("ZinxWire/DataPack/tlvBigEndian", true),
      ("ZinxClient/Client/connect(host:port:configuration:)", true),
    ])
  func check(link: String, exists: Bool) throws { #expect(Repository.shared.has(link) == exists) }

  @Test("of those who come from Go name every interface that they know")
  func interfaces() throws {
    let text = try #require(Repository.shared.articles.first { $0.name == "ComingFromGo.md" }).text
    #expect(Self.links(text).count > 80)
    let names = [
      "IServer", "IConnection", "IRequest", "IRouter", "IMsgHandle", "IConnManager", "IDataPack", "IMessage", "IDecoder",
      "IFrameDecoder",
      "IHeartbeatChecker", "IInterceptor", "IChain", "IClient", "IRouterSlices", "IGroupRouterSlices", "ILogger", "Inotify",
      "SetWebsocketAuth",
    ]
    for name in names { #expect(text.contains(name), "\(name)") }
  }
}
