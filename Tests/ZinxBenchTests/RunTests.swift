import ArgumentParser
import Glibc
import NIOCore
import Testing
import Zinx
import ZinxClient
import ZinxIO
import ZinxTLS
import ZinxTestKit
import ZinxWire

@testable import zinx_bench

/// Whole runs over real sockets. They end after a number of requests, so that no test takes a measured time.
@Suite("A run", .timeLimit(.minutes(1)))
struct RunTests {
  /// Runs the load on a server that greets with id 2, answers id 3 with the same, and id 4 with the same to everybody.
  private func measure(pack: DataPack = .ltvLittleEndian, _ change: (inout Plan) -> Void) async throws -> Summary {
    var configuration = ServerConfiguration()
    (configuration.host, configuration.port, configuration.ioThreads, configuration.workerPoolSize) = ("127.0.0.1", 0, 1, 0)
    (configuration.dataPack, configuration.maxPacketSize) = (pack, 1 << 20)
    let server = try Server(
      configuration,
      register: { routes in
        routes.onConnStart { try await $0.sendBuffMsg(2, ByteBuffer(string: "hello")) }
        routes.route(3) { try await $0.connection.sendBuffMsg($0.id, $0.data) }
        routes.route(4) { try await $0.connection.connManager.broadcast($0.id, $0.data) }
      })
    try await server.start()
    let port = server.addresses.first?.port ?? 0
    let plan = plan {
      $0.pack = pack
      change(&$0)
    }
    let summary = try await Self.run(plan, port: port)
    server.cutAll()
    await server.drain(timeout: .seconds(5))
    return summary
  }

  static func run(_ plan: Plan, port: UInt16, serverPID: Int32? = nil) async throws -> Summary {
    try await run(plan, ServerAddress(host: "127.0.0.1", port: port), serverPID: serverPID)
  }

  static func run(
    _ plan: Plan, _ server: ServerAddress, _ tls: TLSClientConfiguration = TLSClientConfiguration(), serverPID: Int32? = nil
  ) async throws -> Summary {
    let address = try #require(try Resolver.lookUp(server.place).get().first)
    let transport = try Transport(server, tls)
    return try await onThread {
      var run = Run(plan, address, transport, serverPID: serverPID, isQuiet: true)
      return try run.perform(endpoint: "test")
    }
  }

  /// Runs the load on a server where id 3 is answered after a login with id 10 only, whose answer is `reply` to the word "s3cret".
  private func measureLogin(reply: UInt32, workers: Int = 0, _ change: (inout Plan) -> Void) async throws -> Summary {
    var configuration = ServerConfiguration()
    (configuration.host, configuration.port, configuration.ioThreads, configuration.workerPoolSize) = ("127.0.0.1", 0, 1, workers)
    let server = try Server(
      configuration,
      register: { routes in
        routes.onConnStart { try await $0.sendBuffMsg(2, ByteBuffer(string: "hello")) }
        routes.authenticate(Authentication(ids: [10]))
        routes.route(10) { request in
          guard String(buffer: request.data) == "s3cret" else { return request.connection.stop() }
          try request.connection.bind(user: "u")
          try request.reply(reply, "welcome")
        }
        routes.route(3) { request in try request.echo() }
      })
    try await server.start()
    let summary = try await Self.run(plan(change), port: server.addresses.first?.port ?? 0)
    server.cutAll()
    await server.drain(timeout: .seconds(5))
    return summary
  }

  @Test("says first what it is told to, and waits for the answer where that is asked for", arguments: [nil, 11] as [UInt32?])
  func first(_ reply: UInt32?) async throws {
    let summary = try await measureLogin(reply: 11) {
      ($0.connections, $0.speakers, $0.inFlight, $0.extent, $0.verifies) = (5, 5, 4, .messages(1001), true)
      ($0.first, $0.firstReply) = (FirstMessage(argument: "10:s3cret"), reply)
    }
    #expect(summary.tally.messages == 1001 && summary.tally.errors == 0 && summary.tally.connected == 5)
    // The greeting, and the answer where nobody waited for it.
    #expect(summary.tally.others == (reply == nil ? 10 : 5))
  }

  @Test func `says it on each of its connections in churn and in idle`() async throws {
    let churn = try await measureLogin(reply: 3) {
      ($0.mode, $0.connections, $0.speakers, $0.extent) = (.churn, 3, 3, .messages(50))
      ($0.first, $0.firstReply) = (FirstMessage(argument: "10:s3cret"), 3)
    }
    #expect(churn.tally.messages == 50 && churn.tally.errors == 0)
    let idle = try await measureLogin(reply: 11) {
      ($0.mode, $0.connections, $0.speakers, $0.extent) = (.idle, 20, 20, .nanoseconds(1_000_000))
      ($0.first, $0.firstReply) = (FirstMessage(argument: "10:s3cret"), 11)
    }
    #expect(idle.tally.replies == 20 && idle.tally.open == 20 && idle.tally.errors == 0)
  }

  @Test func `has no connection where the answer does not come`() async throws {
    let summary = try await measureLogin(reply: 11) {
      ($0.connections, $0.speakers, $0.extent, $0.timeout) = (2, 2, .messages(10), 2_000_000_000)
      ($0.first, $0.firstReply) = (FirstMessage(argument: "10:wrong"), 11)
    }
    #expect(summary.tally.messages == 0 && summary.tally.connected == 0 && summary.tally[.connect] == 2)
    guard case .system(let error)? = summary.tally.connectError, error.call == "--first" else {
      Issue.record("\(String(describing: summary.tally.connectError))")
      return
    }
  }

