import NIOCore
import Testing
import ZinxClient
import ZinxTestKit

@Suite("Connecting", .timeLimit(.minutes(1)))
struct ConnectTests {
  @Test("to a port where nobody listens says so")
  func refused() async throws {
    let port = try FakeServer().port
    await #expect(throws: ClientError.connectionFailed(endpoint: "127.0.0.1:\(port)", reason: "Connection refused")) {
      try await Client.connect(host: "127.0.0.1", port: port)
    }
  }

  @Test("never ends up at itself")
  func selfConnection() async throws {
    let port = try FakeServer().port
    for _ in 0..<100 { await #expect(throws: ClientError.self) { try await Client.connect(host: "127.0.0.1", port: port) } }
  }

  @Test("to a server that does not take the connection times out")
  func timeOut() async throws {
    let full = try await FullServer()
    var configuration = ClientConfiguration()
    configuration.connectTimeout = .milliseconds(1)
    await #expect(throws: ClientError.timedOut(after: .milliseconds(1))) {
      try await Client.connect(host: "127.0.0.1", port: full.port, configuration: configuration)
    }
  }

  @Test("looks names up, and tries each address of a host")
  func byName() async throws {
    // Where localhost is ::1 first, nobody listens there: 127.0.0.1 must still be found.
    let server = try FakeServer()
    let client = try await Client.connect(host: "localhost", port: server.port)
    #expect(client.state == .connected)
  }

  @Test("to what is no name at all names it")
  func badName() async throws {
    let name = String(repeating: "a", count: 300)
    let error = await failure(of: Task { () throws -> Void in _ = try await Client.connect(host: name, port: 7777) })
    guard case .connectionFailed(endpoint: "\(name):7777", _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }
}

/// A server whose backlog is full: the kernel leaves further connections unanswered.
struct FullServer {
  private let server: FakeServer
  private let clients: [Client]
  var port: UInt16 { server.port }

  init() async throws {
    server = try FakeServer(backlog: 0)
    clients = [try await Client.connect(host: "127.0.0.1", port: server.port)]
  }
}
