import Glibc
import Testing
import ZinxTestKit

extension Daemons {
  @Suite("A reload")
  struct ReloadTests {
    private let notify: NotifySocket
    private var environment: [String: String] { ["NOTIFY_SOCKET": notify.address] }

    init() throws { notify = try NotifySocket() }

    @Test("changes what can change live, and no connection notices")
    func maxConn() async throws {
      try await withDaemon(local(#""MaxConn": 2"#), environment: environment) { daemon, folder in
        let port = try await daemon.port()
        let first = try await FakePeer.greeted(by: port)
        let second = try await FakePeer.greeted(by: port)
        try folder.write("zinx.json", local(#""MaxConn": 1"#))
        daemon.signal(SIGHUP)
        #expect(try await daemon.line(containing: "configuration reloaded: ").hasSuffix("configuration reloaded: MaxConn: 2 → 1"))
        #expect(try await notify.upTo("STATUS=2/1 connections").contains { $0.hasPrefix("RELOADING=1\n") })
        #expect(try await first.ask(0) == "ping...ping...ping")
        #expect(try await second.ask(1) == "Hello Zinx Router V0.9")
        second.close()
        try await daemon.line(containing: "peer-closed, conn num = 1")
        // The count has fallen to the limit: still nobody comes in.
        #expect(try await FakePeer.connect(to: port).readToEnd().isEmpty)
        try await daemon.line(containing: "connection refused: 1 connections are open, which is the limit")
        #expect(try await first.ask(0) == "ping...ping...ping")
      }
    }

    @Test("with a higher MaxConn lets more in")
    func higherMaxConn() async throws {
      try await withDaemon(local(#""MaxConn": 1"#)) { daemon, folder in
        let port = try await daemon.port()
        let first = try await FakePeer.greeted(by: port)
        try folder.write("zinx.json", local(#""MaxConn": 2"#))
        daemon.signal(SIGHUP)
        try await daemon.line(containing: "configuration reloaded: MaxConn: 1 → 2")
        let second = try await FakePeer.greeted(by: port)
        #expect(try await first.ask(0) == "ping...ping...ping")
        #expect(try await second.ask(0) == "ping...ping...ping")
      }
    }

    @Test func `changes settings of plugins that take them while they run, and names the others`() async throws {
      let plugins = { (timeout: Double, id: Int) in
        local(#""Plugins": {"greeting": {}, "ping": {"MsgID": \#(id)}, "heartbeat": {"Timeout": \#(timeout)}}"#)
      }
      try await withDaemon(plugins(3600, 0)) { daemon, folder in
        let peer = try await FakePeer.greeted(by: try await daemon.port())
        try folder.write("zinx.json", plugins(2, 9))
        daemon.signal(SIGHUP)
        let line = try await daemon.line(containing: "configuration reloaded: ")
        #expect(line.hasSuffix(#"configuration reloaded: Plugins.heartbeat: {"Timeout": 3600.0} → {"Timeout": 2.0}"#))
        #expect(try await daemon.line(containing: "takes effect at the next restart: ").contains(#""ping": {"MsgID": 9}"#))
        #expect(try await peer.readToEnd().isEmpty)
        try await daemon.line(containing: "heartbeat-lost")
      }
    }

    @Test func `gives a listener other plugins, and refuses those that do not run`() async throws {
      let listeners = { (plugins: String, on: String) in
        #"{"Plugins": {\#(on)}, "Listeners": [{"Name": "zinx", "Address": "127.0.0.1:0", "Plugins": [\#(plugins)]}]}"#
      }
      let on = #""ping": {}, "hello": {"MsgID": 0}"#
      try await withDaemon(listeners(#""ping""#, on)) { daemon, folder in
        let started = try await daemon.line(containing: "listens on 127.0.0.1:")
        #expect(started.contains(", ltv-le, plugins ping, at most"))
        let port = try await daemon.port()
        let before = try await FakePeer.connect(to: port)
        #expect(try await before.ask(0) == "ping...ping...ping")
        try folder.write("zinx.json", listeners(#""hello""#, on))
        daemon.signal(SIGHUP)
        try await daemon.line(containing: #"configuration reloaded: Listeners: "zinx" Plugins: ["ping"] → ["hello"]"#)
        #expect(try await FakePeer.connect(to: port).ask(0) == "Hello Zinx Router V0.9")
        #expect(try await before.ask(0) == "ping...ping...ping")
        try folder.write("zinx.json", listeners(#""echo""#, on + #", "echo": {}"#))
        daemon.signal(SIGHUP)
        try await daemon.line(containing: #"error: the listener "zinx" has the plugin "echo", which is not running"#)
        try await daemon.line(containing: "reload refused")
      }
    }

    @Test("changes the level of the log")
    func logLevel() async throws {
      try await withDaemon { daemon, folder in
        let port = try await daemon.port()
        try await FakePeer.greeted(by: port).close()
        try await daemon.line(containing: "conn num = 0")
        try folder.write("zinx.json", local(#""LogLevel": "debug""#))
        daemon.signal(SIGHUP)
        try await daemon.line(containing: "configuration reloaded")
        #expect(!daemon.errorLines.contains { $0.contains("OnConnStop") })
        try await FakePeer.greeted(by: port).close()
        #expect(try await daemon.line(containing: "OnConnStop").contains("connID=1"))
      }
    }

    @Test("of a time-out closes a connection that is late by the new one, and the log says why")
    func frameTimeout() async throws {
      try await withDaemon { daemon, folder in
        let port = try await daemon.port()
        let peer = try await FakePeer.greeted(by: port)
        try await peer.write([4, 0, 0])
        #expect(try await FakePeer.greeted(by: port).ask(0) == "ping...ping...ping")
        try folder.write("zinx.json", local(#""FrameTimeout": 0.1, "MaxMsgRate": 1000, "VanishedTimeout": 60"#))
        daemon.signal(SIGHUP)
        let line = try await daemon.line(containing: "configuration reloaded: ")
        #expect(line.hasSuffix("FrameTimeout: 30 → 0.1, VanishedTimeout: 120 → 60, MaxMsgRate: 0 → 1000"))
        #expect(try await peer.readToEnd().isEmpty)
        peer.close()
        #expect(try await daemon.line(containing: "connection ended: header-timeout").contains("closeReason=header-timeout"))
      }
    }

    @Test("of the same file says that nothing changed")
    func nothing() async throws {
      try await withDaemon { daemon, _ in
        _ = try await daemon.port()
        daemon.signal(SIGHUP)
        try await daemon.line(containing: "configuration reloaded: nothing changed")
      }
    }

    @Test(
      "of a file with a mistake changes nothing, and log and status say why",
      arguments: [
        (#"{"MaxConn": 1,"#, "./zinx.json:1:15: error: "),
        (local(#""MaxConn": 1, "LogLevel": "loud""#), "./zinx.json:1:63: error: LogLevel is \"loud\""),
        (local(#""MaxConn": 1, "Plugins": {"ping": {"MsgID": -1}}"#), "./zinx.json:1:81: error: Plugins.ping.MsgID is -1"),
      ])
    func broken(_ text: String, _ problem: String) async throws {
      try await withDaemon(environment: environment) { daemon, folder in
        let port = try await daemon.port()
        let peer = try await FakePeer.greeted(by: port)
        try folder.write("zinx.json", text)
        daemon.signal(SIGHUP)
        #expect(try await daemon.line(containing: problem).contains("ERROR"))
        try await daemon.line(containing: "reload refused, the running configuration stays in force")
        let status = try await notify.upTo("reload refused").last ?? ""
        #expect(status.hasPrefix("READY=1\nSTATUS=1/12000 connections; reload refused: \(problem)"), "\(status)")
        #expect(try await peer.ask(0) == "ping...ping...ping")
        _ = try await FakePeer.greeted(by: port)

        try folder.write("zinx.json", local(#""MaxConn": 9"#))
        daemon.signal(SIGHUP)
        try await daemon.line(containing: "configuration reloaded: MaxConn: 12000 → 9")
        let healed = try await notify.upTo("/9 connections").last ?? ""
        #expect(!healed.contains("refused"))
      }
    }

    @Test("of a file that is gone changes nothing")
    func gone() async throws {
      try await withDaemon(environment: environment) { daemon, folder in
        _ = try await daemon.port()
        remove("\(folder.path)/zinx.json")
        daemon.signal(SIGHUP)
        try await daemon.line(containing: "reload refused, the running configuration stays in force")
      }
    }

    @Test("is about the file that the daemon was started with, wherever else one would be found by now")
    func sameFile() async throws {
      let folder = try TestFolder()
      try folder.write("named.json", local(#""Deny": ["10.0.0.0/8"]"#))
      try folder.write("conf/zinx.json", local())
      let variables = ["ZINX_CONFIG_FILE_PATH": "named.json"]
      let daemon = try DaemonProcess([DaemonProcess.path("zinxd")], environment: variables, in: folder.path)
      _ = try await daemon.port()
      remove("\(folder.path)/named.json")
      daemon.signal(SIGHUP)
      try await daemon.line(containing: "named.json: no such file")
      try await daemon.line(containing: "reload refused, the running configuration stays in force")
      #expect(!daemon.errorLines.contains { $0.contains("Deny") })
      try folder.write("zinx.json", local(#""MaxConn": 7"#))
      try folder.write("named.json", local(#""Deny": ["10.0.0.0/9"]"#))
      daemon.signal(SIGHUP)
      try await daemon.line(containing: #"configuration reloaded: Deny: ["10.0.0.0/8"] → ["10.0.0.0/9"]"#)
      try await daemon.kill()
    }

    @Test("of a folder that was replaced says that it sees the old one, and is refused")
    func replacedFolder() async throws {
      let folder = try TestFolder()
      try folder.write("a/zinx.json", local())
      try folder.write("b/zinx.json", local(#""MaxConn": 7"#))
      let daemon = try DaemonProcess([DaemonProcess.path("zinxd")], in: folder.path + "/a")
      _ = try await daemon.port()
      try #require(rename("\(folder.path)/a", "\(folder.path)/c") == 0 && rename("\(folder.path)/b", "\(folder.path)/a") == 0)
      daemon.signal(SIGHUP)
      try await daemon.line(containing: "error: ./zinx.json: the working directory, \(folder.path)/a at the start, was moved")
      try await daemon.line(containing: "Restart it to read the new one.")
      try await daemon.line(containing: "reload refused")
      try await daemon.kill()
      try #require(rename("\(folder.path)/a", "\(folder.path)/b") == 0 && rename("\(folder.path)/c", "\(folder.path)/a") == 0)
    }

    @Test("of a mounted file whose name another one took, as sed -i does, is refused", .enabled(if: Mounts.isPossible))
    func replacedFile() async throws {
      let folder = try TestFolder()
      try folder.write("host.json", local())
      try folder.write("box/zinx.json", "{}")
      let launcher = Mounts.launcher("mount --bind host.json box/zinx.json")
      let command = launcher + [DaemonProcess.path("zinxd"), "--config", "box/zinx.json"]
      let daemon = try DaemonProcess(command, in: folder.path)
      try await daemon.line(containing: "box/zinx.json: warning: the file is a mount of its own")
      _ = try await daemon.port()
      try folder.write("host.json", local(#""MaxConn": 7"#))
      daemon.signal(SIGHUP)
      try await daemon.line(
        containing: "error: box/zinx.json: the file is a mount of its own, and what was mounted has been moved")
      try await daemon.line(containing: "reload refused")
      try await daemon.kill()
    }

    @Test("of a mounted folder that was replaced is refused, and one within it is taken", .enabled(if: Mounts.isPossible))
    func replacedMount() async throws {
      let folder = try TestFolder()
      try folder.write("host/zinx.json", local())
      try folder.write("box/zinx.json", "{}")
      let launcher = Mounts.launcher("mount --bind host box")
      let command = launcher + [DaemonProcess.path("zinxd"), "--config", "box/zinx.json"]
      let daemon = try DaemonProcess(command, in: folder.path)
      _ = try await daemon.port()
      try folder.write("host/zinx.json", local(#""MaxConn": 7"#))
      daemon.signal(SIGHUP)
      try await daemon.line(containing: "configuration reloaded: MaxConn: 12000 → 7")
      try #require(rename("\(folder.path)/host", "\(folder.path)/host.old") == 0)
      daemon.signal(SIGHUP)
      try await daemon.line(containing: "/box is a mount of its own, and what was mounted has been moved or replaced")
      try await daemon.line(containing: "reload refused")
      try await daemon.kill()
      try #require(rename("\(folder.path)/host.old", "\(folder.path)/host") == 0)
    }

    @Test("names what takes a restart, and changes the rest")
    func needsRestart() async throws {
      try await withDaemon { daemon, folder in
        let port = try await daemon.port()
        try folder.write("zinx.json", #"{"Host": "127.0.0.1", "TcpPort": 0, "WorkerPoolSize": 4, "MaxConn": 5, "Plugins": {}}"#)
        daemon.signal(SIGHUP)
        try await daemon.line(containing: "configuration reloaded: MaxConn: 12000 → 5")
        let line = try await daemon.line(containing: "takes effect at the next restart: ")
        #expect(line.contains("WARN"))
        #expect(line.contains(": WorkerPoolSize: 10 → 4, Plugins: "))
        #expect(try await FakePeer.greeted(by: port).ask(0) == "ping...ping...ping")
      }
    }
  }
}
