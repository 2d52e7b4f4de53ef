import NIOCore
import Testing
import Zinx
import ZinxTestKit

private struct Refused: Error {}
private enum Trace: PropertyKey { typealias Value = String }

/// Hands a value on.
private struct Tracing: Interceptor {
  let text: String

  func intercept(_ request: Request, next: Next) async throws {
    var request = request
    request[Trace.self] = (request[Trace.self] ?? "") + text
    try await next(request)
  }
}

@Suite("Routing", .timeLimit(.minutes(1)))
struct RoutingTests {
  /// Answers with a name and the id.
  private static func naming(_ name: String) -> @Sendable (Request) throws -> Void {
    { try $0.reply("\(name) \($0.id)") }
  }

  @Test("a message goes to its id, else to its range, else to the rest", arguments: pools)
  func precedence(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.otherwise(Self.naming("rest"))
      routes.route(100...199, Self.naming("range"))
      routes.route(150, Self.naming("id"))
      routes.route(70_000...70_001) { request in
        await Task.yield()
        try request.reply("waiting \(request.id)")
      }
    } use: { server in
      let peer = try server.connect()
      let ids: [UInt32] = [99, 100, 150, 199, 200, 70_000, 70_001, 70_002, 100, .max]
      try await peer.send(ids.map { RawFrame($0, "") })
      let names = ["rest", "range", "id", "range", "rest", "waiting", "waiting", "rest", "range", "rest"]
      for (id, name) in zip(ids, names) { #expect(try await peer.frame().text == "\(name) \(id)") }
      #expect(server.server.counters.unknownMessages == 0)
    }
  }

  @Test("an actor and a router serve a range", arguments: pools)
  func rangeForms(workers: Int) async throws {
    actor World {
      var ids: [UInt32] = []
      func add(_ id: UInt32) { ids.append(id) }
    }
    struct Echo: Router { func handle(_ request: Request) async throws { try request.echo() } }
    let world = World()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(10...19, on: world) { world, request in
        world.add(request.id)
        try request.echo()
      }
      routes.route(20...29, to: Echo())
      routes.otherwise(to: Echo())
    } use: { server in
      let peer = try server.connect()
      let ids = (5...35).map { UInt32($0) }
      try await peer.send(ids.map { RawFrame($0, "\($0)") })
      for id in ids { #expect(try await peer.frame().text == "\(id)") }
      #expect(await world.ids == Array(10...19))
    }
  }

