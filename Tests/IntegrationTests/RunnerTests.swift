import NIOCore
import Synchronization
import Testing
import ZinxIO
import ZinxTestKit

@testable import Zinx

/// Handlers that wait follow one another in the same task, of whichever connections they are.
@Suite("Handlers that wait, one after the other", .timeLimit(.minutes(1)))
struct RunnerTests {
  /// One event loop or one worker for all.
  private static func configuration(_ workers: Int) -> ServerConfiguration {
    .test(workers: workers) { $0.ioThreads = 1 }
  }

  /// Answers with whether its task is cancelled.
  private static let tell: @Sendable (Request) async throws -> Void = { request in
    await Task.yield()
    try request.reply(Task.isCancelled ? "cancelled" : "at work")
  }

  @Test("one that is cancelled because its connection was cut leaves those of others alone", arguments: pools)
  func cut(workers: Int) async throws {
    let log = Recorder<String>()
    try await TestServer.run(Self.configuration(min(workers, 1))) { routes in
      routes.route(1) { _ in
        log.append("begun")
        do { try await Task.sleep(for: .seconds(3600)) } catch { log.append("cancelled") }
      }
      routes.route(2, Self.tell)
    } use: { server in
      let stays = try server.connect()
      _ = try await server.connection(0)
      for round in 1...3 {
        let goes = try server.connect()
        try await goes.send(RawFrame(1))
        try await log.wait(for: 2 * round - 1)
        try await server.connection(UInt64(round)).cut(.slowConsumer)
        try await log.wait(for: 2 * round)
        #expect(log.all.last == "cancelled")
        #expect(try await stays.exchange(RawFrame(2)).text == "at work")
      }
    }
  }

  @Test("one that cancels its own task leaves the next alone", arguments: pools)
  func ownTask(workers: Int) async throws {
    try await TestServer.run(Self.configuration(min(workers, 1))) { routes in
      routes.route(1) { request in
        withUnsafeCurrentTask { $0?.cancel() }
        try await Self.tell(request)
      }
      routes.route(2, Self.tell)
    } use: { server in
      let (first, second) = try (server.connect(), server.connect())
      #expect(try await first.exchange(RawFrame(1)).text == "cancelled")
      #expect(try await second.exchange(RawFrame(2)).text == "at work")
      #expect(try await first.exchange(RawFrame(2)).text == "at work")
    }
  }

  @Test("more at once than are kept for later are all served, and again", arguments: pools)
  func many(workers: Int) async throws {
    let gates = (0..<2).map { _ in Gate() }
    let begun = Recorder<Int>()
    try await TestServer.run(Self.configuration(min(workers, 1))) { routes in
      for id in [0, 1] {
        routes.route(UInt32(id)) { request in
          begun.append(id)
          try await gates[id].pass()
          try request.echo()
        }
      }
    } use: { server in
      let peers = try (0..<40).map { _ in try server.connect() }
      for id in [0, 1] {
        for peer in peers { try await peer.send(RawFrame(UInt32(id), "a")) }
        try await begun.wait { $0.count == (id + 1) * peers.count }
        gates[id].open()
        for peer in peers { #expect(try await peer.frame().text == "a") }
      }
    }
  }

  @Test("their tasks end with the server", arguments: pools)
  func end(workers: Int) async throws {
    struct Threads {
      weak var loop: ZinxIO.EventLoop?
      weak var worker: Worker?
    }
    let threads = Mutex(Threads())
    do {
      // One of the library's, since what records events holds the connections they tell of.
      let server = try Server(Self.configuration(workers)) { routes in
        routes.route(2) { request in
          threads.withLock { $0 = Threads(loop: request.connection.loop, worker: request.connection.worker) }
          try await Self.tell(request)
        }
      }
      try await server.start()
      let peer = try RawPeer(port: #require(server.addresses.first).port)
      #expect(try await peer.exchange(RawFrame(2)).text == "at work")
      #expect(threads.withLock { $0.loop != nil && ($0.worker != nil) == (workers > 0) })
      peer.close()
      await server.drain(timeout: .seconds(5))
    }
    try await until { threads.withLock { $0.loop == nil && $0.worker == nil } }
  }
}
