import Glibc
import NIOCore
import Synchronization
import Testing
import Zinx
import ZinxTestKit

/// Takes the processor for a millisecond, and tells nobody.
private func compute() {
  func spent() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
  let begin = spent()
  while spent() - begin < 1_000_000 {}
}

private actor Idle {
  func pass() {}
}

/// An actor whose jobs somebody runs, on his thread: what another thread does that is busy with a contended actor.
private actor Lent {
  final class Executor: SerialExecutor {
    private let jobs = Mutex<[UnownedJob]>([])

    func enqueue(_ job: consuming ExecutorJob) {
      let job = UnownedJob(job)
      jobs.withLock { $0.append(job) }
    }

    /// Waits for a job and runs it.
    func runNext() {
      while true {
        guard let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
          sched_yield()
          continue
        }
        return job.runSynchronously(on: asUnownedSerialExecutor())
      }
    }
  }

  nonisolated let executor = Executor()
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
}

/// Forms of handlers that take long and never give the thread away by themselves.
private enum Hog: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case closure, async, actor

  var testDescription: String { rawValue }

  func register(_ id: UInt32, in routes: inout RouteRegistrar, _ body: @escaping @Sendable (Request) throws -> Void) {
    switch self {
    case .closure: routes.route(id, body)
    case .async: routes.route(id) { request async throws in try body(request) }
    case .actor:
      let actor = Idle()
      routes.route(id) { request in
        await actor.pass()
        try body(request)
      }
    }
  }
}

@Suite("Turns", .timeLimit(.minutes(1)))
struct TurnTests {
  /// One event loop or one worker for all.
  private static func configuration(_ workers: Int) -> ServerConfiguration {
    .test(workers: workers) { $0.ioThreads = 1 }
  }

  @Test(
    "a peer that pipelines without end keeps another waiting for a few of its requests only", arguments: [0, 1], Hog.allCases)
  fileprivate func fairness(workers: Int, hog: Hog) async throws {
    let gate = BlockingGate()
    let atGate = Recorder<Int>()
    let handled = Atomic(0)
    let seen = Atomic(-1)
    try await TestServer.run(
      Self.configuration(workers),
      register: { routes in
        routes.route(1) { _ in
          atGate.append(1)
          gate.pass()
        }
        hog.register(2, in: &routes) { _ in
          compute()
          handled.wrappingAdd(1, ordering: .relaxed)
        }
        routes.route(3) { request in
          seen.store(handled.load(ordering: .relaxed), ordering: .relaxed)
          try request.echo()
        }
      }
    ) { server in
      let (holder, greedy, good) = try (server.connect(), server.connect(), server.connect())
      _ = try await server.connection(2)
      // While the thread is held both have sent, the greedy one first: who is next is not up to the clock.
      try await holder.send(RawFrame(1))
      try await atGate.wait(for: 1)
      try await greedy.send(RawFrame(2).bytes(times: 300))
      try await good.send(RawFrame(3, "good"))
      gate.open()
      #expect(try await good.frame().text == "good")
      #expect((0..<12).contains(seen.load(ordering: .relaxed)))
      try await greedy.send(RawFrame(3, "done"))
      #expect(try await greedy.frame().text == "done")
      #expect(handled.load(ordering: .relaxed) == 300)
    }
  }

