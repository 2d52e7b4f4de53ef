import Synchronization
import ZinxIO

/// A look at what runs, and the hand of an operator on it. Every call is safe from any thread, and none waits for an event loop.
extension Server {
  /// What there is to say of every live connection now, by ascending id. Neither event loops nor workers take part: reading 19 000 takes a few
  /// tens of milliseconds of the calling thread.
  public var connections: [ConnectionSnapshot] {
    let now = Instant.now
    return connManager.all.map { $0.snapshot(at: now) }.sorted { $0.id < $1.id }
  }

  /// The last 1000 connections that have ended; the one that ended last is the first.
  public var recentlyEnded: [EndedConnection] { context.recentlyEnded.withLock { $0 }.all(at: .now) }

  /// The plugins that run, in the order in which they were given.
  public var runningPlugins: [PluginInfo] {
    plugins.map { plugin in
      let type = type(of: plugin)
      return PluginInfo(
        name: type.name, summary: type.summary, ids: context.ids(of: type.name), isReloadable: plugin is any ReloadablePlugin)
    }
  }

  /// The messages that have routes, whose these are, and what came of them, in the order of registration.
  public var routes: [RouteInfo] { context.routeInfos }

  /// A look at messages while they pass, which follows no connection yet. It is to be ended: see ``Trace/end()``.
  package func trace(_ limits: TraceLimits) -> Trace { Trace(limits, of: context) }

  // MARK: Suspend and resume

  /// Accepts nobody any more, until ``resume()``: who comes waits in the kernel's backlog. Connections that are live stay and are served.
  ///
  /// A drain closes the listeners all the same, and serves those who wait in the backlog then.
  public func suspend() {
    context.isSuspended.store(true, ordering: .sequentiallyConsistent)
    for listener in state.withLock({ $0.listeners }) { listener.suspend() }
  }

  /// The same, and ends all connections as a drain does, also those that are still arriving: the server itself goes on. Returns at once.
  public func suspendAndEndConnections() {
    suspend()
    connManager.clearConn()
    Task {
      // On each loop, where one may have been let in right before the word came.
      for context in state.withLock({ $0.contexts }) { await context.closeArrivals() }
      connManager.clearConn()
    }
  }

  /// Ends these as a drain does: what was received is handled and answered first. Returns at once.
  package func drain(_ connections: some Sequence<Connection>) { for connection in connections { connection.drain() } }

  /// Accepts again, those first who have waited.
  public func resume() {
    context.isSuspended.store(false, ordering: .sequentiallyConsistent)
    for listener in state.withLock({ $0.listeners }) { listener.placeFree() }
  }

  /// Whether nobody is accepted because of ``suspend()``.
  public var isSuspended: Bool { context.isSuspended.load(ordering: .sequentiallyConsistent) }
}

/// A plugin that runs.
public struct PluginInfo: Sendable, Hashable {
  public let name: String
  /// What it is for, in one sentence.
  public let summary: String
  /// The messages that it has registered.
  public let ids: [MessageIDs]
  /// Whether a reload gives it new settings: see ``ReloadablePlugin``.
  public let isReloadable: Bool
}

extension ServerContext {
  /// Keeps what there is to say of a connection that has ended. Its event loop.
  func note(_ connection: Connection, _ reason: CloseReason, _ fault: WireFault?) {
    let now = Instant.coarse
    recentlyEnded.withLock { $0.append(connection.ended(reason, fault, at: now)) }
  }
}
