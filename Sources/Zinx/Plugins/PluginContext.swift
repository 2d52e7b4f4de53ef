import Logging
import ZinxIO

/// What a plugin reaches of the server that it is a part of: see ``RoutePlugin/start(in:)``. Any thread; valid as long as the server.
public struct PluginContext: Sendable {
  /// The live connections.
  public let connManager: ConnManager
  /// Who is who.
  public let users: Users
  /// The groups.
  public let groups: Groups
  /// Numbers of its own.
  public let metrics: PluginMetrics
  /// Its own log, `zinx.plugin.` and the name of the plugin.
  public let logger: Logger
  private let shared: SharedValues
  private let counted: Counters
  private let tasks: PluginTasks
  private let loop: ZinxIO.EventLoop

  /// What the server has counted by now, of all plugins and listeners: one snapshot a call. What a plugin counts itself is in ``metrics``.
  public var counters: CounterSnapshot { counted.snapshot }

  /// A number of the plugin that only grows: it stands in the status (SIGUSR1), in the metrics as `zinx_plugin_<plugin>_<name>_total`, and in
  /// ``Server/pluginMetrics``. Short for ``PluginMetrics/counter(_:_:)``; who asks again gets the same one.
  ///
  /// <!-- in: func start(in context: PluginContext) { … } -->
  /// ```swift
  /// let ticks = context.counter("ticks", "Times that the clock has struck.")
  /// context.every(.seconds(1)) { ticks.add() }
  /// ```
  public func counter(_ name: String, _ help: String) -> PluginCounter { metrics.counter(name, help) }

  init(_ server: ServerContext, plugin: String, _ tasks: PluginTasks, _ loop: ZinxIO.EventLoop) {
    (connManager, users, groups) = (server.connManager, server.users, server.groups)
    shared = server.shared
    counted = server.counters
    metrics = PluginMetrics(plugin: plugin, registry: server.metrics)
    logger = Logger(label: "zinx.plugin.\(plugin)")
    (self.tasks, self.loop) = (tasks, loop)
  }

  /// What one plugin has for those that start after it, under a key that both know; nil without. Any thread.
  public subscript<Key: PropertyKey>(_ key: Key.Type) -> Key.Value? {
    get { shared[key] }
    nonmutating set { shared[key] = newValue }
  }

  /// Has something done beside the server, which ends with it: when the server stops, after its last connection has ended, the task is
  /// cancelled and waited for, and only then is ``RoutePlugin/stop()`` called. A task that goes on although it was cancelled is waited for
  /// as long as the drain has time, and half a second then.
  ///
  /// It begins at once, on the threads of the Swift runtime, which it must not block. What it throws is told as
  /// ``ServerEvent/pluginTaskFailed(plugin:_:)``, but for a `CancellationError`, and ends it.
  ///
  /// Returns false, having done nothing, when the server stops already.
  @discardableResult
  public func task(_ body: @escaping @Sendable () async throws -> Void) -> Bool { tasks.start(body) }

  /// Has something done again and again until the server stops, as by ``task(_:)``: first when `interval` has passed, and then each time that
  /// it passes again. It never runs twice at once: a time at which the one before still runs is left out. One that throws is told, and the
  /// next comes all the same.
  ///
  /// - Parameter interval: more than zero.
  @discardableResult
  public func every(_ interval: Duration, _ body: @escaping @Sendable () async throws -> Void) -> Bool {
    precondition(interval > .zero, "an interval has to be more than zero")
    let step = interval.inNanoseconds
    let first = loop.time.advanced(byNanoseconds: step)
    return tasks.start { [tasks, loop] in
      var due = first
      while true {
        try await loop.sleep(until: due)
        do { try await body() } catch { tasks.failed(error) }
        let behind = max(0, loop.time.nanoseconds - due.nanoseconds)
        due = due.advanced(byNanoseconds: (behind / step + 1) * step)
      }
    }
  }

  /// Waits for some time, in a test for its own time: what plugins do best has the clock of the server, so that tests need not wait.
  ///
  /// Throws: `CancellationError`, at once when the task is cancelled.
  public func sleep(for time: Duration) async throws {
    try await loop.sleep(until: loop.time.advanced(byNanoseconds: time.inNanoseconds))
  }
}