  @Test("an answer does not wait for the rest of a long batch", arguments: [0, 1], Hog.allCases)
  fileprivate func early(workers: Int, hog: Hog) async throws {
    let gate = BlockingGate()
    try await TestServer.run(
      Self.configuration(workers),
      register: { routes in
        hog.register(2, in: &routes) { request in
          compute()
          try request.echo()
        }
        routes.route(4) { _ in gate.pass() }
      }
    ) { server in
      let peer = try server.connect()
      try await peer.send((0..<20).map { RawFrame(2, "\($0)") } + [RawFrame(4), RawFrame(2, "last")])
      // The gate is opened by nobody else: were answers held back until the end of the batch, none would come.
      #expect(try await peer.frame().text == "0")
      gate.open()
      for number in 1..<20 { #expect(try await peer.frame().text == "\(number)") }
      #expect(try await peer.frame().text == "last")
    }
  }

  @Test("flush() before a handler blocks also lets go of what another connection's task has gathered", arguments: [0, 1])
  func flushOfOthers(workers: Int) async throws {
    actor Blocking {
      let gate: BlockingGate
      init(_ gate: BlockingGate) { self.gate = gate }
      func block(_ connection: Connection) {
        connection.flush()
        gate.pass()
      }
    }
    let gate = BlockingGate()
    let blocking = Blocking(gate)
    try await TestServer.run(
      Self.configuration(workers),
      register: { routes in
        routes.route(2) { request in
          try request.echo()
          let other = try request.connection.connManager.get(0)
          await blocking.block(other)
          try request.reply("after")
        }
      }
    ) { server in
      let other = try server.connect()
      _ = try await server.connection(0)
      let peer = try server.connect()
      try await peer.send(RawFrame(2, "before"))
      #expect(try await peer.frame().text == "before")
      gate.open()
      #expect(try await peer.frame().text == "after")
      other.close()
    }
  }

  @Test("tasks that yield for ever keep no connection waiting", arguments: [0, 1])
  func yielding(workers: Int) async throws {
    let isOver = Atomic(false)
    try await TestServer.run(
      Self.configuration(workers),
      register: { routes in
        routes.route(2) { request in
          while !isOver.load(ordering: .relaxed) { await Task.yield() }
          try request.echo()
        }
        routes.route(3) { try $0.echo() }
      }
    ) { server in
      let (busy, good) = try (server.connect(), server.connect())
      try await busy.send(RawFrame(2, "over"))
      for number in 0..<10 { #expect(try await good.exchange(RawFrame(3, "\(number)")).text == "\(number)") }
      isOver.store(true, ordering: .relaxed)
      #expect(try await busy.frame().text == "over")
    }
  }

  @Test("a peer that takes no answers keeps nobody else from its worker", arguments: [true, false])
  func unread(isImmediate: Bool) async throws {
    let answer = ByteBuffer(repeating: 0, count: 60_000)
    let isStuck = Atomic(false)
    try await TestServer.run(
      .test(workers: 1) { ($0.maxWorkerTaskLen, $0.maxMsgChanLen, $0.slowConsumerTimeout) = (1, 2, .seconds(300)) },
      register: { routes in
        if isImmediate {
          routes.route(2) { try $0.reply(answer) }
        } else {
          routes.route(2) { request in
            do { try request.reply(answer) } catch ZinxError.sendBufferFull {
              isStuck.store(true, ordering: .relaxed)
              try await request.connection.sendBuffMsg(2, answer)
            }
          }
        }
        routes.route(3) { try $0.echo() }
      }
    ) { server in
      let (deaf, good) = try (server.connect(receiveBuffer: 4096), server.connect())
      try await deaf.send(RawFrame(2).bytes(times: 1000))
      // A request of it has all of the room, and waits. What a closure waits for is counted before.
      try await until { server.server.counters.sendWaits > 0 || isStuck.load(ordering: .relaxed) }
      for number in 0..<3 { #expect(try await good.exchange(RawFrame(3, "\(number)")).text == "\(number)") }
      deaf.close()
    }
  }

  @Test("who sends to a peer that takes nothing keeps nobody else from its worker")
  func unreadByAnother() async throws {
    let message = ByteBuffer(repeating: 0, count: 60_000)
    let deafConnection = Mutex<Connection?>(nil)
    let isStuck = Atomic(false)
    try await TestServer.run(
      .test(workers: 1) { ($0.maxWorkerTaskLen, $0.maxMsgChanLen, $0.slowConsumerTimeout) = (1, 2, .seconds(300)) },
      register: { routes in
        routes.route(1) { request in
          deafConnection.withLock { $0 = request.connection }
          try request.echo()
        }
        routes.route(2) { request in
          guard let target = deafConnection.withLock({ $0 }) else { return }
          while true {
            do { try target.trySendBuffMsg(2, message) } catch ZinxError.sendBufferFull {
              isStuck.store(true, ordering: .relaxed)
              try await target.sendBuffMsg(2, message)
            }
          }
        }
        routes.route(3) { try $0.echo() }
      }
    ) { server in
      let (deaf, sender, good) = try (server.connect(receiveBuffer: 4096), server.connect(), server.connect())
      _ = try await deaf.exchange(RawFrame(1, "here"))
      try await sender.send(RawFrame(2).bytes())
      try await until { isStuck.load(ordering: .relaxed) }
      for number in 0..<3 { #expect(try await good.exchange(RawFrame(3, "\(number)")).text == "\(number)") }
      deaf.close()
    }
  }

  @Test("who comes to an actor on a thread whose turn is over has time for more than one request")
  func elsewhere() async throws {
    let lent = Lent()
    let handled = Atomic(0)
    let visits = Atomic(0)
    try await TestServer.run(
      .test(workers: 2),
      register: { routes in
        routes.route(2, on: lent) { _, request in
          handled.wrappingAdd(1, ordering: .relaxed)
          try request.echo()
        }
        routes.route(3) { request async throws in
          // Longer than a turn.
          for _ in 0..<10 { compute() }
          while handled.load(ordering: .relaxed) < 32 {
            lent.executor.runNext()
            visits.wrappingAdd(1, ordering: .relaxed)
          }
          try request.echo()
        }
      }
    ) { server in
      let (peer, other) = try (server.connect(), server.connect())
      _ = try await server.connection(1)
      try await peer.send(RawFrame(2).bytes(times: 32))
      #expect(try await other.exchange(RawFrame(3, "done")).text == "done")
      for _ in 0..<32 { #expect(try await peer.frame().id == 2) }
      #expect(visits.load(ordering: .relaxed) < 16)
    }
  }
}
