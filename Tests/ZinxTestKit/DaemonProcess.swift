import Glibc
import Synchronization
import ZinxIO

/// A program of this package as a child process: what it writes, its exit, and signals to it. It is killed when it is let go of.
package final class DaemonProcess: Sendable {
  /// How a process ended.
  package struct Exit: Sendable, Hashable {
    /// What it passed to exit(3); nil when a signal killed it.
    package var status: Int32?
    package var signal: Int32?
    /// The end of its output, which the kernel reports when the process is gone.
    package var instant: ContinuousClock.Instant
  }

  /// What was waited for did not come.
  package struct Failure: Error, CustomStringConvertible {
    package var description: String
  }

  package let pid: pid_t
  private let watch: ProcessWatch

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - command: the program's path and its arguments.
  ///   - environment: all of it; nothing is inherited but `PATH` and the settings of sanitizers.
  ///   - folder: where it runs.
  ///   - passing: a descriptor that it gets as number 3, as in socket activation.
  package init(_ command: [String], environment: [String: String] = [:], in folder: String, passing: Int32? = nil) throws {
    let (outputs, errors) = (try Pipe(), try Pipe())
    // env(1) changes the folder and becomes the program: Swift does not see the file action that could.
    pid = try Self.spawn(
      ["env", "--chdir=\(folder)"] + command, environment, [1: outputs.theirs, 2: errors.theirs, 3: passing ?? -1])
    for end in [outputs.theirs, errors.theirs] { close(end) }
    watch = ProcessWatch(pid, outputs.ours, errors.ours)
    let thread = watch
    _ = try Thread { thread.run() }
  }

  deinit { watch.kill(SIGKILL) }

  /// A program of this package, which is built beside the running tests.
  package static func path(_ name: String) -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { bytes in
      bytes.withMemoryRebound(to: CChar.self) { text in text.baseAddress.map { readlink("/proc/self/exe", $0, text.count) } ?? 0 }
    }
    let own = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    // The runner itself, or a program of the tool chain that loads the tests from the path in its arguments.
    let isRunner = own.hasSuffix(".xctest")
    let runner = isRunner ? own : CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? own
    return runner.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/" + name
  }

  // MARK: What it writes

  /// Lines on standard error so far.
  package var errorLines: [String] { watch.lines(.errors) }
  /// Lines on standard output so far.
  package var outputLines: [String] { watch.lines(.output) }

  /// Waits for the `count`th line on standard error that contains `text`, and returns it. Ten seconds at most, and not after the exit.
  @discardableResult
  package func line(containing text: String, count: Int = 1) async throws -> String {
    try await watch.wait("line \(count) with \"\(text)\"") { state in
      state.lines[.errors, default: []].lazy.filter { $0.contains(text) }.dropFirst(count - 1).first
    }
  }

  /// The same on standard output.
  @discardableResult
  package func outputLine(containing text: String, count: Int = 1) async throws -> String {
    try await watch.wait("line \(count) with \"\(text)\"") { state in
      state.lines[.output, default: []].lazy.filter { $0.contains(text) }.dropFirst(count - 1).first
    }
  }

  /// Waits for the line that says it serves. Returns the port.
  package func port() async throws -> UInt16 {
    let line = try await line(containing: "listens on")
    guard let match = line.firstMatch(of: /listens on \S+:(\d+),/), let port = UInt16(match.1) else {
      throw Failure(description: "no port in: \(line)")
    }
    return port
  }

  // MARK: Life

  package func signal(_ number: Int32) { watch.kill(number) }

  /// Waits for its end. All that it wrote is there then.
  package func exit() async throws -> Exit { try await watch.wait("the exit") { $0.exit } }

  /// Sends it a signal twenty times a second until it ends.
  package func exit(repeating number: Int32) async throws -> Exit {
    let sending = Task {
      while !Task.isCancelled {
        signal(number)
        try? await Task.sleep(for: .milliseconds(50))
      }
    }
    defer { sending.cancel() }
    return try await exit()
  }

  /// Kills it, if it still runs, and waits for its end.
  package func kill() async throws {
    signal(SIGKILL)
    _ = try await exit()
  }
}

extension DaemonProcess {
  /// Two connected ends, neither inherited by other children that are started meanwhile: a pipe could not promise that.
  private struct Pipe {
    let ours: Int32
    let theirs: Int32

    init() throws(SystemError) {
      var ends: [Int32] = [-1, -1]
      guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
        throw SystemError("socketpair")
      }
      (ours, theirs) = (ends[0], ends[1])
    }
  }

  /// What a child gets besides: where programs are, and how a sanitizer that both are built with is set up.
  private static let inherited = ["PATH", "TSAN_OPTIONS", "ASAN_OPTIONS", "LSAN_OPTIONS", "LD_PRELOAD", "SWIFT_BACKTRACE"]

  /// `descriptors`: which of ours, if not negative, the child gets under which number.
  private static func spawn(
    _ command: [String], _ environment: [String: String], _ descriptors: [Int32: Int32]
  ) throws(SystemError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    // In order: a number that is given away must not be one that is still to be passed.
    for (theirs, ours) in descriptors.sorted(by: { $0.key < $1.key }) where ours >= 0 {
      posix_spawn_file_actions_adddup2(&actions, ours, theirs)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The threads of a test runner may block or ignore signals; a service starts with none of that.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))
    var variables = environment
    for name in Self.inherited { variables[name] = variables[name] ?? getenv(name).map { String(cString: $0) } }
    variables["PATH"] = variables["PATH"] ?? "/usr/bin:/bin"
    var pid: pid_t = 0
    let code = withStrings(command) { arguments in
      withStrings(variables.map { "\($0)=\($1)" }) { posix_spawnp(&pid, command[0], &actions, &attributes, arguments, $0) }
    }
    guard code == 0 else { throw SystemError("posix_spawn \(command[0])", code: code) }
    return pid
  }

  /// The strings as C wants them, a null pointer behind the last.
  private static func withStrings<R>(_ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> R) -> R {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies + [nil])
  }
}
