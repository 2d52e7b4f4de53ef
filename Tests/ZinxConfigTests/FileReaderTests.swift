import Glibc
import Testing
import ZinxConfig

private func outcome(_ path: String) -> Result<[UInt8], FileProblem> {
  Result { () throws(FileProblem) in try ConfigurationFile.readFile(path) }
}

/// Runs the body with the path of a new file that holds the bytes.
private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
  var template = Array("/tmp/zinx-config-XXXXXX".utf8CString)
  let descriptor = mkstemp(&template)
  try #require(descriptor >= 0)
  let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  defer { unlink(path) }
  try #require(write(descriptor, bytes, bytes.count) == bytes.count)
  close(descriptor)
  try body(path)
}

@Suite("Reading the configuration file")
struct FileReaderTests {
  @Test("the whole file is read, also beyond one buffer", arguments: [0, 1, 65535, 65536, 65537, 200_000])
  func content(size: Int) throws {
    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 / 7) }
    try withFile(bytes) { #expect(outcome($0) == .success(bytes)) }
  }

  @Test("a file of the largest size is read, and one byte more refused")
  func limit() throws {
    let limit = ConfigurationFile.maximumSize
    try withFile([UInt8](repeating: 0x20, count: limit)) { path in
      #expect(outcome(path) == .success([UInt8](repeating: 0x20, count: limit)))
    }
    try withFile([UInt8](repeating: 0x20, count: limit + 1)) { path in
      #expect(outcome(path) == .failure(.tooLarge(limit: limit)))
    }
  }

  @Test("an endless file is refused")
  func endless() {
    #expect(outcome("/dev/zero") == .failure(.tooLarge(limit: ConfigurationFile.maximumSize)))
  }

  @Test("a missing file and a missing directory are told from other faults")
  func missing() throws {
    #expect(outcome("/nonexistent/zinx.json") == .failure(.missing))
    try withFile([]) { path in
      #expect(outcome(path + "/zinx.json") == .failure(.missing))
      #expect(outcome(path + "x") == .failure(.missing))
    }
    #expect(outcome(String(repeating: "x", count: 5000)) == .failure(.system(ENAMETOOLONG)))
  }

  @Test("a directory is no file")
  func directory() {
    #expect(outcome("/") == .failure(.isDirectory))
  }

  @Test("a file without permission to read is told so", .enabled(if: geteuid() != 0, "root may read everything"))
  func permission() throws {
    try withFile([]) { path in
      chmod(path, 0)
      guard case .failure(.notPermitted(let text)) = outcome(path) else { return #expect(Bool(false)) }
      #expect(text.contains("uid \(geteuid())"))
      #expect(text.hasSuffix("; its mode is 00, its owner uid \(geteuid())"))
    }
  }

  @Test("a link to nowhere is no missing file: somebody put it there, and it says where it leads")
  func brokenLink() throws {
    try withFile([]) { path in
      remove(path)
      try #require(symlink("/nowhere/zinx.json", path) == 0)
      #expect(outcome(path) == .failure(.brokenLink("/nowhere/zinx.json")))
      // A folder on the way, too.
      #expect(outcome(path + "/zinx.json") == .failure(.brokenLink("/nowhere/zinx.json")))
      #expect(outcome("/nowhere/zinx.json") == .failure(.missing))
    }
  }

  @Test("a pipe is read to its end", arguments: [0, 1, 3000])
  func pipe(size: Int) throws {
    try withPipe { path, writer in
      let bytes = [UInt8](repeating: 0x20, count: size)
      try #require(write(writer, bytes, size) == size)
      close(writer)
      #expect(outcome(path) == .success(bytes))
    }
  }

  @Test("a pipe whose writer does not finish is refused when patience ends", arguments: [0, 1, 3000])
  func unfinishedPipe(size: Int) throws {
    try withPipe { path, writer in
      try #require(write(writer, [UInt8](repeating: 0x20, count: size), size) == size)
      let outcome = Result { () throws(FileProblem) in try ConfigurationFile.readFile(path, patience: .zero) }
      #expect(outcome == .failure(.unfinishedPipe(.zero)))
      close(writer)
    }
  }

  @Test("a pipe without a writer is refused when patience ends")
  func nobody() throws {
    try withFile([]) { path in
      unlink(path)
      try #require(mkfifo(path, 0o600) == 0)
      let outcome = Result { () throws(FileProblem) in try ConfigurationFile.readFile(path, patience: .zero) }
      #expect(outcome == .failure(.unfinishedPipe(.zero)))
    }
  }

  /// Runs the body with the path of a pipe's end to read from, and the descriptor of the other, which the body closes.
  private func withPipe(_ body: (String, Int32) throws -> Void) throws {
    var ends: [Int32] = [-1, -1]
    try #require(Glibc.pipe(&ends) == 0)
    defer { close(ends[0]) }
    try body("/dev/fd/\(ends[0])", ends[1])
  }
}
