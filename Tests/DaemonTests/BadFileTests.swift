import Glibc
import Testing
import ZinxTestKit

extension Daemons {
  @Suite("A bad configuration file")
  struct BadFileTests {
    @Test("never starts a server, and every problem is shown with line and column in one run")
    func everyProblem() async throws {
      // The port is taken: whoever tried to open it would say so.
      let taken = try FakeServer()
      let text = """
        {
          "TcpPrt": 1,
          "MaxConn": "many",
          "MaxPacketSize": 0,
          "Host": "127.0.0.1",
          "host": "x",
          "TcpPort": \(taken.port),
          "LogDir": "/x",
          "Plugins": {"pong": {}, "echo": {"Delay": -1, "Bogus": 2}, "ping": 3}
        }
        """
      let run = try await run(files: ["zinx.json": text])
      #expect(run.status == EX_CONFIG)
      #expect(run.output.isEmpty)
      let expected = [
        #"8:3: warning: LogDir has no effect"#,
        #"2:3: error: unknown key "TcpPrt"; did you mean "TcpPort"?"#,
        #"3:14: error: MaxConn is "many", but must be a whole number from 1 to"#,
        #"4:20: error: MaxPacketSize is 0, but must be a whole number from 1 to"#,
        #"6:3: error: duplicate key "host"; the first, "Host", is at line 5, column 3"#,
        #"9:15: error: unknown plugin "pong"; this zinxd has broadcast, echo, greeting, heartbeat, hello, nats, ping"#,
        #"9:45: error: Plugins.echo.Delay is -1, but must be a number of seconds"#,
        #"9:49: error: unknown setting "Bogus" in Plugins.echo"#,
        #"9:70: error: Plugins.ping is a number, but must be an object"#,
      ]
      #expect(run.errors.count == expected.count + 1)
      for (line, expected) in zip(run.errors, expected) { #expect(line.hasPrefix("./zinx.json:\(expected)")) }
      #expect(run.errors.last == "Correct the configuration, then check it with zinxd --check.")
    }

    @Test(
      "that is no JSON is refused with the place where it stops being some",
      arguments: [
        ("", "1:1"), ("{", "1:2"), ("{\n  \"MaxConn\": 1\n  \"Host\": \"x\"\n}", "3:3"), ("[1]", "1:1"), ("{}}", "1:3"),
      ])
    func syntax(_ text: String, _ place: String) async throws {
      let run = try await run(files: ["zinx.json": text])
      #expect(run.status == EX_CONFIG)
      #expect(run.errors.first?.hasPrefix("./zinx.json:\(place): error: ") == true, "\(run.errors)")
      #expect(run.errors.count == 2)
    }

    @Test("that cannot be read is refused with the reason")
    func unreadable() async throws {
      let run = try await run("--config", "conf", files: ["conf/other.json": ""])
      #expect(run.status == EX_CONFIG)
      #expect(run.errors.first == "error: conf: is a directory, but must be a file")
    }
  }

  @Suite("A configuration file of Go Zinx")
  struct GoFileTests {
    @Test("starts a server as it is")
    func tutorial() async throws {
      let text = #"{"Name": "zinx v-0.9 demoApp", "Host": "127.0.0.1", "TCPPort": 0, "maxconn": 3, "WorkerPoolSize": 10}"#
      try await withDaemon(text) { daemon, _ in
        let line = try await daemon.line(containing: "listens on 127.0.0.1:")
        #expect(line.contains("zinx v-0.9 demoApp"))
        #expect(line.contains("at most 3 connections"))
        #expect(!daemon.errorLines.contains { $0.contains("WARN") })
      }
    }

    @Test("of a later version starts one too, with a warning for each key that has no meaning here")
    func later() async throws {
      let keys = ["LogDir", "LogFile", "LogIsolationLevel", "KcpPort", "HeartbeatMax", "WorkerMode", "RouterSlicesMode"]
      let members = keys.map { #""\#($0)": 1"# }.joined(separator: ", ")
      try await withDaemon(local(members)) { daemon, _ in
        _ = try await daemon.port()
        for key in keys { #expect(daemon.errorLines.filter { $0.contains("\(key) has no effect in zinxd; ") }.count == 1) }
        #expect(daemon.errorLines.filter { $0.contains("WARN") }.count == keys.count)
      }
    }
  }
}
