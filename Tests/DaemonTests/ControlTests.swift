import Glibc
import NIOCore
import Synchronization
import Testing
import Zinx
import ZinxControl
import ZinxIO
import ZinxTestKit
import ZinxWire

@testable import ZinxDaemon

extension Daemons {
  /// The control socket of a daemon, and `zinxctl` at the other end.
  @Suite("The control socket")
  struct ControlTests {
    /// A daemon with a runtime directory, which is the test's folder.
    private func withControl(
      _ configuration: String = local(), _ body: (DaemonProcess, Control) async throws -> Void
    ) async throws {
      let folder = try TestFolder()
      try folder.write("zinx.json", configuration)
      let daemon = try DaemonProcess(
        [DaemonProcess.path("zinxd")], environment: ["RUNTIME_DIRECTORY": folder.path], in: folder.path)
      do { try await body(daemon, Control(folder: folder)) } catch {
        try await daemon.kill()
        throw error
      }
      daemon.signal(SIGTERM)
      #expect(try await daemon.exit().status == 0)
      #expect(access(folder.path + "/control.sock", F_OK) != 0, "the file goes with the daemon")
    }

    private func eventually(_ condition: () async throws -> Bool) async throws {
      try await until { (try? await condition()) == true }
    }

    /// The way to a daemon.
    struct Control {
      let folder: TestFolder
      var path: String { folder.path + "/control.sock" }

      /// Runs `zinxctl` to its end.
      func run(_ arguments: String...) async throws -> Run {
        let tool = try DaemonProcess([DaemonProcess.path("zinxctl")] + arguments + ["--socket", path], in: folder.path)
        let status = try await tool.exit().status
        return Run(status: status, output: tool.outputLines, errors: tool.errorLines)
      }

      /// Its JSON.
      func json(_ arguments: String...) async throws -> JSON {
        let tool = try DaemonProcess([DaemonProcess.path("zinxctl")] + arguments + ["--socket", path, "--json"], in: folder.path)
        #expect(try await tool.exit().status == 0, "\(tool.errorLines)")
        return try JSON(parsing: tool.outputLines.joined().utf8)
      }
    }

