import Glibc
import Testing
import Zinx
import ZinxControl
import ZinxIO
import ZinxTestKit

@testable import ZinxDaemon

/// One request of HTTP and its answer.
struct Answer {
  let status: Int
  let head: String
  let body: String

  /// - Parameter text: what is sent, whatever it is.
  static func to(_ text: String, at port: UInt16) async throws -> Answer {
    let peer = try await FakePeer.connect(to: port)
    defer { peer.close() }
    try await peer.write(Array(text.utf8))
    return try parse(try await peer.readToEnd())
  }

  static func get(_ path: String, at port: UInt16, _ headers: String = "Host: localhost\r\n") async throws -> Answer {
    let host = headers.lowercased().contains("host:") ? "" : "Host: localhost\r\n"
    return try await to("GET \(path) HTTP/1.1\r\n\(host)\(headers)\r\n", at: port)
  }

  /// What came is no answer. No requirement: who asks until there is one would record it each time.
  struct Unreadable: Error { let text: String }

  static func parse(_ bytes: [UInt8]) throws -> Answer {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.firstRange(of: "\r\n\r\n"),
      let status = text.prefix(20).split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { throw Unreadable(text: String(text.prefix(100))) }
    return Answer(status: status, head: String(text[..<end.lowerBound]), body: String(text[end.upperBound...]))
  }

  /// The value of a sample.
  subscript(sample: String) -> String? {
    body.split(separator: "\n").first { $0.hasPrefix(sample + " ") }.map { String($0.dropFirst(sample.count + 1)) }
  }
}

extension DaemonProcess {
  /// The port at which metrics are asked for.
  func metricsPort() async throws -> UInt16 {
    let line = try await line(containing: "metrics at http://")
    return try #require(line.firstMatch(of: /:(\d+)\/metrics/).flatMap { UInt16($0.1) })
  }
}

extension Daemons {
  @Suite("Metrics over HTTP")
  struct MetricsTests {
    private static let address = #""MetricsAddress": "127.0.0.1:0""#

    /// A sample, as it is told at this moment.
    private static func metric(_ sample: String, at port: UInt16) async -> String? {
      (try? await Answer.get("/metrics", at: port))?[sample]
    }

    @Test("are off by default")
    func off() async throws {
      try await withDaemon { daemon, _ in
        _ = try await daemon.port()
        _ = try await daemon.line(containing: "plugins:")
        daemon.signal(SIGTERM)
        #expect(try await daemon.exit().status == 0)
        #expect(!daemon.errorLines.contains { $0.contains("metrics") })
      }
    }

