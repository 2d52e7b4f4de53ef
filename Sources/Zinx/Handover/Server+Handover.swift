import Glibc
import Synchronization
import ZinxIO

/// How a server holds still while another program takes its place, and how it goes on from where another one was.
///
/// All of it but ``stateNow()`` is called from one thread that may block, and that is none of the server's.
extension Server {
  /// Time for those who are not connections yet to become some.
  private static let arrivalTime = Duration.milliseconds(200)
  /// Time in which a loop comes to what it is asked.
  private static let loopTime = Duration.seconds(2)
  /// Time that plugins have to write down what they know.
  private static let pluginTime = Duration.seconds(2)
  /// Microseconds between two looks at whether handlers have ended.
  private static let pause: UInt32 = 100

  /// A line for each plugin that does not say what becomes of what it knows: with one there is no handover.
  package var handoverObstacles: [String] {
    plugins.filter { type(of: $0).handover == .unknown }.map {
      "the plugin \"\(type(of: $0).name)\" does not say what becomes of what it knows"
    }
  }

  /// What there is of the server at this moment, while it serves: what another program is asked whether it can take. Of each connection it is
  /// of one moment, and those that end meanwhile may be in it. Blocks until every loop has come to it.
  ///
  /// Throws: ``HandoverRefusal``.
  package func stateNow() throws(HandoverRefusal) -> HandoverState {
    let listeners = handoverListeners
    let groups = connectionsByLoop
    let parts = try onLoops(within: Self.loopTime) { index, _ in
      // The others end before it comes to that.
      groups[index].compactMap {
        $0.handoverObstacle == nil ? $0.state(listener: listeners.index(of: $0), holdingOn: nil) : nil
      }
    }
    return state(listeners, parts.flatMap { $0 }, [])
  }

  /// Ends those whom another program cannot have, as a drain does, and waits until they have heard the last word: they know of no other end.
  /// To wait for theirs is something that the other program can do.
  ///
  /// Returns how many there were, by the obstacle.
  package func endThoseWhoCannotPass(within time: Duration) -> [String: Int] {
    var counts: [String: Int] = [:]
    var ending: [Connection] = []
    for connection in connManager.all {
      guard let obstacle = connection.handoverObstacle else { continue }
      counts[obstacle, default: 0] += 1
      ending.append(connection)
      connection.endForHandover(obstacle)
    }
    let deadline = Instant.now.advanced(byNanoseconds: time.inNanoseconds)
    var left = ending
    while !left.isEmpty, Instant.now < deadline {
      usleep(1000)
      left = stillTold(left)
    }
    for connection in left { connection.cut(.handover) }
    return counts
  }

  /// Those of them who have not heard the last word yet; all while a loop does not come to that.
  private func stillTold(_ connections: [Connection]) -> [Connection] {
    let there = Dictionary(grouping: connections.filter { connManager.has($0) }) { ObjectIdentifier($0.context) }
    let left = try? onLoops(within: .milliseconds(100)) { _, context in
      there[ObjectIdentifier(context)]?.filter { !$0.hasParted } ?? []
    }
    return left?.flatMap { $0 } ?? connections
  }

  /// Holds everything: nobody is accepted, nothing is read, handlers come to their ends, loops stand still, and who sends waits. Blocks for
  /// that long. Then there is nothing else to do than to have another program take over, or to ``release()``.
  ///
  /// A handler that does not end within `time` is cancelled; its connection ends in the program that takes over.
  ///
  /// Throws: ``HandoverRefusal``; then it goes on as if nothing had been.
  package func hold(atMost time: Duration) throws(HandoverRefusal) -> HeldServer {
    context.isHandingOver.store(true, ordering: .sequentiallyConsistent)
    for listener in state.withLock({ $0.listeners }) { listener.suspend() }
    do throws(HandoverRefusal) {
      try awaitArrivals()
      let (groups, abandoned) = try holdConnections(atMost: time)
      let plugins = try writePlugins()
      let states = try stopLoops(groups)
      var state = state(handoverListeners, states, plugins)
      state.sockets = loopSets
      return HeldServer(state: state, abandoned: abandoned)
    } catch {
      release()
      throw error
    }
  }

