import CLinux
import Glibc
import Systemd
import Testing
import Zinx
import ZinxIO
import ZinxTestKit

@testable import ZinxDaemon

extension Daemons {
  @Suite("Several listeners")
  struct ListenersTests {
    /// Plugins that send nothing unasked.
    private static let plugins = #""Plugins": {"ping": {}}"#

    private static func listeners(_ elements: String...) -> String {
      "{\"Listeners\": [\(elements.joined(separator: ", "))], \(plugins)}"
    }

    /// Where a listener listens, from the line that says so.
    private static func port(_ name: String, in line: String) throws -> UInt16 {
      let match = try line.firstMatch(of: Regex("\\b\(name): \\S+:(\\d+),").wordBoundaryKind(.simple))
      return try #require(match?.output[1].substring.flatMap { UInt16($0) }, "no \(name) in: \(line)")
    }

    private static func answers(_ peer: RawPeer) async throws -> Bool {
      try await peer.exchange(RawFrame(0, "")).text == "ping...ping...ping"
    }

    @Test("are all said at the start, with their names, addresses and headers, and named in each line about a connection")
    func start() async throws {
      let name = "zinxd-test-\(getpid())"
      let text = Self.listeners(
        #"{"Name": "public", "Address": "127.0.0.1:0"}"#, #"{"Name": "local", "Address": "unix:@\#(name)", "DataPack": "ltv-le"}"#
      )
      try await withDaemon(text) { daemon, _ in
        let line = try await daemon.line(containing: "listens on")
        #expect(line.contains("; local: unix:@\(name), ltv-le, at most 12000 connections"))
        let peer = try RawPeer(port: try Self.port("public", in: line))
        #expect(try await Self.answers(peer))
        try await daemon.line(containing: "connection added, conn num = 1 connID=0 listener=public peer=127.0.0.1:")
        let local = try RawPeer.local("@\(name)")
        #expect(try await Self.answers(local))
        try await daemon.line(
          containing:
            "connection added, conn num = 2 connID=1 listener=local peer=unix:pid:\(getpid()),uid:\(getuid()),gid:\(getgid())")
      }
    }

