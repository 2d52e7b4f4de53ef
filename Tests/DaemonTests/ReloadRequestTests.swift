import Glibc
import Testing
import ZinxControl
import ZinxTestKit

@testable import ZinxDaemon

extension Daemons {
  /// `zinxd --reload`, which `systemctl reload` runs.
  @Suite("A request to reload")
  struct ReloadRequestTests {
    private let notify: NotifySocket

    init() throws { notify = try NotifySocket() }

    /// A daemon with a runtime directory, which is the test's folder.
    private func withRuntimeDirectory(_ configuration: String, _ body: (DaemonProcess, TestFolder) async throws -> Void)
      async throws
    {
      let folder = try TestFolder()
      try folder.write("zinx.json", configuration)
      let environment = ["RUNTIME_DIRECTORY": folder.path, "NOTIFY_SOCKET": notify.address]
      let daemon = try DaemonProcess([DaemonProcess.path("zinxd")], environment: environment, in: folder.path)
      do { try await body(daemon, folder) } catch {
        try await daemon.kill()
        throw error
      }
      daemon.signal(SIGTERM)
      #expect(try await daemon.exit().status == 0)
    }

    private func request(in folder: TestFolder) async throws -> Run {
      try await run("--reload", environment: ["RUNTIME_DIRECTORY": folder.path])
    }

    @Test("ends with status 0 when the new configuration is in force")
    func good() async throws {
      try await withRuntimeDirectory(local(#""MaxConn": 2"#)) { daemon, folder in
        let port = try await daemon.port()
        let first = try await FakePeer.greeted(by: port)
        try folder.write("zinx.json", local(#""MaxConn": 1"#))
        let run = try await request(in: folder)
        #expect(run.status == 0)
        #expect(run.errors.isEmpty)
        // In force: nothing is waited for here.
        #expect(try await FakePeer.connect(to: port).readToEnd().isEmpty)
        #expect(try await first.ask(0) == "ping...ping...ping")
        #expect(try await notify.upTo("STATUS=1/1 connections").contains { $0.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") })
      }
    }

    @Test("ends with status 78 and the lines on the file when it is bad, and changes nothing")
    func bad() async throws {
      try await withRuntimeDirectory(local(#""MaxConn": 2"#)) { daemon, folder in
        let port = try await daemon.port()
        try folder.write("zinx.json", "{\n  \"MaxConn\": x\n}\n")
        let run = try await request(in: folder)
        #expect(run.status == 78)
        #expect(run.errors.first?.contains("zinx.json:2:14: error: ") == true)
        #expect(run.errors.last?.hasPrefix("The running configuration stays in force.") == true)
        #expect(try await FakePeer.greeted(by: port).ask(0) == "ping...ping...ping")
        #expect(try await notify.upTo("READY=1\nSTATUS=0/2 connections; reload refused").isEmpty == false)
      }
    }

    @Test("ends with status 69 where no daemon runs, and after one has ended")
    func nobody() async throws {
      let folder = try TestFolder()
      let run = try await request(in: folder)
      #expect(run.status == 69)
      #expect(run.errors.first == "error: \(folder.path)/control.sock: connect: No such file or directory")

      try await withRuntimeDirectory(local()) { daemon, ended in
        _ = try await daemon.port()
        daemon.signal(SIGTERM)
        _ = try await daemon.exit()
        #expect(try await request(in: ended).status == 69)
      }
    }
  }
}

@Suite("What a request to reload says when it fails")
struct ReloadFailureTests {
  private static func explain(_ failure: ControlClient.Failure) -> (ZinxDaemon.ExitStatus, [String]) {
    ReloadRequest.explain(failure, path: "/run/x", program: "game", isInJournal: false)
  }

  @Test("is what to do about it, and speaks of a missing service only where there is none")
  func words() {
    let busy = Self.explain(.refused(ControlError(.busy, "full")))
    #expect(busy.0 == .unavailable && busy.1[0] == "error: /run/x: full")
    #expect(busy.1[1] == "The running configuration stays in force. Reload again in a moment, or send SIGHUP to game.")
    let permission = Self.explain(.unreachable(UnixError("connect", code: EACCES)))
    #expect(permission.0 == .notPermitted && permission.1[1] == "Reload as root or as the user of the service.")
    #expect(Self.explain(.refused(ControlError(.notPermitted, "no"))).0 == .notPermitted)
    for code in ControlError.Code.allCases {
      let (status, lines) = Self.explain(.refused(ControlError(code, "x")))
      #expect(status != .success && lines.count == 2 - (code == .refused ? 1 : 0))
      #expect(!lines.contains { $0.contains("No running service") })
    }
    #expect(Self.explain(.unreachable(UnixError("connect", code: ENOENT))).1[1].hasPrefix("No running service was found"))
  }

  @Test("has nothing in it that a terminal obeys")
  func escapes() {
    let failures: [ControlClient.Failure] = [
      .refused(ControlError(.busy, "\u{1B}[2J")), .refused(ControlError(.refused, "a\u{1B}\nb\u{1B}")), .broken("\u{1B}"),
    ]
    for failure in failures { #expect(!Self.explain(failure).1.joined().contains("\u{1B}")) }
  }
}
