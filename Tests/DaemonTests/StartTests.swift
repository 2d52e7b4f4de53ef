import Glibc
import Testing
import ZinxTestKit

extension Daemons {
  @Suite("A start that fails")
  struct StartTests {
    private func expect(_ run: Run, status: Int32, what: String, advice: String) {
      #expect(run.status == status)
      #expect(run.output.isEmpty)
      #expect(run.errors.dropLast().contains { $0.contains("error: ") && $0.contains(what) }, "\(run.errors)")
      #expect(run.errors.last?.contains(advice) == true, "\(run.errors)")
      #expect(!run.errors.contains { $0.contains("listens on") })
    }

    @Test("because the port is taken is status 69")
    func portInUse() async throws {
      let taken = try FakeServer()
      let notify = try NotifySocket()
      let run = try await run(
        files: ["zinx.json": #"{"Host": "127.0.0.1", "TcpPort": \#(taken.port)}"#],
        environment: ["NOTIFY_SOCKET": notify.address])
      expect(
        run, status: EX_UNAVAILABLE, what: "cannot listen on 127.0.0.1:\(taken.port): bind: Address already in use",
        advice: "or set another TcpPort (of a listener: its Address) in ./zinx.json.")
      #expect(!notify.pending().contains { $0.contains("READY=1") })
    }

    @Test("because the address is not this machine's is status 69")
    func addressNotAvailable() async throws {
      let run = try await run(files: ["zinx.json": #"{"Host": "192.0.2.1"}"#])
      expect(
        run, status: EX_UNAVAILABLE, what: "cannot listen on 192.0.2.1:7777: bind: Cannot assign requested address",
        advice: "Set Host (of a listener: its Address) in ./zinx.json to an address of this machine")
    }

    @Test("because the user may not have the port is status 77", .enabled(if: portsAreGuarded, "anybody may have port 80 here"))
    func notPermitted() async throws {
      // Root without the one capability is like anybody else, and can read the program wherever it was built.
      let launcher = geteuid() == 0 ? ["setpriv", "--bounding-set", "-net_bind_service"] : []
      let run = try await run(files: ["zinx.json": #"{"Host": "127.0.0.1", "TcpPort": 80}"#], launcher: launcher)
      expect(
        run, status: EX_NOPERM, what: "cannot listen on 127.0.0.1:80: bind: Permission denied",
        advice: "set a higher TcpPort (of a listener: its Address) in ./zinx.json")
    }

    @Test("because the host does not resolve is status 78")
    func hostNotFound() async throws {
      let run = try await run(files: ["zinx.json": #"{"Host": "no.such.host.invalid"}"#])
      expect(
        run, status: EX_CONFIG, what: #"cannot find the host "no.such.host.invalid": "#,
        advice: "Set Host (of a listener: its Address) in ./zinx.json")
    }

    @Test("because two plugins want one message id is status 78, and both are named")
    func duplicateRoute() async throws {
      let run = try await run(files: ["zinx.json": local(#""Plugins": {"ping": {"MsgID": 7}, "hello": {"MsgID": 7}}"#)])
      expect(
        run, status: EX_CONFIG, what: #"the plugins "ping" and "hello" both want message id 7: give one of them another"#,
        advice: "check it with zinxd --check")
    }
  }

  @Suite("A start")
  struct StartedTests {
    @Test("with too few descriptors for MaxConn says both numbers, and holds what it can")
    func fewDescriptors() async throws {
      let notify = try NotifySocket()
      let launcher = ["sh", "-c", #"ulimit -n 164; exec "$0" "$@""#]
      let environment = ["NOTIFY_SOCKET": notify.address]
      try await withDaemon(local(#""IOThreads": 2"#), environment: environment, launcher: launcher) { daemon, _ in
        let line = try await daemon.line(containing: "MaxConn is 12000, but the limit of open files leaves room for 100")
        #expect(line.contains("WARN"))
        #expect(try await daemon.line(containing: "listens on").contains("at most 100 connections"))
        #expect(try await notify.following().contains("STATUS=0/100 connections"))
      }
    }

    @Test("raises a soft limit of descriptors that is too low for MaxConn")
    func softLimit() async throws {
      let launcher = ["sh", "-c", #"ulimit -Sn 164; exec "$0" "$@""#]
      try await withDaemon(local(#""MaxConn": 200"#), launcher: launcher) { daemon, _ in
        let line = try await daemon.line(containing: "listens on")
        #expect(line.contains("at most 200 connections"))
        #expect(!daemon.errorLines.contains { $0.contains("limit of open files") })
      }
    }

    @Test("says what is listened on, the plugins, and the file")
    func lines() async throws {
      try await withDaemon(local(#""DataPack": "tlv-be", "Plugins": {"hello": {}, "echo": {}}"#)) { daemon, _ in
        let line = try await daemon.line(containing: "plugins: echo, hello; configuration: ./zinx.json")
        #expect(line.contains("NOTICE"))
        #expect(daemon.errorLines.first?.contains(", tlv-be, at most 12000 connections") == true)
      }
    }
  }
}

/// Whether ports below 1024 need a capability, as `net.ipv4.ip_unprivileged_port_start` has it.
private let portsAreGuarded: Bool = {
  guard let file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r") else { return true }
  defer { fclose(file) }
  var text = [CChar](repeating: 0, count: 32)
  guard fgets(&text, Int32(text.count), file) != nil else { return true }
  return atoi(text) > 80
}()
