import NIOCore
import Testing
import Zinx
import ZinxTestKit

private struct Broken: Error {}

/// Writes down its steps; the request's text names the step that throws.
private struct Steps: Router {
  let log: Recorder<String>

  private func step(_ name: String, _ request: Request) throws {
    log.append(name)
    if request.data.text == name { throw Broken() }
  }

  func preHandle(_ request: Request) async throws { try step("pre", request) }
  func handle(_ request: Request) async throws { try step("handle", request) }
  func postHandle(_ request: Request) async throws { try step("post", request) }
}

private struct Noting: Interceptor {
  let name: String
  let log: Recorder<String>
  var passes = true

  func intercept(_ request: Request, next: Next) async throws {
    log.append("\(name) in")
    if passes { try await next(request) }
    log.append("\(name) out")
  }
}

/// Answers at once, or declines, or throws, as the request says.
private struct Immediate: ImmediateRouter {
  func handleImmediately(_ request: Request) throws -> Bool {
    switch request.data.text {
    case "later": return false
    case "throw": throw Broken()
    default: try request.connection.trySendBuffMsg(request.id, request.data)
    }
    return true
  }

  func handle(_ request: Request) async throws {
    await Task.yield()
    if request.data.text == "throw" { throw Broken() }
    try await request.connection.sendBuffMsg(request.id, request.data)
  }
}

@Suite("Handlers", .timeLimit(.minutes(1)))
struct HandlerTests {
  private func failures(_ server: TestServer) -> [UInt32] {
    server.events.all.compactMap { if case .handlerFailed(_, let id, is Broken) = $0 { id } else { nil } }
  }