  @Test("in a closed loop gets a reply to each request", arguments: DataPack.allCases, [1, 3])
  func closed(_ pack: DataPack, _ threads: Int) async throws {
    let summary = try await measure(pack: pack) {
      ($0.connections, $0.speakers, $0.inFlight, $0.threads, $0.extent) = (5, 5, 4, threads, .messages(1001))
    }
    #expect(summary.tally.messages == 1001)
    #expect(summary.tally.replies == 1001)
    #expect(summary.tally.bytes == 1001 * 72)
    #expect(Latencies(summary.tally.latency).count == 1001)
    #expect(summary.tally.connected == 5)
    #expect(summary.tally.others == 5)
    #expect(summary.tally.errors == 0)
    #expect(summary.seconds > 0)
    #expect(summary.hint == nil)
  }

  @Test("compares messages of any size that are larger than what a socket takes at once", arguments: [0, 1, 7, 8, 300_000])
  func verified(_ size: Int) async throws {
    let summary = try await measure {
      ($0.connections, $0.speakers, $0.inFlight, $0.size, $0.replySize, $0.verifies) = (2, 2, 8, size, size, true)
      $0.extent = .messages(50)
    }
    #expect(summary.tally.messages == 50)
    #expect(summary.tally.errors == 0)
  }

  @Test("at a fixed rate sends each request when it is due, and no more")
  func open() async throws {
    let summary = try await measure {
      ($0.mode, $0.rate, $0.connections, $0.speakers, $0.inFlight, $0.threads) = (.open, 10_000, 3, 3, 2, 2)
      $0.extent = .messages(200)
    }
    #expect(summary.tally.messages == 200)
    #expect(summary.tally.errors == 0)
    // The last of 200 is due 199 gaps after the first.
    #expect(summary.seconds >= 0.0199)
  }

  @Test("accounts for every request that was due, however far the server is behind", arguments: [1e5, 1e7])
  func overload(_ rate: Double) async throws {
    let summary = try await measure { ($0.mode, $0.rate, $0.extent) = (.open, rate, .nanoseconds(1_000_000)) }
    #expect(summary.tally.messages + summary.tally[.unsent] == Int(rate / 1000))
    #expect(summary.tally.messages > 0)
    #expect(summary.tally.errors == summary.tally[.unsent])
  }

  @Test("of churn connects anew for each request", arguments: [nil, 5000] as [Double?])
  func churn(_ rate: Double?) async throws {
    let summary = try await measure {
      ($0.mode, $0.rate, $0.connections, $0.speakers, $0.sources, $0.extent) = (.churn, rate, 4, 4, 8, .messages(60))
    }
    #expect(summary.tally.messages == 60)
    #expect(summary.tally.connected == 60)
    #expect(Latencies(summary.tally.connectLatency).count == 60)
    #expect(summary.tally.errors == 0)
    #expect(summary.memoryPerConnection == nil)
  }

  @Test("of idle connections uses each once, or never", arguments: [false, true])
  func idle(_ isSilent: Bool) async throws {
    let summary = try await measure {
      ($0.mode, $0.connections, $0.speakers, $0.isSilent, $0.extent) = (.idle, 20, 20, isSilent, .nanoseconds(1_000_000))
    }
    #expect(summary.open == 20)
    #expect(summary.tally.open == 20)
    #expect(summary.tally.replies == (isSilent ? 0 : 20))
    #expect(summary.tally.messages == 0)
    #expect(summary.tally.errors == 0)
  }

  @Test("counts what only listening connections receive apart from the replies")
  func broadcast() async throws {
    let summary = try await measure {
      ($0.connections, $0.speakers, $0.id, $0.replyID, $0.extent) = (3, 1, 4, 4, .messages(1))
    }
    #expect(summary.tally.messages == 1)
    #expect(summary.tally.replies == 1)
    #expect(summary.tally.errors == 0)
  }

  @Test("counts requests that nobody answers, and ends all the same")
  func unanswered() async throws {
    let summary = try await measure {
      ($0.connections, $0.speakers, $0.inFlight, $0.id, $0.replyID) = (2, 2, 3, 9, 9)
      ($0.extent, $0.timeout) = (.messages(6), 50_000_000)
    }
    #expect(summary.tally[.unanswered] == 6)
    #expect(summary.tally.errors == 6)
    #expect(try #require(summary.hint).contains("--reply-id"))
  }

  @Test("counts connections that the server closes")
  func closedByServer() async throws {
    let summary = try await measure {
      ($0.size, $0.replySize, $0.extent) = (2 << 20, 2 << 20, .messages(1))
    }
    #expect(summary.tally[.closed] + summary.tally[.reset] == 1)
    #expect(summary.tally[.unanswered] == 1)
    #expect(try #require(summary.hint).contains("closes the connections"))
  }

  @Test("against a port where nobody listens counts every connect, and says why")
  func refused() async throws {
    var server: FakeServer? = try FakeServer()
    let port = try #require(server?.port)
    server = nil
    let summary = try await Self.run(plan { ($0.connections, $0.extent) = (3, .messages(3)) }, port: port)
    #expect(summary.tally[.connect] == 3)
    #expect(summary.tally.connected == 0)
    #expect(try #require(summary.hint).contains("Connection refused"))
  }

  @Test("looks at the server before, at the start and at the end")
  func usage() async throws {
    let server = try FakeServer()
    let plan = plan { ($0.mode, $0.isSilent, $0.extent) = (.idle, true, .nanoseconds(1_000_000)) }
    let summary = try await Self.run(plan, port: server.port, serverPID: getpid())
    let usage = try #require(summary.server)
    #expect(usage.before.cpu <= usage.start.cpu)
    #expect(usage.start.cpu <= usage.end.cpu)
    #expect(usage.end.resident > 0)
  }
}
