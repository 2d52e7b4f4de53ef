import Glibc
import NIOCore
import Synchronization
import Testing
import Zinx
import ZinxTestKit

/// A plugin whose start waits until a gate is opened or its task is cancelled.
private struct Waiting: RoutePlugin {
  static let name = "waiting"
  static let summary = "Waits."
  var log = Recorder<String>()
  var gate = Gate()
  /// Whether the start goes on when it is cancelled.
  var isStubborn = false

  init(settings: inout PluginSettings) {}
  init(_ log: Recorder<String>, _ gate: Gate = Gate(), isStubborn: Bool = false) {
    (self.log, self.gate, self.isStubborn) = (log, gate, isStubborn)
  }

  func register(in routes: inout RouteRegistrar) {}
  func start() async throws {
    log.append("start")
    let gate = gate
    if isStubborn { try await Task.detached { try await gate.pass() }.value } else { try await gate.pass() }
    log.append("started")
  }
  func stop() async { log.append(Task.isCancelled ? "stop, cancelled" : "stop") }
}

@Suite("The calls that start and end a server, in any order", .timeLimit(.minutes(1)))
struct ServerEndTests {
  private static func abandoned(_ server: TestServer) -> [Int] {
    server.events.all.compactMap { if case .handlersAbandoned(let count) = $0 { count } else { nil } }
  }

  /// Starts, and returns what came of it.
  private static func start(_ server: TestServer) -> Task<(any Error)?, Never> {
    Task {
      do { try await server.start() } catch { return error }
      return nil
    }
  }

