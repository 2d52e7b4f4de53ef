import Glibc
import NIOCore
import Testing
import Zinx
import ZinxClient
import ZinxTLS
import ZinxTestKit
import ZinxWire

@testable import zinx_bench

/// Whole runs over what is not plain TCP.
@Suite("A run through another door", .timeLimit(.minutes(1)))
struct DoorTests {
  enum Door: String, CaseIterable, CustomTestStringConvertible {
    case tls, web, secureWeb, local
    var testDescription: String { rawValue }
  }

  /// Runs the load on a server that greets with id 2 and answers id 3 with the same.
  private func measure(_ door: Door, _ change: (inout Plan) -> Void) async throws -> Summary {
    let name = "zinx-bench-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    let local = ListenAddress.abstract(name: name)
    var endpoint = Endpoint(name: "door", door == .local ? local : .tcp(host: "127.0.0.1", port: 0))
    if door == .tls || door == .secureWeb {
      endpoint.tls = TLSConfiguration(certFile: Certificates.path("server.pem"), privateKeyFile: Certificates.path("server.key"))
    }
    if door == .web || door == .secureWeb {
      endpoint.transport = .webSocket
      endpoint.path = "/ws"
    }
    var configuration = ServerConfiguration()
    (configuration.endpoints, configuration.ioThreads, configuration.workerPoolSize) = ([endpoint], 1, 0)
    configuration.maxPacketSize = 1 << 20
    let server = try Server(
      configuration,
      register: { routes in
        routes.onConnStart { try await $0.sendBuffMsg(2, ByteBuffer(string: "hello")) }
        routes.route(3) { request in try request.echo() }
      })
    try await server.start()
    let port = server.addresses.first?.port ?? 0
    var tls = TLSClientConfiguration()
    tls.caFile = Certificates.path("ca.pem")
    let text =
      switch door {
      case .tls: "tls://localhost:\(port)"
      case .web: "ws://127.0.0.1:\(port)/ws"
      case .secureWeb: "wss://127.0.0.1:\(port)/ws"
      case .local: "unix:@\(name)"
      }
    // localhost may be ::1 first, where nobody listens.
    let address = try ServerAddress(text == "tls://localhost:\(port)" ? "tls://127.0.0.1:\(port)" : text)
    let summary = try await RunTests.run(plan(change), address, tls)
    server.cutAll()
    await server.drain(timeout: .seconds(5))
    return summary
  }

  @Test(arguments: Door.allCases, [64, 0, 300_000])
  func `gets each reply, byte for byte`(_ door: Door, _ size: Int) async throws {
    let messages = size > 1000 ? 60 : 1001
    let summary = try await measure(door) {
      ($0.connections, $0.speakers, $0.inFlight, $0.threads) = (5, 5, 4, 2)
      ($0.extent, $0.size, $0.replySize, $0.verifies) = (.messages(messages), size, size, true)
    }
    #expect(summary.tally.messages == messages && summary.tally.errors == 0, "\(summary.tally.faults)")
    #expect(summary.tally.connected == 5 && summary.tally.others == 5)
  }

  @Test(arguments: Door.allCases)
  func `connects anew for each request`(_ door: Door) async throws {
    let summary = try await measure(door) {
      ($0.mode, $0.connections, $0.speakers, $0.extent) = (.churn, 4, 4, .messages(100))
    }
    #expect(summary.tally.messages == 100 && summary.tally.connected == 100 && summary.tally.errors == 0)
  }

  @Test func `says why no connection came about`() async throws {
    let server = try FakeServer()
    let peer = Task {
      let peer = try await server.accept()
      try await peer.write(FakePeer.frame(2, "a plain server"))
      return peer
    }
    let plan = plan { ($0.connections, $0.speakers, $0.extent, $0.timeout) = (1, 1, .messages(1), 5_000_000_000) }
    let summary = try await RunTests.run(plan, ServerAddress("tls://127.0.0.1:\(server.port)"))
    #expect(summary.tally.connectError == .handshake(.noTLS))
    #expect(summary.hint?.contains("the server does not speak TLS") == true)
    _ = try await peer.value
  }
}
