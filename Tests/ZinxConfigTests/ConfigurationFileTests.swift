import Testing
import Zinx
import ZinxConfig

/// A disk of a few files, that notes what was asked for.
private final class Disk {
  var files: [String: Result<[UInt8], FileProblem>]
  var asked: [String] = []

  init(_ files: [String: Result<[UInt8], FileProblem>]) { self.files = files }

  func read(_ path: String) throws(FileProblem) -> [UInt8] {
    asked.append(path)
    return try (files[path] ?? .failure(.missing)).get()
  }

  func find(_ explicit: String? = nil, _ environment: [String: String] = [:]) -> Result<ConfigurationFile, ConfigurationFileError>
  {
    Result { () throws(ConfigurationFileError) in
      try ConfigurationFile.find(explicit: explicit, environment: environment) { path throws(FileProblem) in
        FileContent(bytes: try read(path))
      }
    }
  }
}

private func file(_ text: String) -> Result<[UInt8], FileProblem> { .success(Array(text.utf8)) }

@Suite("Finding the configuration file")
struct ConfigurationFileTests {
  @Test("a path that is given is the only one looked at")
  func explicit() throws {
    let disk = Disk(["/a": file("1"), "./zinx.json": file("2")])
    let found = try disk.find("/a", [ConfigurationFile.environmentVariable: "./zinx.json"]).get()
    #expect(found.path == "/a")
    #expect(found.bytes == Array("1".utf8))
    #expect(disk.asked == ["/a"])
  }

  @Test("a path that is given but missing is an error, even if others exist")
  func explicitMissing() {
    let disk = Disk(["./zinx.json": file("")])
    #expect(disk.find("/a") == .failure(.unreadable("/a", .missing)))
  }

  @Test(
    "otherwise the first that exists is taken",
    arguments: ["/env.json", "./zinx.json", "./conf/zinx.json", "/etc/zinx/zinx.json"])
  func order(first: String) throws {
    let places = ["/env.json", "./zinx.json", "./conf/zinx.json", "/etc/zinx/zinx.json"]
    let existing = places.drop { $0 != first }
    let disk = Disk(Dictionary(uniqueKeysWithValues: existing.map { ($0, file($0)) }))
    let found = try disk.find(nil, [ConfigurationFile.environmentVariable: "/env.json"]).get()
    #expect(found.path == first)
    #expect(disk.asked == Array(places.prefix { $0 != first }) + [first])
    let warning = "ZINX_CONFIG_FILE_PATH names /env.json, which does not exist"
    #expect(found.warning == (first == "/env.json" ? nil : warning))
  }

  @Test("an empty environment variable is none")
  func emptyVariable() throws {
    let disk = Disk(["./zinx.json": file("")])
    #expect(try disk.find(nil, [ConfigurationFile.environmentVariable: ""]).get().warning == nil)
    #expect(disk.asked == ["./zinx.json"])
  }

  @Test("none at all is an error that lists every place")
  func none() {
    let result = Disk([:]).find(nil, [ConfigurationFile.environmentVariable: "/env.json"])
    guard case .failure(let error) = result else { return #expect(Bool(false)) }
    #expect(
      error.description
        == "no configuration file; looked for /env.json, ./zinx.json, ./conf/zinx.json, /etc/zinx/zinx.json")
  }

  @Test(
    "a file that exists but cannot be read ends the search",
    arguments: [FileProblem.notPermitted("uid 7"), .brokenLink("/x"), .isDirectory, .tooLarge(limit: 9)])
  func unreadable(problem: FileProblem) {
    let disk = Disk(["./zinx.json": .failure(problem), "/etc/zinx/zinx.json": file("{}")])
    #expect(disk.find() == .failure(.unreadable("./zinx.json", problem)))
  }

  @Test("problems are written a line each, as compilers do, warnings first")
  func rendering() throws {
    let text = "{\n  \"LogDir\": 1,\n  \"MaxCon\": 1\n}"
    let found = try Disk(["zinx.json": file(text)]).find("zinx.json").get()
    var parsed = parse(text)
    parsed.add([ConfigurationProblem(at: nil, "two routes for id 1")])
    #expect(
      found.lines(for: parsed) == [
        "zinx.json:2:3: warning: LogDir has no effect in zinxd; the log goes to the journal: journalctl -u zinxd",
        "zinx.json: error: two routes for id 1", "zinx.json:3:3: error: unknown key \"MaxCon\"; did you mean \"MaxConn\"?",
      ])
    #expect(found.lines(for: parse("{}")) == [])
  }

  @Test("of very many problems the first hundred are shown, and the number of the others", arguments: [100, 101, 250])
  func many(count: Int) throws {
    let found = try Disk(["z": file("")]).find("z").get()
    let parsed = parse("{" + (1...count).map { "\"Frobnicate\($0)\": 0" }.joined(separator: ",") + "}")
    let lines = found.lines(for: parsed)
    #expect(lines.count == min(count, 101))
    #expect(
      lines.last
        == (count == 100
          ? "z:1:1775: error: unknown key \"Frobnicate100\"; what is not for zinxd goes into the object \"Custom\""
          : "z: error: and \(count - 100) more"))
  }

  @Test(
    "a path that cannot be read is named with the reason",
    arguments: [
      (.missing, "/z: no such file"), (.notPermitted("uid 7"), "/z: permission denied for uid 7"),
      (.brokenLink("/srv/z"), "/z: leads to /srv/z, which is not there for this process"),
      (.isDirectory, "/z: is a directory, but must be a file"),
      (.tooLarge(limit: 1_048_576), "/z: larger than 1048576 bytes, which no configuration file is"),
      (.unfinishedPipe(.seconds(3)), "/z: is a pipe into which nobody wrote a whole file within 3.0 seconds"),
      (.changed, "/z: changed while it was read; replace a file as a whole, with mv"),
      (.system(5), "/z: Input/output error"),
    ] as [(FileProblem, String)])
  func reasons(problem: FileProblem, description: String) {
    #expect(ConfigurationFileError.unreadable("/z", problem).description == description)
  }
}
