import Glibc
import Testing
import ZinxPlugins
import ZinxTestKit

@testable import Zinx
@testable import ZinxDaemon

extension Daemons {
  @Suite("zinxd --import")
  struct ImportTests {
    @Test("prints a file that --check takes, and on standard error what became of each key")
    func translates() async throws {
      let file = #"{"Port": "9100", "IP": "127.0.0.1", "mysql": {"password": "secret"}, "LogDir": "./log", "//": "note"}"#
      let run = try await run("--import", "conf/zinx.json", files: ["conf/zinx.json": file])
      #expect(run.status == 0)
      #expect(run.output.contains(#"  "TcpPort": 9100,"#))
      #expect(run.output.contains(#"  "DataPack": "tlv-be","#))
      #expect(run.errors.contains(#"conf/zinx.json:1:2: renamed: "Port" is TcpPort"#))
      #expect(run.errors.contains { $0.hasPrefix("conf/zinx.json:1:70: dropped: \"LogDir\"") })
      #expect(run.errors.contains { $0.hasPrefix("conf/zinx.json: choose: DataPack") })
      #expect(run.errors.last?.hasSuffix("check it: zinxd --check --config FILE") == true)
      #expect(!run.errors.joined().contains("secret"))
      let text = run.output.joined(separator: "\n")
      let check = try await DaemonTests.run("--check", "--config", "new.json", files: ["new.json": text])
      #expect(check.status == 0)
      #expect(check.output == ["new.json: OK"])
    }

    @Test(arguments: [
      #"{"Port":"8999","IP":"127.0.0.1","MaxPackageSize":1024,"WorkPoolSize":8,"MaxTaskLen":512}"#,
      #"{"mysql":{"username":"u"},"redis":{"host":"h"},"TcpPort":8999}"#, #"{"//":"note","TCPPort":8999,"Mode":"kcp"}"#,
      #"{"WsPort":9000,"WsPath":"/ws"}"#, #"{"Host":"127.0.0.1","TcpPort":"8999","MaxConn":"3","Name":5}"#,
      #"{"HeartbeatMax":1,"LogDir":"./log","TcpPort":8999}"#,
    ])
    func `of a file as there are many for Go Zinx makes one of which --check has nothing to say`(file: String) async throws {
      let run = try await run("--import", "conf/zinx.json", files: ["conf/zinx.json": file])
      #expect(run.status == 0)
      let check = try await DaemonTests.run(
        "--check", "--config", "new.json", files: ["new.json": run.output.joined(separator: "\n")])
      #expect(check.status == 0 && check.output == ["new.json: OK"] && check.errors.isEmpty)
    }

    @Test("of a file that cannot be read is status 66, of one that is no JSON 78, and the last line says what to do")
    func refuses() async throws {
      let missing = try await run("--import", "conf/zinx.json")
      #expect(missing.status == EX_NOINPUT)
      #expect(missing.errors.first == "error: conf/zinx.json: no such file")
      let folder = try await run("--import", ".")
      #expect(folder.status == EX_NOINPUT)
      for text in ["", "Host: x", "[1]", #"{"a": 1,}"#] {
        let run = try await run("--import", "a.json", files: ["a.json": text])
        #expect(run.status == EX_CONFIG)
        #expect(run.output.isEmpty)
        #expect(run.errors.count == 2)
        #expect(run.errors[0].hasPrefix("a.json:1:"))
        #expect(run.errors[1].hasPrefix("Correct the JSON there"))
      }
    }

    @Test("needs nothing but the file: no configuration of its own, and none that is right")
    func alone() async throws {
      let run = try await run("--import", "a.json", files: ["a.json": "{}", "zinx.json": "oops"])
      #expect(run.status == 0)
      #expect(run.output.first == "{")
    }
  }

  @Suite("A daemon whose peers are slow")
  struct SlowPeerTests {
    @Test("sends to the others what they are to get, and says how much it skipped")
    func skips() async throws {
      let configuration = local(#""MaxMsgChanLen": 1, "Plugins": {"broadcast": {}}"#)
      try await withDaemon(configuration) { daemon, _ in
        let port = try await daemon.port()
        let slow = try RawPeer(port: port, receiveBuffer: 4096)
        try await daemon.line(containing: "conn num = 1")
        let sender = try RawPeer(port: port)
        try await daemon.line(containing: "conn num = 2")
        // More than the kernel takes for a peer that does not read.
        let message = RawFrame(4, [UInt8](repeating: 7, count: 4096))
        for _ in 0..<4000 { #expect(try await sender.exchange(message) == message) }
        let line = try await daemon.line(containing: "skipped ")
        #expect(line.contains("WARN") && line.contains("messages to peers whose queue was full"))
        _ = slow
      }
    }
  }
}

@Suite("The file of an import")
struct ImportCommandTests {
  @Test("may have settings that a plugin refuses: then a note says so")
  func plugins() throws {
    let folder = try TestFolder()
    try folder.write("a.json", #"{"Plugins": {"echo": {"Delay": "soon"}}, "DataPack": "ltv-le"}"#)
    let command = ImportCommand("\(folder.path)/a.json", PluginRegistry(bundledPlugins), name: "zinxd")
    #expect(command.status == .success)
    #expect(command.lines.contains { $0.contains(": choose: Plugins.echo.Delay is \"soon\", but must be") })
  }
}
