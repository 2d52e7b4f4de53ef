import Glibc
import Synchronization
import Testing
import ZinxIO
import ZinxTestKit

/// The built `zinxd` as a child process. One test at a time: each has times to keep.
@Suite("The daemon", .serialized, .timeLimit(.minutes(1)))
enum Daemons {}

/// A folder for one test; it goes with what the test has put there.
final class TestFolder: Sendable {
  let path: String
  private let made = Mutex<[String]>([])

  init() throws {
    var template = Array("/tmp/zinxd-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for name in made.withLock({ $0 }).reversed() { remove("\(path)/\(name)") }
    rmdir(path)
  }

  /// Writes a file, in a folder below if its name says so, as a whole: nobody reads half of it.
  func write(_ name: String, _ text: String) throws {
    if let slash = name.lastIndex(of: "/") {
      let folder = String(name[..<slash])
      if mkdir("\(path)/\(folder)", 0o755) == 0 { made.withLock { $0.append(folder) } }
    }
    let fresh = "\(path)/\(name).new"
    let descriptor = try Descriptor(open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0o644), from: "open")
    let bytes = Array(text.utf8)
    guard bytes.withUnsafeBytes({ Glibc.write(descriptor.number, $0.baseAddress, $0.count) }) == bytes.count,
      rename(fresh, "\(path)/\(name)") == 0
    else { throw SystemError("write") }
    made.withLock { $0.append(name) }
  }
}

/// A `zinx.json` that listens on a free port of this machine, with more members.
func local(_ members: String = "") -> String {
  #"{"Host": "127.0.0.1", "TcpPort": 0\#(members.isEmpty ? "" : ", " + members)}"#
}

/// Runs a daemon with a `zinx.json` in a folder of its own while `body` runs, and kills it then if it is still there.
///
/// - Parameter launcher: a command that starts the daemon, whose path and arguments are put behind it.
func withDaemon(
  _ configuration: String = local(), _ arguments: [String] = [], environment: [String: String] = [:], launcher: [String] = [],
  passing: Int32? = nil, _ body: (DaemonProcess, TestFolder) async throws -> Void
) async throws {
  let folder = try TestFolder()
  try folder.write("zinx.json", configuration)
  let command = launcher + [DaemonProcess.path("zinxd")] + arguments
  let daemon = try DaemonProcess(command, environment: environment, in: folder.path, passing: passing)
  do { try await body(daemon, folder) } catch {
    try await daemon.kill()
    throw error
  }
  try await daemon.kill()
}

/// What came of a run that ends by itself.
struct Run {
  var status: Int32?
  var output: [String]
  var errors: [String]
}

/// Runs a daemon that is to end by itself.
func run(
  _ arguments: String..., files: KeyValuePairs<String, String> = [:], environment: [String: String] = [:], launcher: [String] = []
) async throws -> Run {
  let folder = try TestFolder()
  for (name, text) in files { try folder.write(name, text) }
  let command = launcher + [DaemonProcess.path("zinxd")] + arguments
  let daemon = try DaemonProcess(command, environment: environment, in: folder.path)
  let status = try await daemon.exit().status
  return Run(status: status, output: daemon.outputLines, errors: daemon.errorLines)
}

/// A daemon with these arguments in a folder that is as the test has left it.
func daemon(_ arguments: [String], in folder: TestFolder) throws -> DaemonProcess {
  try DaemonProcess([DaemonProcess.path("zinxd")] + arguments, in: folder.path)
}

/// Mounts that only the daemon under test sees.
enum Mounts {
  /// A command that mounts, and then becomes the command behind it.
  static func launcher(_ mount: String) -> [String] {
    ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", "\(mount) && exec \"$@\"", "sh"]
  }

  /// Whether this machine lets us make some; containers may not.
  static let isPossible = system("unshare --user --map-root-user --mount mount -t tmpfs none /proc 2>/dev/null") == 0
}