    @Test("come and go with a reload, whose line says which; a connection of one that goes stays")
    func reload() async throws {
      let a = #"{"Name": "a", "Address": "127.0.0.1:0"}"#
      try await withDaemon(Self.listeners(a)) { daemon, folder in
        let port = try Self.port("a", in: try await daemon.line(containing: "listens on"))
        let peer = try RawPeer(port: port)
        #expect(try await Self.answers(peer))
        let path = "\(folder.path)/b.sock"
        let b = #"{"Name": "b", "Address": "unix:\#(path)", "Mode": "0600"}"#
        try folder.write("zinx.json", Self.listeners(a, b))
        daemon.signal(SIGHUP)
        try await daemon.line(containing: #"configuration reloaded: Listeners: "b" added at unix:\#(path)"#)
        try await daemon.line(containing: "now listens on a: 127.0.0.1:\(port), ltv-le; b: unix:\(path), ltv-le")
        let local = try RawPeer.local(path)
        #expect(try await Self.answers(local))
        try folder.write("zinx.json", Self.listeners(b))
        daemon.signal(SIGHUP)
        try await daemon.line(containing: #"configuration reloaded: Listeners: "a" removed"#)
        #expect(throws: RawPeer.Failure.system(call: "connect", code: ECONNREFUSED)) { try RawPeer(port: port) }
        #expect(try await Self.answers(peer))
        daemon.signal(SIGTERM)
        for peer in [peer, local] { peer.close() }
        #expect(try await daemon.exit().status == 0)
        #expect(access(path, F_OK) != 0)
      }
    }

    @Test("of which one cannot be opened leave a reload without effect, and it says why")
    func refused() async throws {
      let taken = try FakeServer()
      let a = #"{"Name": "a", "Address": "127.0.0.1:0"}"#
      try await withDaemon(Self.listeners(a)) { daemon, folder in
        let port = try Self.port("a", in: try await daemon.line(containing: "listens on"))
        try folder.write("zinx.json", Self.listeners(#"{"Name": "b", "Address": "127.0.0.1:\#(taken.port)"}"#))
        daemon.signal(SIGHUP)
        try await daemon.line(containing: "cannot listen on 127.0.0.1:\(taken.port): bind: Address already in use")
        try await daemon.line(containing: "reload refused, the running configuration stays in force")
        #expect(try await Self.answers(RawPeer(port: port)))
      }
    }

    @Test("with a port of the short form that changes are moved by a reload too")
    func shortForm() async throws {
      try await withDaemon(local(Self.plugins)) { daemon, folder in
        let port = try await daemon.port()
        try folder.write("zinx.json", #"{"Host": "0.0.0.0", "TcpPort": \#(port), \#(Self.plugins)}"#)
        daemon.signal(SIGHUP)
        try await daemon.line(containing: #"configuration reloaded: Host: "127.0.0.1" → "0.0.0.0", TcpPort: 0 → \#(port)"#)
        #expect(try await Self.answers(RawPeer(port: port)))
      }
    }

    @Test(
      "of which one is held by another daemon keep this one from starting, which says whose process that is",
      arguments: [true, false])
    func held(isAbstract: Bool) async throws {
      let place = try TestFolder()
      let path = isAbstract ? "@zinxd-held-\(getpid())" : "\(place.path)/held.sock"
      let text = Self.listeners(#"{"Name": "a", "Address": "unix:\#(path)"}"#)
      try await withDaemon(text) { daemon, _ in
        try await daemon.line(containing: "listens on")
        let other = try await run(files: ["zinx.json": text])
        #expect(other.status == EX_UNAVAILABLE)
        #expect(
          other.errors.contains {
            $0.contains(
              "cannot listen on unix:\(path): another process listens there (pid:\(daemon.pid),uid:\(getuid()),gid:\(getgid()))")
          })
        // The one that was refused has taken nothing from the one that is there, and left nothing in its way.
        #expect(try await Self.answers(RawPeer.local(path)))
      }
    }

    @Test("take over what a daemon has left that was killed")
    func killed() async throws {
      let folder = try TestFolder()
      let path = "\(folder.path)/a.sock"
      let text = Self.listeners(#"{"Name": "a", "Address": "unix:\#(path)"}"#)
      defer { unlink(path) }
      for _ in 0..<2 {
        try await withDaemon(text) { daemon, _ in
          try await daemon.line(containing: "listens on")
          #expect(try await Self.answers(RawPeer.local(path)))
          try await daemon.kill()
        }
        #expect(access(path, F_OK) == 0)
      }
    }

    @Test("get the sockets that systemd passes by their names, and open the others; --check opens none")
    func passed() async throws {
      let listener = try LocalListener()
      defer { close(listener.number) }
      let launcher = ["sh", "-c", #"export LISTEN_PID=$$; exec "$0" "$@""#]
      let text = Self.listeners(#"{"Name": "own", "Address": "127.0.0.1:0"}"#, #"{"Name": "given", "Address": "192.0.2.1:1"}"#)
      let names = ["LISTEN_FDS": "1", "LISTEN_FDNAMES": "given"]
      try await withDaemon(text, environment: names, launcher: launcher, passing: listener.number) { daemon, _ in
        let line = try await daemon.line(containing: "listens on")
        #expect(try await Self.answers(RawPeer(port: try Self.port("own", in: line))))
        #expect(try await Self.answers(listener.connect()))
        #expect(try await daemon.line(containing: "connID=1").contains("listener=given"))
      }
      let unknown = ["LISTEN_FDS": "1", "LISTEN_FDNAMES": "zinxd.socket"]
      try await withDaemon(text, environment: unknown, launcher: launcher, passing: listener.number) { daemon, _ in
        let exit = try await daemon.exit()
        #expect(exit.status == EX_CONFIG)
        #expect(daemon.errorLines.contains { $0.contains(#"passed under the name "zinxd.socket", which no listener bears"#) })
        #expect(daemon.errorLines.last?.hasSuffix("own, given.") == true)
      }
      let check = try await run("--check", files: ["zinx.json": text])
      #expect(check.status == 0)
      #expect(check.output.last?.hasSuffix("zinx.json: OK") == true)
    }
  }
}

@Suite("Sockets that systemd passed")
struct PassedSocketsTests {
  private static func assign(_ sockets: [String], _ endpoints: [String]) throws -> [String: [Int32]] {
    let sockets = sockets.enumerated().map { ListenSocket(descriptor: Int32(3 + $0), name: $1) }
    let assigned = try PassedSockets.assign(sockets, to: endpoints.map { Endpoint(name: $0, .abstract(name: $0)) })
    #expect(!assigned.contains { !$0.isPassed })
    return Dictionary(uniqueKeysWithValues: assigned.map { ($0.name, $0.sockets) })
  }

  @Test("are the one listener's, whatever they are called")
  func one() throws {
    #expect(try Self.assign(["zinxd.socket", "x"], ["zinx"]) == ["zinx": [3, 4]])
    #expect(try Self.assign([], ["zinx"]) == [:])
  }

  @Test("are those of the listener with their name where there are several")
  func several() throws {
    #expect(try Self.assign(["b", "a", "b"], ["a", "b", "c"]) == ["a": [4], "b": [3, 5]])
  }

  @Test("are an error where no listener has their name")
  func unclaimed() {
    #expect(throws: PassedSockets.Unclaimed(socket: "A", listeners: ["a", "b"])) { try Self.assign(["a", "A"], ["a", "b"]) }
  }
}
