import Testing
import ZinxConfig

/// A file of the repository, found from where this one stands in it.
private func repositoryFile(_ path: String) throws -> String {
  let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
  return String(decoding: try ConfigurationFile.readFile(root + "/" + path), as: UTF8.self)
}

@Suite("What the repository shows to readers")
struct ReadmeTests {
  @Test("the README has exactly the table of the options")
  func table() throws {
    let parts = try repositoryFile("README.md").split(separator: "<!-- options -->\n", omittingEmptySubsequences: false)
    try #require(parts.count == 3, "the table stands between two lines <!-- options -->")
    #expect(String(parts[1]) == Reference.markdown)
    let listeners = try repositoryFile("README.md").split(separator: "<!-- listeners -->\n", omittingEmptySubsequences: false)
    try #require(listeners.count == 3, "the table of the listeners stands between two lines <!-- listeners -->")
    #expect(String(listeners[1]) == Reference.markdownListeners)
    let frames = try repositoryFile("README.md").split(separator: "<!-- frames -->\n", omittingEmptySubsequences: false)
    try #require(frames.count == 3, "the table of the frames stands between two lines <!-- frames -->")
    #expect(String(frames[1]) == Reference.markdownFrames)
  }

  @Test("the README has exactly the table of the keys of TLS")
  func tls() throws {
    let parts = try repositoryFile("README.md").split(separator: "<!-- tls -->\n", omittingEmptySubsequences: false)
    try #require(parts.count == 3, "the table of TLS stands between two lines <!-- tls -->")
    #expect(String(parts[1]) == Reference.markdownTLS)
  }

  @Test func `the README has exactly the table of the keys of Nats`() throws {
    let parts = try repositoryFile("README.md").split(separator: "<!-- nats -->\n", omittingEmptySubsequences: false)
    try #require(parts.count == 3, "the table of Nats stands between two lines <!-- nats -->")
    #expect(String(parts[1]) == Reference.markdownNats)
  }

  @Test(arguments: [("python", "py"), ("c", "c"), ("swift", "swift")])
  func `the page for services shows those that are run, of less than 40 lines each`(language: String, suffix: String) throws {
    let code = try repositoryFile("Tests/Examples/Services/service." + suffix)
    #expect(code.split(separator: "\n", omittingEmptySubsequences: false).count <= 40)
    let page = try repositoryFile("Sources/ZinxNats/ZinxNats.docc/ServicesOverNATS.md")
    #expect(page.contains("```\(language)\n\(code)```\n"))
  }

  @Test(
    "the README shows the code that is built and tested",
    arguments: ["ScoreDaemon/Score.swift", "ScoreDaemon/Main.swift", "EmbeddedServer/Main.swift"])
  func code(file: String) throws {
    let code = try repositoryFile("Tests/Example/Sources/" + file)
    #expect(try repositoryFile("README.md").contains("```swift\n\(code)```\n"))
  }

  @Test("zinx.json is the file that a fresh install gets")
  func shippedFile() throws {
    #expect(try repositoryFile("zinx.json") == Reference.shippedFile)
  }
}