  @Test("a group's middleware stands around its own routes, inside of what stands around all", arguments: pools)
  func groups(workers: Int) async throws {
    let log = Recorder<String>()
    func note(_ name: String) -> @Sendable (inout Request) -> Bool {
      { _ in
        log.append(name)
        return true
      }
    }
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.group { outer in
        outer.route(1, Self.naming("one"))
        outer.admit(note("outer"))
        outer.group { inner in
          inner.admit(note("inner"))
          inner.route(2...3, Self.naming("two"))
        }
      }
      routes.route(4, Self.naming("four"))
      routes.admit(note("all"))
    } use: { server in
      let peer = try server.connect()
      for (id, around) in [(1, ["all", "outer"]), (2, ["all", "outer", "inner"]), (4, ["all"])] as [(UInt32, [String])] {
        let before = log.all.count
        _ = try await peer.exchange(RawFrame(id, ""))
        #expect(Array(log.all.dropFirst(before)) == around)
      }
    }
  }

  @Test("a check refuses the routes of its group alone", arguments: pools)
  func groupRefuses(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.group { members in
        members.admit { _ in throw Refused() }
        members.onFailure { request, error in try request.reply(9, error is Refused ? "refused" : "failed") }
        members.route(1) { try $0.echo() }
      }
      routes.route(2) { try $0.echo() }
    } use: { server in
      let peer = try server.connect()
      try await peer.send([RawFrame(1, "x"), RawFrame(2, "y")])
      #expect(try await peer.frame().text == "refused")
      #expect(try await peer.frame().text == "y")
    }
  }

  @Test("what comes before routing sees every message, changes ids, answers, and keeps messages back", arguments: pools)
  func beforeRouting(workers: Int) async throws {
    let seen = Recorder<UInt32>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.beforeRouting { request in
        seen.append(request.id)
        switch request.id {
        case 1000...1999: request.id -= 1000
        case 7: return false
        case 8:
          try request.reply("answered")
          return false
        case 9: throw Refused()
        default: break
        }
        return true
      }
      routes.route(1) { try $0.echo() }
      routes.route(2) { request in
        await Task.yield()
        try request.echo()
      }
    } use: { server in
      let peer = try server.connect()
      let ids: [UInt32] = [1002, 1001, 1, 1002, 7, 8, 9, 3, 1002, 2, 1001]
      try await peer.send(ids.map { RawFrame($0, "\($0)") })
      for (id, text) in [(2, "1002"), (1, "1001"), (1, "1"), (2, "1002"), (8, "answered"), (2, "1002"), (2, "2"), (1, "1001")] {
        let frame = try await peer.frame()
        #expect(frame.id == UInt32(id))
        #expect(frame.text == text)
      }
      #expect(seen.all == ids)
      #expect(server.server.counters.unknownMessages == 1)
      #expect(server.server.counters.handlerErrors == 1)
    }
  }

  @Test("a value goes from middleware to the handler of the same request, in every form", arguments: pools)
  func values(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.beforeRouting { request in
        if request.dataLength > 0 { request[Trace.self] = request.data.text }
        return true
      }
      routes.admit { request in
        if let text = request[Trace.self] { request[Trace.self] = text + "+" }
        return true
      }
      routes.route(1) { try $0.reply($0[Trace.self] ?? "none") }
      routes.route(2) { request in
        await Task.yield()
        try request.reply(request[Trace.self] ?? "none")
      }
      routes.group { group in
        group.intercept(with: Tracing(text: "!"))
        group.route(3) { try $0.reply($0[Trace.self] ?? "none") }
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send([
        RawFrame(2, "a"), RawFrame(2, ""), RawFrame(1, "b"), RawFrame(1, ""), RawFrame(3, "c"), RawFrame(3, ""), RawFrame(2, "d"),
        RawFrame(1, ""),
      ])
      for text in ["a+", "none", "b+", "none", "c+!", "!", "d+", "none"] { #expect(try await peer.frame().text == text) }
    }
  }

  @Test(
    "a handler beyond its deadline is cancelled and counted, and told once; the next request waits for its return",
    arguments: pools)
  func deadline(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.onFailure { request, error in
        try request.reply(
          504, "\((error as? DeadlineExceeded)?.deadline == .milliseconds(5) ? "late" : "?") \(request.data.text)")
      }
      routes.route(1, deadline: .milliseconds(5)) { request in
        // Ended by the deadline alone.
        try await Task.sleep(for: .seconds(600))
      }
      routes.route(2, deadline: .seconds(600)) { request in
        await Task.yield()
        try request.echo()
      }
      routes.route(3) { try $0.echo() }
    } use: { server in
      let peer = try server.connect()
      try await peer.send([RawFrame(1, "a"), RawFrame(2, "b"), RawFrame(1, "c"), RawFrame(3, "d")])
      for text in ["late a", "b", "late c", "d"] { #expect(try await peer.frame().text == text) }
      #expect(server.server.counters.deadlinesExceeded == 2)
      #expect(server.server.counters.handlerErrors == 0)
      let told = server.events.all.filter { if case .deadlineExceeded(_, 1, .milliseconds(5)) = $0 { true } else { false } }
      #expect(told.count == 1)
    }
  }

  @Test("a handler that answers although its deadline has passed has answered", arguments: pools)
  func lateAnswer(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.onFailure { request, _ in try request.reply("failed") }
      routes.route(1, deadline: .milliseconds(5)) { request in
        try? await Task.sleep(for: .seconds(600))
        try request.reply(Task.isCancelled ? "cancelled" : "slept")
      }
    } use: { server in
      let peer = try server.connect()
      #expect(try await peer.exchange(RawFrame(1, "")).text == "cancelled")
      #expect(server.server.counters.deadlinesExceeded == 1)
    }
  }

  @Test("a handler with a deadline is cancelled when its connection is given up", arguments: pools)
  func cutBeforeDeadline(workers: Int) async throws {
    let begun = Recorder<Int>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(1, deadline: .seconds(600)) { _ in
        begun.append(1)
        try await Task.sleep(for: .seconds(600))
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(1))
      try await begun.wait(for: 1)
      server.server.cutAll()
      #expect(try await server.reason() == .drainTimeout)
      #expect(server.server.counters.handlerErrors == 0)
      #expect(server.server.counters.deadlinesExceeded == 0)
    }
  }
}