  @Test(
    "the three steps run in order, and the first that throws skips the rest of its request only", arguments: pools,
    [
      ("fine", ["pre", "handle", "post"]), ("pre", ["pre"]), ("handle", ["pre", "handle"]), ("post", ["pre", "handle", "post"]),
    ])
  func steps(workers: Int, form: (String, [String])) async throws {
    let log = Recorder<String>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(5, to: Steps(log: log))
      routes.route(7, echo)
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(5, form.0))
      #expect(try await peer.exchange(RawFrame(7, "still here")).text == "still here")
      #expect(log.all == form.1)
      #expect(failures(server) == (form.0 == "fine" ? [] : [5]))
      #expect(server.server.counters.handlerErrors == (form.0 == "fine" ? 0 : 1))
    }
  }

  @Test("a message that no route knows is told, counted and dropped; the connection stays", arguments: pools)
  func unknown(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      for id in [0, 8, 1024, UInt32.max] { try await peer.send(RawFrame(id, "?")) }
      #expect(try await peer.exchange(RawFrame(7, "still here")).text == "still here")
      let unknown = server.events.all.compactMap { if case .unknownMessage(_, let id, _, _) = $0 { id } else { nil } }
      #expect(unknown == [0, 8, 1024, UInt32.max])
      #expect(server.server.counters.unknownMessages == 4)
    }
  }

  @Test("of a burst of messages that no route knows four are told and all are counted", arguments: pools)
  func manyUnknown(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(8, "?").bytes(times: 1000) + RawFrame(7, "still here").bytes())
      #expect(try await peer.frame().text == "still here")
      let told = server.events.all.filter { if case .unknownMessage = $0 { true } else { false } }
      // One read brings all, or a few do.
      #expect(told.count >= 4 && told.count < 400)
      #expect(server.server.counters.unknownMessages == 1000)
    }
  }

  @Test("interceptors stand around every route, the first outermost", arguments: pools)
  func interceptors(workers: Int) async throws {
    let log = Recorder<String>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(5, to: Steps(log: log))
      routes.intercept(with: Noting(name: "a", log: log))
      routes.intercept(with: Noting(name: "b", log: log))
      routes.route(7, to: Immediate())
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(5, "fine"))
      #expect(try await peer.exchange(RawFrame(7, "x")).text == "x")
      let around = ["a in", "b in", "pre", "handle", "post", "b out", "a out", "a in", "b in", "b out", "a out"]
      try await log.wait(for: around.count)
      #expect(log.all == around)
    }
  }

  @Test("an interceptor that does not go on keeps the request from its route", arguments: pools)
  func intercepted(workers: Int) async throws {
    let log = Recorder<String>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.intercept(with: Noting(name: "a", log: log, passes: false))
      routes.route(5, to: Steps(log: log))
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(5, "fine"))
      try await log.wait(for: 2)
      #expect(log.all == ["a in", "a out"])
    }
  }

  @Test("a router that answers at once keeps the order with requests that it declines", arguments: pools)
  func immediate(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: { $0.route(7, to: Immediate()) }) { server in
      let peer = try server.connect()
      let texts = ["1", "2", "later", "3", "throw", "later", "4"]
      try await peer.send(texts.flatMap { RawFrame(7, $0).bytes() })
      #expect(try await peer.frames(6).map(\.text) == ["1", "2", "later", "3", "later", "4"])
      #expect(failures(server) == [7])
    }
  }

  @Test("requests of one connection are handled one at a time, in order, though each suspends", arguments: pools)
  func oneAtATime(workers: Int) async throws {
    let log = Recorder<String>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(7) { request in
        log.append("+\(request.data.text)")
        for _ in 0..<3 { await Task.yield() }
        log.append("-\(request.data.text)")
        try await echo(request)
      }
    } use: { server in
      let peer = try server.connect()
      for number in 0..<50 { try await peer.send(RawFrame(7, "\(number)")) }
      _ = try await peer.frames(50)
      #expect(log.all == (0..<50).flatMap { ["+\($0)", "-\($0)"] })
    }
  }

  @Test("an error of a handler whose peer is gone is not reported as the handler's", arguments: pools)
  func closedMeanwhile(workers: Int) async throws {
    let gate = Gate()
    let begun = Recorder<Int>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(7) { request in
        begun.append(1)
        try await gate.pass()
        try await echo(request)
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7))
      try await begun.wait(for: 1)
      let connection = try await server.connection()
      peer.reset()
      try await until { connection.isClosed }
      gate.open()
      #expect(try await server.reason() == .reset)
      #expect(server.server.counters.handlerErrors == 0)
    }
  }

  /// Tells its connection when it goes.
  private final class Parting: Sendable {
    let connection: Connection
    init(_ connection: Connection) { self.connection = connection }
    deinit { connection[Visits.self] = (connection[Visits.self] ?? 0) + 1 }
  }

  private enum Part: PropertyKey { typealias Value = Parting }

  @Test("a property that is replaced or taken away may use its connection as it goes", arguments: pools)
  func partingProperty(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(7) { request in
        let connection = request.connection
        connection[Part.self] = Parting(connection)
        connection[Part.self] = Parting(connection)
        connection[Part.self] = nil
        try await connection.sendBuffMsg(7, ByteBuffer(string: "\(connection[Visits.self] ?? 0)"))
      }
    } use: { server in
      let peer = try server.connect()
      #expect(try await peer.exchange(RawFrame(7)).text == "2")
    }
  }

  private enum Name: PropertyKey { typealias Value = String }
  private enum Visits: PropertyKey { typealias Value = Int }

  @Test("properties belong to their connection and their key", arguments: pools)
  func properties(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.onConnStart { $0[Name.self] = "connection \($0.id)" }
      routes.route(7) { request in
        let visits = (request.connection[Visits.self] ?? 0) + 1
        request.connection[Visits.self] = visits
        let answer = "\(request.connection[Name.self] ?? "nobody") \(visits)"
        request.connection[Name.self] = nil
        try await request.connection.sendBuffMsg(7, ByteBuffer(string: answer))
      }
    } use: { server in
      let peers = [try server.connect(), try server.connect()]
      for (index, peer) in peers.enumerated() {
        #expect(try await peer.exchange(RawFrame(7)).text == "connection \(index) 1")
        #expect(try await peer.exchange(RawFrame(7)).text == "nobody 2")
      }
    }
  }

  @Test("a connection knows the address of its peer")
  func address() async throws {
    try await TestServer.run { server in
      let peer = try server.connect()
      let connection = try await server.connection()
      #expect(connection.remoteAddress.description == "127.0.0.1:\(connection.remoteAddress.port)")
      #expect(connection.remoteAddress.port != server.port)
      peer.close()
    }
  }
}
