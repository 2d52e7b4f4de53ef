import Glibc
import Testing
import ZinxTestKit

/// What is asked for on a command line is written whole, or the status says that it is not.
extension Daemons {
  @Suite("Standard output")
  struct OutputTests {
    private static let questions: [[String]] = [
      ["zinxd", "--version"], ["zinxd", "--help"], ["zinxd", "--list-plugins"], ["zinxd", "--check"],
      ["zinxd", "--print-config"], ["zinxd", "--import", "zinx.json"],
      ["zinxd", "--manual", "options"], ["zinxd", "--generate-completion-script", "bash"], ["zinx-client", "--version"],
      ["zinx-client", "--help"], ["zinx-client", "help", "ping"], ["zinx-client", "--generate-completion-script", "zsh"],
      ["zinx-bench", "--version"], ["zinx-bench", "--help"],
    ]

    /// Runs the program with its output sent elsewhere by a shell.
    private func ask(_ question: [String], _ redirection: String) async throws -> Run {
      let folder = try TestFolder()
      try folder.write("zinx.json", local())
      let command = [DaemonProcess.path(question[0])] + question.dropFirst()
      let process = try DaemonProcess(["sh", "-c", "exec \"$@\" \(redirection)", "sh"] + command, in: folder.path)
      let status = try await process.exit().status
      return Run(status: status, output: process.outputLines, errors: process.errorLines)
    }

    @Test("that is full or closed is status 74 and a line that says so", arguments: questions, [">/dev/full", ">&-"])
    func fails(_ question: [String], _ redirection: String) async throws {
      let run = try await ask(question, redirection)
      #expect(run.status == EX_IOERR)
      #expect(run.errors.first?.contains("standard output: ") == true, "\(run.errors)")
    }

    @Test("whose reader has gone ends a question without a word, as it ends any filter", arguments: questions)
    func broken(_ question: [String]) async throws {
      let folder = try TestFolder()
      try folder.write("zinx.json", local())
      let command = [DaemonProcess.path(question[0])] + question.dropFirst()
      // Opening the pipe's other end as well lets the opening go through; by the time of the write it is closed.
      let script = "mkfifo pipe; exec 3<>pipe 4>pipe 3>&-; trap '' PIPE; exec \"$@\" >&4"
      let process = try DaemonProcess(["sh", "-c", script, "sh"] + command, in: folder.path)
      let exit = try await process.exit()
      remove("\(folder.path)/pipe")
      #expect(exit.signal == SIGPIPE)
      #expect(process.errorLines.isEmpty)
    }

    @Test("that is closed is no socket's number: nothing but messages reaches a peer")
    func numbers() async throws {
      let folder = try TestFolder()
      try folder.write("zinx.json", local())
      let script = "exec \"$@\" <&- >&-"
      let daemon = try DaemonProcess(["sh", "-c", script, "sh", DaemonProcess.path("zinxd")], in: folder.path)
      let port = try await daemon.port()
      #expect(try await FakePeer.greeted(by: port).ask(0) == "ping...ping...ping")
      #expect(try isDirectory("/proc/\(daemon.pid)/fd/0"))
      #expect(try isDirectory("/proc/\(daemon.pid)/fd/1"))
      try await daemon.kill()
    }

    private func isDirectory(_ path: String) throws -> Bool {
      var status = stat()
      try #require(stat(path, &status) == 0)
      return status.st_mode & S_IFMT == S_IFDIR
    }
  }

  /// As in a chroot.
  @Suite("Without /proc", .enabled(if: Mounts.isPossible))
  struct WithoutProcTests {
    private static let launcher = Mounts.launcher("mount -t tmpfs none /proc")

    @Test("the options mean what they say", arguments: ["zinxd", "zinx-client", "zinx-bench"])
    func options(_ program: String) async throws {
      let folder = try TestFolder()
      let process = try DaemonProcess(Self.launcher + [DaemonProcess.path(program), "--version"], in: folder.path)
      #expect(try await process.exit().status == 0)
      #expect(process.outputLines.count == 1)
      let wrong = try DaemonProcess(Self.launcher + [DaemonProcess.path(program), "--bogus"], in: folder.path)
      #expect(try await wrong.exit().status == EX_USAGE)
    }

    @Test("--check and --print-config look at the file that --config names, and no other")
    func file() async throws {
      let files: KeyValuePairs = ["zinx.json": "{", "other.json": local(#""MaxConn": 3"#)]
      let check = try await run("--check", "--config", "other.json", files: files, launcher: Self.launcher)
      #expect(check.output == ["other.json: OK"])
      let print = try await run("--print-config", "--config", "other.json", files: files, launcher: Self.launcher)
      #expect(print.output.contains("  \"MaxConn\": 3,"))
    }

    @Test("nothing serves, as the runtime would end it one day, and the reason is told")
    func refusal() async throws {
      let daemon = try await run("--config", "other.json", files: ["other.json": local()], launcher: Self.launcher)
      #expect(daemon.status == EX_UNAVAILABLE)
      #expect(daemon.errors.first == "error: /proc is not there, and Swift's runtime needs it")
      #expect(daemon.errors.last?.hasPrefix("Mount it") == true)
      let folder = try TestFolder()
      let client = try DaemonProcess(Self.launcher + [DaemonProcess.path("zinx-client"), "ping"], in: folder.path)
      #expect(try await client.exit().status == EX_UNAVAILABLE)
      #expect(client.errorLines.first?.contains("/proc is not there") == true)
    }
  }
}