  /// What the kernel has of loops that stand still, for the program that takes over.
  private var loopSets: [SocketState] {
    state.withLock { $0.contexts.map { SocketState(HandoverState.loopSet, $0.loop.setDescriptor) } }
  }

  /// Goes on after ``hold(atMost:)``.
  package func release() {
    context.holdsOutboxes.store(false, ordering: .sequentiallyConsistent)
    context.holdsLoops.store(false, ordering: .sequentiallyConsistent)
    context.isHandingOver.store(false, ordering: .sequentiallyConsistent)
    for connection in connManager.all { connection.loop.execute { connection.release() } }
    for listener in state.withLock({ $0.listeners }) { listener.placeFree() }
  }

  // MARK: Steps

  private func awaitArrivals() throws(HandoverRefusal) {
    let deadline = Instant.now.advanced(byNanoseconds: Self.arrivalTime.inNanoseconds)
    while try onLoops(within: Self.loopTime, { $1.arrivals.count }).contains(where: { $0 > 0 }) {
      guard Instant.now < deadline else {
        _ = try onLoops(within: Self.loopTime) { $1.drainArrivals() }
        return
      }
      usleep(Self.pause)
    }
  }

  /// Returns the connections of each loop, and how many have handlers that go on.
  private func holdConnections(atMost time: Duration) throws(HandoverRefusal) -> ([[Connection]], Int) {
    let groups = connectionsByLoop
    let pending = Pending(of: groups)
    func settle(_ first: Bool) throws(HandoverRefusal) -> Int {
      try onLoops(within: max(time, Self.loopTime)) { index, _ in
        if first { for connection in groups[index] { connection.hold() } }
        return pending.settle(index)
      }.reduce(0, +)
    }
    func wait(_ time: Duration, _ left: Int) throws(HandoverRefusal) -> Int {
      let deadline = Instant.now.advanced(byNanoseconds: time.inNanoseconds)
      var left = left
      while left > 0, Instant.now < deadline {
        usleep(Self.pause)
        left = try settle(false)
      }
      return left
    }
    var left = try wait(time, try settle(true))
    if left > 0 {
      _ = try onLoops(within: Self.loopTime) { index, _ in pending.forEach(of: index) { $0.giveUpHandler() } }
      left = try wait(.milliseconds(500), left)
    }
    return (groups, left)
  }

  private func writePlugins() throws(HandoverRefusal) -> [NamedState] {
    let stateful = plugins.filter { type(of: $0).handover == .stateful }
    guard !stateful.isEmpty else { return [] }
    let answer = Answers<Result<[NamedState], any Error>>(1)
    let task = Task {
      do {
        var states: [NamedState] = []
        for plugin in stateful { states.append(NamedState(type(of: plugin).name, try await plugin.willHandOver())) }
        answer.give(.success(states), at: 0)
      } catch { answer.give(.failure(error), at: 0) }
    }
    guard let result = answer.take(within: Self.pluginTime)?.first else {
      task.cancel()
      throw .pluginsAreSlow
    }
    do { return try result.get() } catch { throw .plugin("\(error)") }
  }

  /// Every loop waits in a job until ``release()``: what it touches is at rest. When all do, each writes down its connections, side by side.
  private func stopLoops(_ groups: [[Connection]]) throws(HandoverRefusal) -> [ConnectionState] {
    context.holdsLoops.store(true, ordering: .sequentiallyConsistent)
    let contexts = state.withLock { $0.contexts }
    let listeners = handoverListeners
    // They live on the first.
    let own = state.withLock { $0.listeners }
    let (stopped, written) = (Answers<Void>(contexts.count), Answers<[ConnectionState]>(contexts.count))
    for (index, context) in contexts.enumerated() {
      context.loop.execute { [server = self.context] in
        stopped.give((), at: index)
        while server.holdsLoops.load(ordering: .acquiring), !server.holdsOutboxes.load(ordering: .acquiring) {
          usleep(Self.pause)
        }
        if server.holdsOutboxes.load(ordering: .acquiring) {
          for listener in own where index == 0 { listener.leaveSet() }
          written.give(groups[index].compactMap { $0.state(listener: listeners.index(of: $0), holdingOn: index) }, at: index)
        }
        while server.holdsLoops.load(ordering: .acquiring) { usleep(Self.pause) }
      }
    }
    guard stopped.take(within: Self.loopTime) != nil else { throw .loopsAreBlocked }
    context.holdsOutboxes.store(true, ordering: .sequentiallyConsistent)
    guard let states = written.take(within: Self.loopTime) else { throw .loopsAreBlocked }
    return states.flatMap { $0 }
  }