  @Test("of drains at once the one whose time is over first cuts, and all return how many were cut", arguments: pools)
  func drains(workers: Int) async throws {
    let begun = Recorder<Int>()
    let stops = Recorder<CloseReason>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.onConnStop { _, reason in stops.append(reason) }
      routes.route(7) { _ in
        begun.append(1)
        try await Task.sleep(for: .seconds(3600))
      }
    } use: { server in
      let peers = try (0..<50).map { _ in try server.connect() }
      for peer in peers { try await peer.send(RawFrame(7)) }
      try await begun.wait(for: 50)
      async let patient = server.server.drain(timeout: .seconds(3600))
      try await until { server.server.addresses.isEmpty }
      async let hasty = server.server.drain(timeout: .milliseconds(50))
      #expect(await [patient, hasty] == [50, 50])
      #expect(stops.all == Array(repeating: .drainTimeout, count: 50))
      #expect(await server.server.drain(timeout: .zero) == 50)
      withExtendedLifetime(peers) {}
    }
  }

  @Test("a drain whose caller is cancelled has had its time, and ends all the same")
  func cancelledDrain() async throws {
    let begun = Recorder<Int>()
    try await TestServer.run { routes in
      routes.route(7) { _ in
        begun.append(1)
        try await Task.sleep(for: .seconds(3600))
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7))
      try await begun.wait(for: 1)
      let drain = Task { await server.server.drain(timeout: .seconds(3600)) }
      drain.cancel()
      #expect(await drain.value == 1)
      #expect(server.ended.map(\.1) == [.drainTimeout])
      withExtendedLifetime(peer) {}
    }
  }

  @Test("a start after a drain fails, with a running server and without one, and closes what was passed to it")
  func startAfterDrain() async throws {
    for starts in [false, true] {
      let test = try TestServer(.test())
      if starts { try await test.start() }
      #expect(await test.server.drain(timeout: .seconds(5)) == 0)
      let socket = try ServerLifeTests.listeningSocket()
      await #expect(throws: ZinxError.alreadyStarted) { try await test.server.start(listeningOn: [socket]) }
      #expect(fcntl(socket, F_GETFD) == -1)
      #expect(test.server.addresses.isEmpty)
    }
  }

  @Test("a drain while a plugin starts calls the start off: what has started is stopped, and nobody is served")
  func drainWhileStarting() async throws {
    let log = Recorder<String>()
    let opened = Gate()
    opened.open()
    let test = try TestServer(.test(), plugins: [Waiting(log, opened), Waiting(log), Waiting(log)])
    let start = Self.start(test)
    try await log.wait(for: 3)
    #expect(await test.server.drain(timeout: .seconds(20)) == 0)
    #expect(log.all == ["start", "started", "start", "stop"])
    #expect(await start.value is CancellationError)
    #expect(test.server.addresses.isEmpty)
    #expect(test.server.pingLoops { _ in } == 0)
  }

  @Test("a start whose caller is cancelled is called off in the same way")
  func cancelledStart() async throws {
    let log = Recorder<String>()
    let opened = Gate()
    opened.open()
    let test = try TestServer(.test(), plugins: [Waiting(log, opened), Waiting(log)])
    let start = Self.start(test)
    try await log.wait(for: 3)
    start.cancel()
    #expect(await start.value is CancellationError)
    #expect(log.all == ["start", "started", "start", "stop"])
    #expect(await test.server.drain(timeout: .zero) == 0)
  }

  @Test("a plugin that goes on starting keeps a drain no longer than its time, and is stopped once it has started")
  func stubbornStart() async throws {
    let log = Recorder<String>()
    let gate = Gate()
    let test = try TestServer(.test(), plugins: [Waiting(log, gate, isStubborn: true)])
    let start = Self.start(test)
    try await log.wait(for: 1)
    #expect(await test.server.drain(timeout: .milliseconds(1)) == 0)
    #expect(log.all == ["start"])
    gate.open()
    #expect(await start.value is CancellationError)
    #expect(log.all == ["start", "started", "stop"])
    #expect(test.server.addresses.isEmpty)
  }

  @Test("a handler that goes on after it was cancelled is abandoned, and ends in good order should it ever", arguments: pools)
  func abandoned(workers: Int) async throws {
    let steps = Recorder<String>()
    let gate = Gate()
    let test = try TestServer(.test(workers: workers), plugins: [Waiting(steps, gate, isStubborn: true)]) { routes in
      routes.onConnStop { _, reason in steps.append("OnConnStop \(reason)") }
      routes.route(7) { _ in
        defer { steps.append("defer") }
        steps.append("handler")
        // Cancellation does not reach it.
        try await Task.detached { try await steps.wait(for: "go on") }.value
      }
    }
    gate.open()
    try await test.start()
    let peer = try test.connect()
    try await peer.send(RawFrame(7))
    try await steps.wait(for: "handler")
    #expect(await test.server.drain(timeout: .milliseconds(1)) == 1)
    #expect(Self.abandoned(test) == [1])
    #expect(test.ended.isEmpty)
    #expect(steps.all == ["start", "started", "handler", "stop"])
    steps.append("go on")
    #expect(try await test.reason() == .drainTimeout)
    #expect(steps.all.suffix(3) == ["go on", "defer", "OnConnStop drain-timeout"])
    withExtendedLifetime(peer) {}
  }

  @Test("a handler that blocks its thread, be it that of the listener, keeps no drain from ending", arguments: pools)
  func blocked(workers: Int) async throws {
    let begun = Recorder<Int>()
    let gate = BlockingGate()
    let test = try TestServer(.test(workers: workers) { $0.ioThreads = 1 }) { routes in
      routes.route(7) { _ in
        begun.append(1)
        gate.pass()
      }
    }
    try await test.start()
    let peer = try test.connect()
    try await peer.send(RawFrame(7))
    try await begun.wait(for: 1)
    #expect(await test.server.drain(timeout: .milliseconds(1)) == 1)
    #expect(Self.abandoned(test) == [1])
    gate.open()
    #expect(try await test.reason() == .drainTimeout)
    withExtendedLifetime(peer) {}
  }

  @Test("handlers that end within their grace are abandoned by nobody")
  func notAbandoned() async throws {
    let begun = Recorder<Int>()
    try await TestServer.run { routes in
      routes.route(7) { _ in
        begun.append(1)
        try await Task.sleep(for: .seconds(3600))
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7))
      try await begun.wait(for: 1)
      #expect(await server.server.drain(timeout: .zero) == 1)
      #expect(Self.abandoned(server).isEmpty)
      withExtendedLifetime(peer) {}
    }
  }
}