    @Test("count what peers have sent and got, and have what the table has and nothing else")
    func counted() async throws {
      try await withDaemon(local(Self.address)) { daemon, _ in
        let port = try await daemon.metricsPort()
        let peer = try await FakePeer.greeted(by: try await daemon.port())
        for _ in 0..<25 { #expect(try await peer.ask(0) == "ping...ping...ping") }
        try await until { await Self.metric("zinx_loop_lag_seconds{loop=\"0\"}", at: port) != nil }
        let answer = try await Answer.get("/metrics", at: port)
        #expect(answer.status == 200)
        #expect(answer.head.contains("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8"))
        #expect(!answer.head.lowercased().contains("access-control"))
        #expect(answer["zinx_connections"] == "1")
        #expect(answer["zinx_messages_sent_total"] == "26")
        try await until { await Self.metric("zinx_messages_received_total", at: port) == "25" }
        let names = answer.body.matches(of: /TYPE (\w+)/).map { String($0.1) }
        // The last two are of samples, of which there is none yet.
        let conditional = [
          "zinx_listener_max_connections", "zinx_tls_certificate_expiry_timestamp_seconds", "zinx_route_handler_seconds",
          "zinx_route_queue_seconds",
        ]
        let table = (MetricDefinition.ofDaemon + MetricDefinition.ofServer).map(\.name).filter { !conditional.contains($0) }
        #expect(names == table)
        peer.close()
        try await until { await Self.metric(#"zinx_connections_ended_total{reason="peer-closed"}"#, at: port) == "1" }
      }
    }

    @Test func `come with the connections that have the most, and with the names of nobody`() async throws {
      try await withDaemon(local(Self.address)) { daemon, _ in
        let (port, door) = (try await daemon.port(), try await daemon.metricsPort())
        let peers = [try await FakePeer.greeted(by: port), try await FakePeer.greeted(by: port)]
        for _ in 0..<5 { _ = try await peers[1].ask(0) }
        try await until { await Self.metric("zinx_messages_received_total", at: door) == "5" }
        let answer = try await Answer.get("/connections", at: door)
        #expect(answer.status == 200 && answer.head.contains("Content-Type: application/json"))
        let list = try #require(try JSON(parsing: Array(answer.body.utf8)).array)
        #expect(list.map { $0["received"]?.integer } == [5, 0])
        let keys = [
          "id", "peer", "listener", "ageSeconds", "idleSeconds", "received", "sent", "receivedBytes", "sentBytes", "queuedBytes",
        ]
        #expect(list.first?.members?.map(\.key) == keys)
        // Every name that the page shows is one of them.
        let asked = Set(StatusPageScript.text.matches(of: /\bc\.(\w+)/).map { String($0.1) })
        #expect(asked.count > 5 && Set(keys).isSuperset(of: asked))
        let orders = StatusPage.html.matches(of: /<option value="(\w+)"/).map { String($0.1) }
        #expect(orders.count > 5 && Set(keys).isSuperset(of: orders))
        let back = try JSON(parsing: Array(try await Answer.get("/connections?sort=received", at: door).body.utf8))
        #expect(back.array?.map { $0["id"] } == list.reversed().map { $0["id"] })
        peers.forEach { $0.close() }
      }
    }

    @Test("tell of a drain while it lasts: it lives, and is not ready")
    func drain() async throws {
      let text = local(Self.address + #", "Plugins": {"greeting": {}, "echo": {"Delay": 30}}"#)
      try await withDaemon(text) { daemon, _ in
        let port = try await daemon.metricsPort()
        #expect(try await Answer.get("/readyz", at: port).status == 200)
        let peer = try await FakePeer.greeted(by: try await daemon.port())
        try await peer.send(3, "held")
        try await until { await Self.metric("zinx_received_bytes_total", at: port) == "12" }
        daemon.signal(SIGTERM)
        _ = try await daemon.line(containing: "draining: 1 connections left")
        let ready = try await Answer.get("/readyz", at: port)
        #expect(ready.status == 503 && ready.body == "draining\n")
        #expect(try await Answer.get("/healthz", at: port).status == 200)
        #expect(try await Answer.get("/metrics", at: port)["zinx_draining"] == "1")
        #expect(try await daemon.exit(repeating: SIGTERM).status == 0)
        peer.close()
      }
    }

    @Test("count reloads, and a change of their address waits for a restart")
    func reload() async throws {
      try await withDaemon(local(Self.address)) { daemon, folder in
        let port = try await daemon.metricsPort()
        try folder.write("zinx.json", local(#""MetricsAddress": "127.0.0.1:1", "MaxConn": 7"#))
        daemon.signal(SIGHUP)
        let line = try await daemon.line(containing: "takes effect at the next restart")
        #expect(line.contains(#"MetricsAddress: "127.0.0.1:0" → "127.0.0.1:1""#))
        try folder.write("zinx.json", "{")
        daemon.signal(SIGHUP)
        _ = try await daemon.line(containing: "reload refused, the running")
        let answer = try await Answer.get("/metrics", at: port)
        #expect(answer[#"zinx_reloads_total{result="applied"}"#] == "1")
        #expect(answer[#"zinx_reloads_total{result="refused"}"#] == "1")
        #expect(answer["zinx_last_reload_successful"] == "0")
        #expect(answer["zinx_max_connections"] == "7")
      }
    }

    @Test("are there on a UNIX socket, whose file goes with the daemon")
    func localSocket() async throws {
      let folder = try TestFolder()
      let path = "\(folder.path)/metrics.sock"
      try await withDaemon(local(#""MetricsAddress": "unix:\#(path)""#)) { daemon, _ in
        _ = try await daemon.line(containing: "metrics at unix:\(path)")
        let peer = try RawPeer.local(path)
        try await peer.send(Array("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        #expect(try Answer.parse(try await peer.receiveAll()).body == "ok\n")
        peer.close()
        let other = try RawPeer.local(path)
        try await other.send(Array("GET /connections HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        #expect(try Answer.parse(try await other.receiveAll()).status == 403)
        other.close()
        daemon.signal(SIGTERM)
        #expect(try await daemon.exit().status == 0)
        #expect(access(path, F_OK) != 0)
      }
    }

    @Test("are there by a name of the abstract name space, which the log has")
    func abstract() async throws {
      let name = "zinxd-metrics-\(getpid())"
      try await withDaemon(local(#""MetricsAddress": "unix:@\#(name)""#)) { daemon, _ in
        let line = try await daemon.line(containing: "metrics at ")
        #expect(line.hasSuffix("metrics at unix:@\(name)"))
      }
    }

    @Test("keep a daemon from starting whose address for them is taken, and --check names one that a listener has")
    func taken() async throws {
      let listener = try PassedSocket(isNonBlocking: true)
      let text = local(#""MetricsAddress": "127.0.0.1:\#(listener.port)""#)
      let start = try await run(files: ["zinx.json": text])
      #expect(start.status == EX_UNAVAILABLE)
      #expect(
        start.errors.contains {
          $0.contains("metrics: cannot listen on 127.0.0.1:\(listener.port): bind: Address already in use")
        })
      #expect(start.errors.last?.contains("MetricsAddress") == true)
      let check = try await run(
        "--check", files: ["zinx.json": #"{"Host": "127.0.0.1", "TcpPort": 7777, "MetricsAddress": "127.0.0.1:7777"}"#])
      #expect(check.status == EX_CONFIG)
      #expect(check.errors.contains { $0.contains(":1:58: error: MetricsAddress is where the listener \"zinx\" listens") })
    }

    @Test func `and the control socket and listeners each have a place of their own, however it is spelled`() async throws {
      let folder = try TestFolder()
      let path = "\(folder.path)/../\(folder.path.split(separator: "/").last ?? "")/one.sock"
      for (text, words) in [
        (
          #"{"Host": "127.0.0.1", "TcpPort": 0, "MetricsAddress": "unix:\#(folder.path)/one.sock", "ControlSocket": "\#(path)"}"#,
          "error: ControlSocket is where MetricsAddress is: take another path"
        ),
        (
          #"{"Listeners": [{"Name": "local", "Address": "unix:\#(folder.path)/one.sock"}], "ControlSocket": "\#(path)"}"#,
          #"error: ControlSocket is where the listener "local" listens: take another path"#
        ),
        (
          #"{"Listeners": [{"Name": "a", "Address": "127.1:7777"}, {"Name": "b", "Address": "127.0.0.1:7777"}]}"#,
          "127.0.0.1:7777"
        ),
      ] {
        let check = try await run("--check", files: ["zinx.json": text])
        #expect(check.status == EX_CONFIG && check.errors.contains { $0.contains(words) }, "\(check.errors)")
      }
      let listener = #"{"Listeners": [{"Name": "local", "Address": "unix:\#(folder.path)/control.sock"}]}"#
      let check = try await run("--check", files: ["zinx.json": listener], environment: ["RUNTIME_DIRECTORY": folder.path])
      #expect(
        check.status == EX_CONFIG && check.errors.contains { $0.contains("is where the control socket is") }, "\(check.errors)")
    }

    @Test("are given by systemd, as a socket with their name")
    func passed() async throws {
      let listener = try PassedSocket(isNonBlocking: true)
      let launcher = ["sh", "-c", #"export LISTEN_PID=$$; exec "$0" "$@""#]
      let environment = ["LISTEN_FDS": "1", "LISTEN_FDNAMES": "metrics"]
      try await withDaemon(environment: environment, launcher: launcher, passing: listener.number) { daemon, _ in
        #expect(try await daemon.metricsPort() == listener.port)
        let port = try await daemon.port()
        #expect(port != listener.port)
        #expect(try await Answer.get("/readyz", at: listener.port).status == 200)
      }
    }
  }
}