  // MARK: Parts

  /// The connections of each loop, by its place.
  private var connectionsByLoop: [[Connection]] {
    let contexts = state.withLock { $0.contexts }
    let places = Dictionary(uniqueKeysWithValues: contexts.enumerated().map { (ObjectIdentifier($1), $0) })
    var groups = [[Connection]](repeating: [], count: contexts.count)
    for connection in connManager.all {
      if let place = places[ObjectIdentifier(connection.context)] { groups[place].append(connection) }
    }
    return groups
  }

  /// Has each loop answer. Blocks.
  private func onLoops<Value: Sendable>(
    within time: Duration, _ body: @escaping @Sendable (Int, LoopContext) -> Value
  ) throws(HandoverRefusal) -> [Value] {
    let contexts = state.withLock { $0.contexts }
    let answers = Answers<Value>(contexts.count)
    for (index, context) in contexts.enumerated() { context.loop.execute { answers.give(body(index, context), at: index) } }
    guard let values = answers.take(within: time) else { throw .loopsAreBlocked }
    return values
  }

  private var handoverListeners: HandoverListeners {
    HandoverListeners(state.withLock { ($0.doors, $0.left) })
  }

  private func state(_ listeners: HandoverListeners, _ connections: [ConnectionState], _ plugins: [NamedState]) -> HandoverState {
    var state = HandoverState()
    (state.nextID, state.isSuspended) = (context.firstFreeID, isSuspended)
    (state.listeners, state.connections, state.plugins) = (listeners.states, connections, plugins)
    state.counts = counters.state
    return state
  }
}

/// A server that is held, and what is to be taken over of it.
package struct HeldServer: Sendable {
  package var state: HandoverState
  /// Connections whose handlers did not end in time.
  package var abandoned: Int
}

/// Why a server cannot be held.
package enum HandoverRefusal: Error, Sendable, Equatable, CustomStringConvertible {
  /// A handler blocks an event loop.
  case loopsAreBlocked
  case pluginsAreSlow
  /// One does not want it.
  case plugin(String)

  package var description: String {
    switch self {
    case .loopsAreBlocked: "a handler blocks an event loop"
    case .pluginsAreSlow: "plugins do not write down what they know in time"
    case .plugin(let reason): "a plugin does not hand over: \(reason)"
    }
  }
}

/// Listeners in the order in which connections name them.
private struct HandoverListeners {
  private(set) var states: [ListenerState] = []
  private var places: [ObjectIdentifier: Int] = [:]

  init(_ parts: (doors: [Door], left: [EndpointContext])) {
    for door in parts.doors {
      add(door.context)
      let last = states.count - 1
      states[last].isPassed = door.isPassed
      states[last].address = door.endpoint.addressText
      for listener in door.listeners {
        let state = listener.state
        states[last].sockets.append(state.descriptor)
        states[last].path = state.path
      }
    }
    for context in parts.left where places[ObjectIdentifier(context)] == nil { add(context) }
  }

  private mutating func add(_ context: EndpointContext) {
    places[ObjectIdentifier(context)] = states.count
    var state = ListenerState()
    (state.name, state.framing) = (context.name, "\(context.framing)")
    state.isWebSocket = context.webSocketRules != nil
    state.accepted = context.places.accepted
    states.append(state)
  }

  /// Of one whose listener changed under it, the first of its name.
  func index(of connection: Connection) -> Int {
    places[ObjectIdentifier(connection.endpoint)] ?? states.firstIndex { $0.name == connection.listener } ?? 0
  }
}
