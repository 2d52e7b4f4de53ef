import NIOCore
import Synchronization
import Testing
import Zinx
import ZinxTesting
import ZinxWire

/// What has happened, in order.
private final class Steps: Sendable {
  private let steps = Mutex<[String]>([])

  var all: [String] { steps.withLock { $0 } }
  func add(_ step: String) { steps.withLock { $0.append(step) } }
}

/// Keeps a context beyond the start.
private final class Kept: Sendable { let context = Mutex<PluginContext?>(nil) }

private struct Broken: Error {}

/// Does what a test has it do.
private struct Doing: RoutePlugin {
  static let name = "doing"
  static let summary = "Does what a test has it do."

  var begin: @Sendable (PluginContext) async throws -> Void = { _ in }
  var end: @Sendable () -> Void = {}

  init(settings: inout PluginSettings) {}
  init(begin: @escaping @Sendable (PluginContext) async throws -> Void, end: @escaping @Sendable () -> Void = {}) {
    (self.begin, self.end) = (begin, end)
  }

  func register(in routes: inout RouteRegistrar) {}
  func start(in context: PluginContext) async throws { try await begin(context) }
  func stop() async { end() }

  /// Tells its steps: its start, the end of its task, its stop.
  static func telling(_ name: String, _ steps: Steps, fails: Bool = false) -> Doing {
    Doing { context in
      steps.add("start \(name)")
      context.task {
        try? await context.sleep(for: .seconds(1_000_000))
        // It takes its time.
        for _ in 0..<10 { await Task.yield() }
        steps.add("task of \(name) ends")
      }
      if fails { throw Broken() }
    } end: {
      steps.add("stop \(name)")
    }
  }
}

@Suite("What a plugin does beside its requests", .timeLimit(.minutes(1)))
struct PluginContextTests {
  @Test func `begins in the order of the plugins, and ends in reverse: the tasks of each, then the plugin`() async throws {
    let steps = Steps()
    let server = try await TestServer(plugins: [Doing.telling("a", steps), Doing.telling("b", steps)])
    let peer = try await server.connect()
    #expect(steps.all == ["start a", "start b"])
    await server.stop()
    #expect(steps.all == ["start a", "start b", "task of b ends", "stop b", "task of a ends", "stop a"])
    #expect(peer.end == .draining)
  }

  @Test func `ends with a start that fails: who had started is stopped, who has not is not`() async throws {
    let steps = Steps()
    let plugins = [Doing.telling("a", steps), Doing.telling("b", steps, fails: true), Doing.telling("c", steps)]
    await #expect(throws: Broken.self) { try await TestServer(plugins: plugins) }
    #expect(steps.all == ["start a", "start b", "task of b ends", "task of a ends", "stop a"])
  }

  @Test func `happens at its times, and not after the end`() async throws {
    let steps = Steps()
    let kept = Kept()
    let server = try await TestServer(plugins: [
      Doing { context in
        kept.context.withLock { $0 = context }
        context.every(.seconds(10)) { steps.add("tick") }
      }
    ])
    await server.advance(by: .milliseconds(9_999))
    #expect(steps.all.isEmpty)
    await server.advance(by: .milliseconds(1))
    #expect(steps.all.count == 1)
    await server.advance(by: .seconds(3600))
    #expect(steps.all.count == 361)
    await server.stop()
    let begins = kept.context.withLock { $0 }?.task { steps.add("too late") }
    #expect(begins == false && steps.all.count == 361)
  }

  @Test func `never happens twice at once: the times that have passed are left out`() async throws {
    let steps = Steps()
    let server = try await TestServer(plugins: [
      Doing { context in
        context.every(.seconds(1)) {
          steps.add("begins")
          try await context.sleep(for: .milliseconds(2_500))
          steps.add("ends")
        }
      }
    ])
    // Begins after 1 second, ends after 3.5, begins after 4.
    await server.advance(by: .milliseconds(3_999))
    #expect(steps.all == ["begins", "ends"])
    await server.advance(by: .milliseconds(1))
    #expect(steps.all == ["begins", "ends", "begins"])
    await server.stop()
    #expect(steps.all == ["begins", "ends", "begins"])
  }

  @Test func `is told when it fails, and what comes at intervals comes again`() async throws {
    let server = try await TestServer(plugins: [
      Doing { context in
        context.every(.seconds(1)) { throw Broken() }
        context.task { throw Broken() }
        context.task { throw CancellationError() }
      }
    ])
    await server.advance(by: .seconds(2))
    let failures = server.events.count {
      if case .pluginTaskFailed(plugin: "doing", let error) = $0 { error is Broken } else { false }
    }
    #expect(failures == 3)
    await server.stop()
  }

  @Test func `is abandoned when it goes on after the time of the drain`() async throws {
    let steps = Steps()
    let (gate, opener) = AsyncStream<Void>.makeStream()
    let server = try await TestServer(plugins: [
      Doing { context in
        context.task {
          // Without a look at its cancellation.
          await Task.detached { for await _ in gate {} }.value
          steps.add("ends")
        }
      } end: {
        steps.add("stop")
      }
    ])
    await server.stop(timeout: .zero)
    #expect(steps.all == ["stop"])
    #expect(server.events.contains { if case .pluginTasksAbandoned(plugin: "doing", count: 1) = $0 { true } else { false } })
    opener.finish()
  }

  @Test func `sends by itself, and has its own numbers`() async throws {
    let server = try await TestServer(plugins: [
      Doing { context in
        let ticks = context.counter("ticks", "Times that it was told.")
        context.every(.seconds(1)) {
          ticks.add()
          // The same one, by its name, and what the server has counted.
          #expect(context.counter("ticks", "") === ticks && context.counters.connectionsAccepted == 1)
          try await context.connManager.broadcast(30, "tick")
        }
      }
    ])
    let peer = try await server.connect()
    await server.advance(by: .seconds(3))
    #expect(peer.received == [Message(30, "tick"), Message(30, "tick"), Message(30, "tick")])
    #expect(
      server.server.pluginMetrics
        == [PluginMetric(plugin: "doing", name: "ticks", help: "Times that it was told.", value: .counter(3))])
    await server.stop()
  }
}

@Suite("The numbers of a plugin")
struct PluginMetricsTests {
  @Test func `are counted by its routes, in groups too, and are there again by their names`() async throws {
    let server = try await TestServer { routes in
      let moves = routes.metrics.counter("moves", "Moves.")
      routes.group { group in
        let again = group.metrics.counter("moves", "Moves.")
        let players = group.metrics.gauge("players", "Players.")
        let lengths = group.metrics.histogram("length", "Bytes of a move.", bounds: [1, 10])
        group.route(10) { request in
          moves.add()
          again.add(2)
          players.add(-1)
          lengths.record(Double(request.dataLength))
        }
      }
    }
    let peer = try await server.connect()
    for text in ["", "1", "22", "1234567890", "12345678901"] { try await peer.send(10, text) }
    let metrics = server.server.pluginMetrics
    #expect(metrics.map(\.name) == ["moves", "players", "length"])
    #expect(metrics.map(\.plugin) == ["server", "server", "server"])
    let lengths = PluginMetric.Distribution(bounds: [1, 10], counts: [2, 2, 1], sum: 24)
    #expect(metrics.map(\.value) == [.counter(15), .gauge(-5), .histogram(lengths)])
    #expect(lengths.count == 5)
    await server.stop()
  }
}
