import CLinux
import Glibc
import Testing
import ZinxIO
import ZinxTestKit
import ZinxWire

extension Daemons {
  @Suite("A socket that systemd passes")
  struct ActivationTests {
    /// A shell in between, since only the process itself knows the id that `LISTEN_PID` must have.
    private let launcher = ["sh", "-c", #"export LISTEN_PID=$$; exec "$0" "$@""#]
    private let environment = ["LISTEN_FDS": "1", "LISTEN_FDNAMES": "zinxd.socket"]

    @Test("is served instead of Host and TcpPort, and still listens when the daemon has gone", arguments: [false, true])
    func passed(isNonBlocking: Bool) async throws {
      let listener = try PassedSocket(isNonBlocking: isNonBlocking)
      // Nobody could listen there: that they are not looked at is certain.
      let text = #"{"Host": "192.0.2.1", "TcpPort": 1}"#
      let early = try await FakePeer.connect(to: listener.port)
      try await early.send(0, "")
      try await withDaemon(text, environment: environment, launcher: launcher, passing: listener.number) { daemon, _ in
        #expect(try await daemon.port() == listener.port)
        #expect(try await early.receive().id == 2)
        #expect(try await early.receive().id == 0)
        let peer = try await FakePeer.greeted(by: listener.port)
        #expect(try await peer.ask(0) == "ping...ping...ping")
        #expect(try await early.ask(1) == "Hello Zinx Router V0.9")
        daemon.signal(SIGTERM)
        for peer in [early, peer] {
          #expect(try await peer.readToEnd().isEmpty)
          peer.close()
        }
        #expect(try await daemon.exit().status == 0)
      }
      // The next daemon finds the one who comes meanwhile.
      let late = try await FakePeer.connect(to: listener.port)
      try await late.send(0, "")
      try await withDaemon(text, environment: environment, launcher: launcher, passing: listener.number) { _, _ in
        let greeting = try await late.receive()
        #expect(greeting.id == 2)
        #expect(try await late.receive().id == 0)
      }
    }

    @Test("and that another holder shuts down is not looked at any more; who is in stays")
    func shutDown() async throws {
      let listener = try PassedSocket(isNonBlocking: true)
      let text = local(#""Plugins": {"ping": {}}"#)
      try await withDaemon(text, environment: environment, launcher: launcher, passing: listener.number) { daemon, _ in
        let peer = try RawPeer(port: listener.port)
        #expect(try await peer.exchange(RawFrame(0, "")).text == "ping...ping...ping")
        shutdown(listener.number, Int32(SHUT_RDWR))
        let line = try await daemon.line(containing: "nobody can come in at 127.0.0.1:\(listener.port) any more")
        #expect(line.contains("WARN"))
        let before = try processorTicks(of: daemon.pid)
        #expect(try await peer.isQuiet(milliseconds: 1000))
        // A loop that spins takes a hundred of them in that second.
        #expect(try processorTicks(of: daemon.pid) - before < 30)
        #expect(try await peer.exchange(RawFrame(0, "")).text == "ping...ping...ping")
        #expect(daemon.errorLines.count { $0.contains("nobody can come in") } == 1)
        daemon.signal(SIGTERM)
        peer.close()
        #expect(try await daemon.exit().status == 0)
      }
    }

    @Test("for another process is left alone")
    func anotherProcess() async throws {
      let listener = try PassedSocket(isNonBlocking: false)
      let environment = environment.merging(["LISTEN_PID": "1"]) { $1 }
      try await withDaemon(environment: environment, passing: listener.number) { daemon, _ in
        let port = try await daemon.port()
        #expect(port != listener.port)
      }
    }

    @Test("that does not listen keeps the daemon from starting, and the reason is said")
    func notListening() async throws {
      let socket = try Descriptor(socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0), from: "socket")
      try await withDaemon(environment: environment, launcher: launcher, passing: socket.number) { daemon, _ in
        let exit = try await daemon.exit()
        #expect(exit.status == EX_UNAVAILABLE)
        let text = "passed descriptor 3 (zinxd.socket) is not a listening stream socket"
        #expect(daemon.errorLines.contains { $0.contains(text) })
      }
    }
  }
}

/// What systemd opens for a socket unit: by default it blocks.
final class PassedSocket {
  private let descriptor: Descriptor
  let port: UInt16
  var number: Int32 { descriptor.number }

  init(isNonBlocking: Bool) throws {
    let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | (isNonBlocking ? SOCK_NONBLOCK.rawValue : 0)
    descriptor = try Descriptor(socket(AF_INET, Int32(type), 0), from: "socket")
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let number = descriptor.number
    let listens = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, length) == 0 && getsockname(number, $0, &length) == 0 && listen(number, 16) == 0
      }
    }
    guard listens else { throw SystemError("listen") }
    port = UInt16(bigEndian: address.sin_port)
  }
}