    @Test("says the same of a drain as health and metrics over HTTP do")
    func readiness() async throws {
      try await withControl(local(#""MetricsAddress": "127.0.0.1:0""#)) { daemon, control in
        let port = try await daemon.metricsPort()
        #expect(try await Answer.get("/readyz", at: port).status == 200)
        #expect(try await control.run("drain").status == 0)
        let ready = try await Answer.get("/readyz", at: port)
        #expect(ready.status == 503 && ready.body == "draining\n")
        #expect(try await Answer.get("/metrics", at: port)["zinx_draining"] == "1")
        #expect(try await control.run("resume").status == 0)
        #expect(try await Answer.get("/readyz", at: port).status == 200)
        #expect(try await Answer.get("/metrics", at: port)["zinx_draining"] == "0")
      }
    }

    @Test("tells the status, the connections and one of them")
    func look() async throws {
      try await withControl(local(#""MaxConn": 5, "Name": "game""#)) { daemon, control in
        let port = try await daemon.port()
        let (first, second) = (try await FakePeer.greeted(by: port), try await FakePeer.greeted(by: port))
        #expect(try await first.ask(0) == "ping...ping...ping")
        let status = try await control.json("status")
        #expect(status["version"]?.string == Daemon.version)
        #expect(status["connections"] == 2 && status["maxConn"] == 5 && status["draining"] == false)
        #expect(try #require(status["uptimeSeconds"]?.number) > 0)
        for row in CounterRow.all { #expect(status[row.key]?.integer != nil, "\(row.key)") }
        let connections = try #require(try await control.json("connections").array)
        #expect(connections.map { $0["id"] } == [0, 1])
        for field in Field.allCases { #expect(connections[0][field.rawValue] != nil, "a filter speaks of what JSON has") }
        #expect(connections.map { $0["received"] } == [1, 0])
        #expect(connections.map { $0["sent"] } == [2, 1])
        #expect(connections.allSatisfy { $0["queued"] == 0 && $0["listener"] == "zinx" && $0["user"] == .some(.null) })
        #expect(connections.allSatisfy { $0["peer"]?.string?.hasPrefix("127.0.0.1:") == true })
        #expect(connections.allSatisfy { ($0["ageSeconds"]?.number ?? -1) >= ($0["idleSeconds"]?.number ?? .infinity) })
        #expect(try await control.json("connections", "--where", "received > 0", "--sort", "-id").array?.map { $0["id"] } == [0])
        #expect(try await control.json("connections", "--sort", "-id", "--limit", "1").array?.map { $0["id"] } == [1])
        #expect(try await control.json("show", "1")["dataPack"]?.string == "ltv-le")
        let missing = try await control.run("show", "7")
        #expect(missing.status == 1 && missing.errors == ["zinxctl: there is no connection 7"])
        let table = try await control.run("connections")
        #expect(table.output.count == 3 && table.output[0].hasPrefix("ID  PEER"))
        second.close()
      }
    }

    @Test("closes connections, by id and by filter, tells how many, and keeps what there was of them")
    func close() async throws {
      try await withControl { daemon, control in
        let port = try await daemon.port()
        var peers: [FakePeer] = []
        for _ in 0..<4 { peers.append(try await FakePeer.greeted(by: port)) }
        #expect(try await control.run("close", "1").output == ["closed 1"])
        #expect(try await peers[1].readToEnd().isEmpty)
        peers[1].close()
        try await daemon.line(containing: "connection ended: killed (uid \(geteuid()), pid ")
        try await daemon.line(containing: "control: closes 1 connection (uid \(geteuid()), pid ")
        let mixed = try await control.run("close", "1", "2")
        #expect(mixed.status == 1 && mixed.output == ["closed 1"] && mixed.errors == ["zinxctl: there is no connection 1"])
        peers[2].close()
        try await eventually { try await control.json("connections").array?.count == 2 }
        #expect(try await control.run("close", "--where", "peer in 127.0.0.0/8", "--now", "--yes").output == ["closed 2"])
        for peer in peers { peer.close() }
        try await eventually { try await control.json("closed").array?.count == 4 }
        let closed = try #require(try await control.json("closed").array)
        let words = closed.map { "\($0["reason"]?.string ?? "") \($0["text"]?.string?.prefix { $0 != "," } ?? "")" }
        #expect(words == Array(repeating: "killed uid \(geteuid())", count: 4))
        #expect(try await control.json("closed", "--limit", "1").array?.count == 1)
      }
    }

    @Test func `shows the messages of a connection while they pass, and ends after as many as were asked for`() async throws {
      try await withControl { daemon, control in
        let peer = try await FakePeer.greeted(by: try await daemon.port())
        let arguments = ["trace", "0", "--count", "4", "--for", "50s", "--socket", control.path]
        let tool = try DaemonProcess([DaemonProcess.path("zinxctl")] + arguments, in: control.folder.path)
        try await tool.outputLine(containing: "traces 1 connection")
        try await daemon.line(containing: "control: traces the messages of 1 connection (uid \(geteuid()), pid ")
        #expect(try await control.run("trace", "0").errors == ["zinxctl: connection 0 is traced by somebody else already"])
        for _ in 0..<2 { #expect(try await peer.ask(0) == "ping...ping...ping") }
        #expect(try await tool.exit().status == 0)
        let lines = tool.outputLines
        #expect(lines.filter { $0.hasSuffix("  0  in   id 0, 0 bytes") }.count == 2)
        #expect(lines.filter { $0.hasSuffix("  0  out  id 0, 18 bytes") }.count == 2)
        #expect(lines.contains("  0000  70 69 6e 67 2e 2e 2e 70 69 6e 67 2e 2e 2e 70 69  ping...ping...pi"))
        #expect(lines.last == "-- as many as were asked for: 4 messages shown")
        peer.close()
      }
    }

    @Test func `shows the messages of those who come later and are meant, in JSON, and ends with a connection`() async throws {
      try await withControl { daemon, control in
        let port = try await daemon.port()
        let arguments = ["trace", "--where", "peer in 127.0.0.0/8", "--count", "1", "--json", "--socket", control.path]
        let tool = try DaemonProcess([DaemonProcess.path("zinxctl")] + arguments, in: control.folder.path)
        try await daemon.line(containing: "control: traces the messages of 0 connections")
        let peer = try await FakePeer.greeted(by: port)
        // It is followed within a second.
        while !tool.outputLines.contains(where: { $0.contains("\"msgId\":0") }) { _ = try await peer.ask(0) }
        #expect(try await tool.exit().status == 0)
        #expect(tool.outputLines.last == #"{"end":{"reason":"count","messages":1,"leftOut":0}}"#)
        let named = try DaemonProcess(
          [DaemonProcess.path("zinxctl"), "trace", "0", "--socket", control.path], in: control.folder.path)
        try await named.outputLine(containing: "traces 1 connection")
        peer.close()
        #expect(try await named.exit().status == 0)
        #expect(named.outputLines.last == "-- nobody is left: 0 messages shown")
        #expect(try await control.run("trace", "0").errors == ["zinxctl: there is no connection 0"])
      }
    }

    @Test func `a trace of a daemon that drains shows the rest, and ends with the last connection`() async throws {
      try await withControl { daemon, control in
        let peer = try await FakePeer.greeted(by: try await daemon.port())
        let arguments = ["trace", "--where", "id >= 0", "--for", "50s", "--socket", control.path]
        let tool = try DaemonProcess([DaemonProcess.path("zinxctl")] + arguments, in: control.folder.path)
        try await tool.outputLine(containing: "traces 1 connection")
        daemon.signal(SIGTERM)
        peer.close()
        #expect(try await tool.exit().status == 0, "\(tool.errorLines)")
        #expect(tool.outputLines.last == "-- nobody is left: 0 messages shown")
      }
    }

    @Test func `sends to some, to all and to a user, and says who got it`() async throws {
      try await withControl { daemon, control in
        let port = try await daemon.port()
        let peers = [try await FakePeer.greeted(by: port), try await FakePeer.greeted(by: port)]
        #expect(try await control.run("send", "1", "--msg-id", "90", "--data", "for one").output == ["sent to 1"])
        #expect(String(buffer: try await peers[1].receive().data) == "for one")
        try control.folder.write("message", "for all")
        #expect(
          try await control.run("broadcast", "--msg-id", "90", "--file", control.folder.path + "/message").output == ["sent to 2"]
        )
        for peer in peers { #expect(String(buffer: try await peer.receive().data) == "for all") }
        try await daemon.line(
          containing: "control: sends message 90 of 7 bytes to all 2 connections (uid \(geteuid()), pid ")
        let nobody = try await control.run("broadcast", "--msg-id", "90", "--user", "u42")
        #expect(nobody.status == 1 && nobody.errors == ["zinxctl: there is no user \"u42\""])
        let mixed = try await control.run("send", "0", "7", "--msg-id", "90", "--hex", "41")
        #expect(mixed.status == 1 && mixed.output == ["sent to 1"] && mixed.errors == ["zinxctl: there is no connection 7"])
        for peer in peers { peer.close() }
      }
    }

    @Test("stops accepting and goes on, and says so in the status")
    func drain() async throws {
      try await withControl { daemon, control in
        let port = try await daemon.port()
        let first = try await FakePeer.greeted(by: port)
        #expect(try await control.run("drain").output == ["accepts nobody any more; 1 connection stays"])
        #expect(try await control.json("health")["ready"] == false)
        #expect(try await control.json("status")["draining"] == true)
        let second = try await FakePeer.connect(to: port)
        #expect(try await first.ask(0) == "ping...ping...ping")
        #expect(try await control.json("status")["connections"] == 1)
        #expect(try await control.run("resume").output == ["accepts again"])
        _ = try await second.receive()
        #expect(try await second.ask(0) == "ping...ping...ping")
        #expect(try await control.run("drain", "--close").output == ["accepts nobody any more; 2 connections are ending"])
        #expect(try await first.readToEnd().isEmpty)
        #expect(try await second.readToEnd().isEmpty)
        #expect(try await control.json("status")["draining"] == true)
      }
    }

    @Test("sets options until the next reload, and says which")
    func set() async throws {
      try await withControl(local(#""MaxConn": 9"#)) { daemon, control in
        _ = try await daemon.port()
        #expect(try await control.run("set", "maxconn", "1").output == ["MaxConn: 9 → 1, until the next reload"])
        #expect(try await control.run("log", "debug").output == ["LogLevel: \"info\" → \"debug\", until the next reload"])
        let status = try await control.json("status")
        #expect(status["maxConn"] == 1 && status["set"] == ["MaxConn": 1, "LogLevel": "debug"] && status["logLevel"] == "debug")
        for (key, value, words) in [
          ("MaxConn", "0", "MaxConn is 0, but must be a whole number from 1 to 1000000"),
          ("IOThreads", "2", "IOThreads cannot be set while the daemon runs: it takes a restart"),
          ("Listeners", "[]", "Listeners cannot be set while the daemon runs: change it in the file, then reload"),
          ("Bogus", "2", "there is no key \"Bogus\""),
        ] {
          let run = try await control.run("set", key, value)
          #expect(run.status == 1 && run.errors == ["zinxctl: \(words)"])
        }
        try control.folder.write("zinx.json", local(#""MaxConn": 9, "IOThreads": 3"#))
        let reload = try await control.run("reload")
        #expect(reload.status == 0)
        #expect(reload.output.contains("took effect: MaxConn: 1 → 9"))
        #expect(reload.output.last?.hasPrefix("needs a restart: IOThreads: ") == true)
        #expect(try await control.json("status")["set"] == [:])
        try control.folder.write("zinx.json", "{")
        let bad = try await control.run("reload")
        #expect(bad.status == 1 && bad.errors.first?.contains("zinx.json:1:2: error: ") == true)
      }
    }

    @Test("shows plugins, routes, users and groups, and its health")
    func lists() async throws {
      try await withControl { daemon, control in
        _ = try await daemon.port()
        let plugins = try #require(try await control.json("plugins").array)
        #expect(plugins.compactMap { $0["name"]?.string }.sorted() == ["greeting", "heartbeat", "hello", "ping"])
        let routes = try #require(try await control.json("routes").array)
        #expect(
          routes.contains([
            "ids": "0", "plugin": "ping", "messages": 0, "failures": 0, "sampledOneIn": 67, "handler": nil, "queue": nil,
          ]))
        #expect(try await control.json("users") == [])
        #expect(try await control.json("groups") == [])
        #expect(try await control.json("health") == ["healthy": true, "ready": true, "problems": []])
      }
    }

    @Test func `drains over a time, and cuts at the deadline those who are left`() async throws {
      let plugins = #""WorkerPoolSize": 2, "Plugins": {"echo": {"Delay": 60}}"#
      try await withControl(local(plugins)) { daemon, control in
        let port = try await daemon.port()
        var peers: [FakePeer] = []
        for _ in 0..<5 { peers.append(try await FakePeer.connect(to: port)) }
        // One whose handler waits for a minute.
        try await peers[0].send(3, "x")
        try await eventually { try await control.json("connections", "--where", "received == 1").array?.count == 1 }
        async let drain = control.run("drain", "--spread", "200ms", "--deadline", "2s")
        for peer in peers.dropFirst() { #expect(try await peer.readToEnd().isEmpty) }
        for peer in peers.dropFirst() { peer.close() }
        let run = try await drain
        #expect(run.status == 0 && run.output.first == "accepts nobody any more; 5 connections are ending", "\(run.errors)")
        #expect(run.output.last?.hasPrefix("every connection has ended, after ") == true)
        try await daemon.line(containing: "ends all connections over 0.2 s, those that are left after 2.0 s at once (uid")
        try await daemon.line(containing: "drain: its deadline has passed, 1 connection cut (uid")
        let closed = try #require(try await control.json("closed").array)
        #expect(closed.map { $0["reason"]?.string ?? "" }.sorted() == ["draining", "draining", "draining", "draining", "killed"])
        #expect(try await control.json("status")["draining"] == true)
        peers[0].close()
      }
    }

    @Test func `logs more of one connection or of some peers, until the next reload`() async throws {
      try await withControl { daemon, control in
        let port = try await daemon.port()
        #expect(try await control.run("log", "warning").status == 0)
        let peers = [try await FakePeer.greeted(by: port), try await FakePeer.greeted(by: port)]
        let log = try await control.run("log", "info", "--connection", "1")
        #expect(log.output == ["logs what is about connection 1 from info on, until the next reload"], "\(log.errors)")
        #expect(try await control.json("status")["logFocus"] == [["subject": "connection 1", "level": "info"]])
        peers[0].close()
        try await eventually { try await control.json("connections").array?.count == 1 }
        peers[1].close()
        try await daemon.line(containing: "connection ended: peer-closed, conn num = 0 closeReason=peer-closed connID=1")
        #expect(!daemon.errorLines.contains { $0.contains("connID=0") })
        #expect(try await control.run("log", "info", "--peers", "127.0.0.0/8").status == 0)
        let last = try await FakePeer.greeted(by: port)
        try await daemon.line(containing: "connection added, conn num = 1 connID=2")
        #expect(try await control.run("log", "info", "--connection", "99").errors == ["zinxctl: there is no connection 99"])
        #expect(try await control.run("reload").status == 0)
        #expect(try await control.json("status")["logFocus"] == [])
        last.close()
      }
    }

    @Test("answers while MaxConn is reached and every worker is blocked")
    func busy() async throws {
      let plugins = #""MaxConn": 1, "WorkerPoolSize": 1, "Plugins": {"echo": {"Blocking": true, "Delay": 3}}"#
      try await withControl(local(plugins)) { daemon, control in
        let peer = try await FakePeer.connect(to: try await daemon.port())
        try await peer.send(3, "x")
        try await eventually { try await control.json("connections").array?.first?["received"] == 1 }
        let connection = try #require(try await control.json("connections").array?.first)
        #expect(connection["busy"] == true && connection["sent"] == 0)
        #expect(try await control.json("status")["busyWorkers"] == 1)
        #expect(try await control.run("close", "0").output == ["closed 1"])
        try await eventually { try await control.json("show", "0")["ending"] == true }
        #expect(try await control.run("close", "--where", "id == 0").output == ["closed 0, 1 was ending already"])
        #expect(try await control.json("close", "0") == ["closed": 0, "ending": 1, "missing": []])
        #expect(try await control.run("close", "0", "--now").output == ["closed 1"])
      }
    }

    @Test("answers while the daemon ends, but reloads no more")
    func ending() async throws {
      let plugins = #""WorkerPoolSize": 1, "Plugins": {"echo": {"Delay": 30}}"#
      try await withControl(local(plugins)) { daemon, control in
        let peer = try await FakePeer.connect(to: try await daemon.port())
        try await peer.send(3, "x")
        try await eventually { try await control.json("connections").array?.first?["received"] == 1 }
        daemon.signal(SIGTERM)
        try await daemon.line(containing: "draining: 1 connections left")
        let status = try await control.json("status")
        #expect(status["ending"] == true && status["draining"] == true && status["connections"] == 1)
        let reload = try await run("--reload", environment: ["RUNTIME_DIRECTORY": control.folder.path])
        #expect(reload.status == 69 && reload.errors.last?.contains("start zinxd again when it has ended") == true)
        for command in ["reload", "resume"] { #expect(try await control.run(command).status == 1) }
        #expect(try await control.run("set", "DrainTimeout", "25").output.first?.hasSuffix(", until the daemon ends") == true)
        #expect(try await control.run("close", "0", "--now").output == ["closed 1"])
      }
    }

    @Test("is nowhere outside systemd, and where the file says")
    func place() async throws {
      let path = "/tmp/zinxd-control-\(getpid()).sock"
      try await withDaemon(local("\"ControlSocket\": \"\(path)\"")) { daemon, folder in
        _ = try await daemon.port()
        let tool = try DaemonProcess([DaemonProcess.path("zinxctl"), "status", "--socket", path], in: folder.path)
        #expect(try await tool.exit().status == 0)
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let reload = try DaemonProcess([DaemonProcess.path("zinxd"), "--reload"], in: folder.path)
        #expect(try await reload.exit().status == 0, "\(reload.errorLines)")
        // Another one leaves it to the first.
        try await withDaemon(local("\"ControlSocket\": \"\(path)\"")) { other, _ in
          try await other.line(containing: "no control socket at \(path), ")
          _ = try await other.port()
        }
        daemon.signal(SIGTERM)
        _ = try await daemon.exit()
        #expect(access(path, F_OK) != 0)
      }
    }

    @Test("takes the place of a file that is no socket from nobody")
    func file() async throws {
      let folder = try TestFolder()
      try folder.write("precious", "x")
      try await withDaemon(local("\"ControlSocket\": \"\(folder.path)/precious\"")) { daemon, _ in
        try await daemon.line(containing: "no control socket at ")
        _ = try await daemon.port()
        #expect(access("\(folder.path)/precious", F_OK) == 0)
      }
    }

    @Test("that is not there is said, with status 69, and wrong usage with 64")
    func usage() async throws {
      let control = Control(folder: try TestFolder())
      let nobody = try await control.run("status")
      #expect(nobody.status == 69)
      #expect(nobody.errors.first == "zinxctl: \(control.path): connect: No such file or directory")
      for arguments in [
        ["fly"], ["close"], ["close", "x"], ["connections", "--where", "idle >"], ["connections", "--sort", "size"],
      ] {
        let tool = try DaemonProcess(
          [DaemonProcess.path("zinxctl")] + arguments + ["--socket", control.path], in: control.folder.path)
        #expect(try await tool.exit().status == 64, "\(arguments)")
      }
      for (arguments, words) in [
        (["bogus"], "there is no command bogus"), (["show", "-1"], "The value '-1' is invalid for '<id>'"),
        (["connections", "--limit", "-1"], "--limit must not be negative"),
        (["trace", "7", "--count", "-1"], "--count has to be at least 1"),
        (["trace", "7", "--bytes", "-1"], "--bytes has to be 0 to 4096"),
        (["show", "18446744073709551615"], "The value '18446744073709551615' is invalid for '<id>'"),
      ] {
        // The options of all commands in front of it.
        let tool = try DaemonProcess(
          [DaemonProcess.path("zinxctl"), "--socket", control.path] + arguments, in: control.folder.path)
        #expect(try await tool.exit().status == 64)
        #expect(tool.errorLines.first?.hasPrefix("Error: \(words)") == true, "\(tool.errorLines)")
      }
    }

    @Test("of somebody else's making has no say over a terminal")
    func escapes() async throws {
      let folder = try TestFolder()
      let evil = "\u{1B}]0;owned\u{7}\u{1B}[2J"
      let socket = try ControlSocket(
        [ControlListener(path: folder.path + "/control.sock")],
        greeting: ControlProtocol.hello(program: evil, version: evil).description
      ) { request, _, write in
        // As raw as a daemon that means no good can write it: escapes of JSON.
        let error = ControlError(.refused, "\(evil)\nline two \(evil)")
        if request.name != "set" {
          _ = write(ControlProtocol.answer(request.id, error).description)
        } else {
          _ = write(ControlProtocol.answer(request.id, ["key": .string(evil), "before": .string(evil), "value": 1]).description)
        }
      }
      defer { socket.close() }
      let control = Control(folder: folder)
      for arguments in [["status"], ["connections"], ["reload"], ["close", "1"], ["drain"]] {
        let tool = try DaemonProcess(
          [DaemonProcess.path("zinxctl")] + arguments + ["--socket", control.path], in: folder.path)
        #expect(try await tool.exit().status == 1)
        let shown = "\\u{1B}]0;owned\\u{07}\\u{1B}[2J"
        #expect(tool.errorLines == ["zinxctl: \(shown)", "zinxctl: line two \(shown)"])
      }
      let set = try await control.run("set", "MaxConn", "1")
      #expect(set.status == 0 && !set.output.joined().contains("\u{1B}"), "\(set.output)")
      let reload = try await run("--reload", environment: ["RUNTIME_DIRECTORY": folder.path])
      #expect(reload.status == 78 && !reload.errors.joined().contains("\u{1B}"), "\(reload.errors)")
    }
  }
}

/// The socket itself, in this process.
@Suite("A control socket", .timeLimit(.minutes(1)))
struct ControlSocketTests {
  private let folder: TestFolder
  private var path: String { folder.path + "/control.sock" }

  init() throws { folder = try TestFolder() }

  private func open(_ answer: @escaping ControlSocket.Answer) throws -> ControlSocket {
    try ControlSocket(
      [ControlListener(path: path)], greeting: ControlProtocol.hello(program: "test", version: "1").description, answer: answer)
  }

  private func open() throws -> ControlSocket {
    try open { request, _, write in _ = write(ControlProtocol.answer(request.id, ["command": .string(request.name)]).description)
    }
  }

  /// Reads a line.
  private func line(_ stream: borrowing UnixStream) -> String? {
    var bytes: [UInt8] = []
    while bytes.last != 0x0A {
      guard case .bytes(let more) = stream.read(upTo: 1, within: .seconds(20)) else { return nil }
      bytes += more
    }
    return String(decoding: bytes.dropLast(), as: UTF8.self)
  }

  @Test("greets, and answers one request after the other")
  func conversation() throws {
    let socket = try open()
    defer { socket.close() }
    let client = try ControlClient(path)
    #expect(client.program == "test")
    for _ in 0..<3 { #expect(try client.ask(.status) == ["command": "status"]) }
  }

  @Test func `tells who is asked for long when nobody takes the answer any more`() throws {
    let (begun, gone) = (Parker(), Parker())
    let socket = try open { _, _, write in
      begun.unpark()
      let pause = Parker()
      while write(nil) { _ = pause.park(atMost: .milliseconds(1)) }
      gone.unpark()
    }
    defer { socket.close() }
    do {
      let client = try UnixStream(connectingTo: path)
      let isSent = client.write(#"{"id":1,"command":"status"}"#, within: .seconds(10))
      #expect(isSent)
      begun.park()
    }
    gone.park()
  }

  @Test func `waits at its end for answers that are on their way`() throws {
    let (begun, isClosing) = (Parker(), Parker())
    let socket = try open { request, _, write in
      begun.unpark()
      isClosing.park()
      _ = write(ControlProtocol.answer(request.id, ["last": true]).description)
    }
    let path = path
    let answer = Mutex<JSON?>(nil)
    let thread = try Thread { answer.withLock { $0 = try? ControlClient(path).ask(.status) } }
    begun.park()
    isClosing.unpark()
    socket.close()
    thread.join()
    #expect(answer.withLock { $0 } == ["last": true])
  }

  @Test("tells who asks")
  func peer() throws {
    let socket = try open { request, peer, write in
      _ = write(ControlProtocol.answer(request.id, ["peer": .string("\(peer)")]).description)
    }
    defer { socket.close() }
    #expect(try ControlClient(path).ask(.status) == ["peer": .string("uid \(geteuid()), pid \(getpid())")])
  }

  @Test("serves others while one does not end a request, one does not read and one waits for its answer")
  func stubborn() throws {
    let gate = BlockingGate()
    let socket = try open { request, _, write in
      if request.command == .reload { gate.pass() }
      let answer = ControlProtocol.answer(request.id, .object([.init("x", .string(String(repeating: "x", count: 60_000)))]))
        .description
      _ = write(answer)
    }
    defer { socket.close() }
    let half = try UnixStream(connectingTo: path)
    let deaf = try UnixStream(connectingTo: path)
    let waiting = try UnixStream(connectingTo: path)
    let isHalf = half.write("{", within: .seconds(1))
    for _ in 0..<100 { _ = deaf.write(#"{"command":"status"}"#, within: .seconds(1)) }
    let isAsked = waiting.write(#"{"command":"reload"}"#, within: .seconds(1))
    #expect(isHalf && isAsked)
    #expect(try ControlClient(path).ask(.status)["x"] != nil)
    gate.open()
    let (greeting, answer) = (line(waiting), line(waiting))
    #expect(greeting?.hasPrefix("{\"control\":1") == true && answer?.hasPrefix("{\"id\":null,\"result\":") == true)
  }

  @Test("lets in who comes although idle clients have all of the places: the longest idle is told, and makes room")
  func limit() async throws {
    let socket = try open()
    defer { socket.close() }
    let place = path
    let first = try UnixStream(connectingTo: place)
    let greeting = line(first)
    #expect(greeting?.hasPrefix("{\"control\":1,") == true)
    var clients: [ControlClient] = []
    let limit = geteuid() == 0 ? ControlPlaces.limitOfRoot : ControlPlaces.limit
    for _ in 1..<limit { clients.append(try ControlClient(place)) }
    // Not before it has been idle for a second.
    try await until { (try? ControlClient(place)) != nil }
    let (farewell, end) = (line(first), line(first))
    #expect(farewell?.hasPrefix(#"{"id":null,"error":{"code":"busy","#) == true)
    #expect(end == nil)
    for client in clients { #expect(try client.ask(.health) == ["command": "health"]) }
  }

  @Test("leaves his place to who waits for an answer")
  func served() async throws {
    let gate = BlockingGate()
    let socket = try open { request, _, write in
      gate.pass()
      _ = write(ControlProtocol.answer(request.id, [:]).description)
    }
    defer { socket.close() }
    let place = path
    let limit = geteuid() == 0 ? ControlPlaces.limitOfRoot : ControlPlaces.limit
    // Lines by hand: a client of ours would hold a thread of the test until its answer comes.
    let first = try UnixStream(connectingTo: place)
    var others: [ControlClient] = []
    for _ in 1..<limit { others.append(try ControlClient(place)) }
    let isAsked = first.write(#"{"command":"status"}"#, within: .seconds(5))
    #expect(isAsked)
    // The one that is served stays, however long the others have been idle.
    for _ in 1..<limit { try await until { (try? ControlClient(place)) != nil } }
    gate.open()
    let (greeting, answer) = (line(first), line(first))
    #expect(greeting?.hasPrefix("{\"control\":1,") == true && answer == #"{"id":null,"result":{}}"#)
    withExtendedLifetime(others) {}
  }

  @Test("ends a line that is too long, with a word about it")
  func tooLong() throws {
    let socket = try open()
    defer { socket.close() }
    let stream = try UnixStream(connectingTo: path)
    let greeting = line(stream)
    _ = stream.write(String(repeating: " ", count: 70_000), within: .seconds(5))
    let (fault, end) = (line(stream), line(stream))
    #expect(greeting?.hasPrefix("{\"control\":1,") == true)
    #expect(fault?.contains("\"bad-line\"") == true)
    #expect(end == nil)
  }

  @Test("is no more when it is closed, as often as that is")
  func closed() throws {
    let socket = try open()
    socket.close()
    socket.close()
    #expect(access(path, F_OK) != 0)
    #expect(throws: ControlClient.Failure.unreachable(UnixError("connect", code: ENOENT))) { try ControlClient(path) }
  }

  @Test("replaces a socket to which nobody listens, and leaves one to which somebody does")
  func stale() throws {
    // As a process leaves it that was killed.
    Glibc.close(try ControlListener(path: path).descriptor)
    #expect(access(path, F_OK) == 0)
    let socket = try open()
    defer { socket.close() }
    #expect(try ControlClient(path).ask(.users) == ["command": "users"])
    #expect(throws: (any Error).self) { try open() }
    #expect(try ControlClient(path).ask(.users) == ["command": "users"])
  }
}
