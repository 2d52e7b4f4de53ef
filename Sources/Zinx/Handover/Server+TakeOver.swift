import Glibc
import Synchronization
import ZinxIO
import ZinxWire

/// How a server goes on where that of another program was.
extension Server {
  /// Why this server cannot go on from a state, in words, with how many connections each is about; empty if it can. Asked of one that has not
  /// started, with the configuration that it would have: nothing is opened.
  package func obstacles(to former: HandoverState) -> [String] {
    var reasons = handoverObstacles
    let stateful = plugins.filter { type(of: $0).handover == .stateful }.map { type(of: $0).name }
    for plugin in former.plugins where !stateful.contains(plugin.name) {
      reasons.append("the plugin \"\(plugin.name)\" has handed something over, and nobody here takes it")
    }
    let configuration = configuration.withLock { $0 }
    let framings = former.listeners.map { framing(of: $0, configuration) }
    var counts: [String: Int] = [:]
    for connection in former.connections {
      if let reason = refusal(of: connection, former.listeners[connection.listener], framings[connection.listener]) {
        counts[reason, default: 0] += 1
      }
    }
    return reasons + counts.sorted { $0.key < $1.key }.map { "\($0.value) connections: \($0.key)" }
  }

  private func refusal(of connection: ConnectionState, _ listener: ListenerState, _ framing: Framing?) -> String? {
    guard let framing else {
      return "the listener \"\(listener.name)\" speaks \(listener.framing), which this configuration does not have"
    }
    for property in connection.properties { if let reason = context.lasting.refusal(property) { return reason } }
    var outbox = Outbox(framing.dataPack, isWebSocket: connection.webSocket != nil)
    do throws(HandoverFault) { try outbox.goOn(from: connection.outbox) } catch { return "\(error)" }
    return nil
  }

  /// What connections of a listener speak: what it does now, or what it did. Nil for what is known to nobody any more.
  private func framing(of listener: ListenerState, _ configuration: ServerConfiguration) -> Framing? {
    let known = configuration.allEndpoints.first { $0.name == listener.name }.map { $0.framing ?? configuration.framing }
    if let known, "\(known)" == listener.framing { return known }
    return DataPack(rawValue: listener.framing).map(Framing.zinx)
  }

  /// Whether the event loops go on with what those of another program had in epoll: where they are as many.
  package func goesOnWithLoops(of former: HandoverState) -> Bool {
    former.loopSets.count == LoopGroup.size(configuration.withLock { $0.ioThreads })
  }

  /// Before anybody is accepted.
  func makeRoom(for former: HandoverState) {
    context.firstFreeID = former.nextID
    context.isSuspended.store(former.isSuspended, ordering: .sequentiallyConsistent)
    context.admission.withLock { $0.takeOver(former.connections.count) }
    context.counters.goOn(from: former.counts)
  }

  /// Makes the connections, tells the plugins, and has the connections go on.
  func takeOver(_ former: HandoverState, _ configuration: ServerConfiguration) async throws {
    let endpoints = try former.listeners.map { try endpoint(of: $0, configuration) }
    for (endpoint, state) in zip(endpoints, former.listeners) { endpoint?.places.goOn(from: state.accepted) }
    let contexts = state.withLock { $0.contexts }
    let goesOn = goesOnWithLoops(of: former)
    var places = [[Int]](repeating: [], count: contexts.count)
    for (index, state) in former.connections.enumerated() {
      places[goesOn ? state.registration?.loop ?? index % contexts.count : index % contexts.count].append(index)
    }
    // Each loop makes its own, side by side.
    let groups = try await withThrowingTaskGroup(of: (Int, [Connection]).self) { group in
      for (loop, context) in contexts.enumerated() {
        let places = places[loop]
        group.addTask {
          let made = try await withCheckedThrowingContinuation { (done: CheckedContinuation<[Connection], any Error>) in
            context.loop.execute {
              done.resume(with: Result { try self.make(places, of: former, endpoints, context, isThere: goesOn) })
            }
          }
          return (loop, made)
        }
      }
      return try await group.reduce(into: [[Connection]](repeating: [], count: contexts.count)) { $0[$1.0] = $1.1 }
    }
    let lost = former.connections.count - groups.reduce(0) { $0 + $1.count }
    let states = Dictionary(former.plugins.map { ($0.name, $0.bytes) }) { $1 }
    for (plugin, _, own) in state.withLock({ $0.plugins }) where type(of: plugin).handover == .stateful {
      try await plugin.didTakeOver(states[type(of: plugin).name], in: own)
    }
    for (group, context) in zip(groups, contexts) { resume(group, context) }
    for (listener, endpoint) in zip(former.listeners, endpoints) where !listener.isPassed && !configuration.hasListener(listener)
    {
      await letInLast(listener, endpoint, contexts)
    }
    context.emit(.tookOver(connections: former.connections.count - lost, lost: lost))
  }

  /// Makes connections of one loop, on it.
  ///
  /// - Parameter isThere: the loop has them in its epoll set.
  private func make(
    _ places: [Int], of former: HandoverState, _ endpoints: [EndpointContext?], _ context: LoopContext, isThere: Bool
  ) throws -> [Connection] {
    var made: [Connection] = []
    made.reserveCapacity(places.count)
    for place in places {
      let state = former.connections[place]
      // Whoever is lost here was good when it was asked for: its socket is closed, and its place is free.
      guard let endpoint = endpoints[state.listener], let connection = try? Connection(state, self.context, endpoint, context)
      else {
        _ = Descriptor(owning: state.descriptor)
        _ = self.context.admission.withLock { $0.leave() }
        continue
      }
      endpoint.places.takeOver()
      self.context.connManager.add(connection, isCounted: false)
      try rejoin(connection, state)
      connection.arrive(isThere ? state.registration : nil)
      made.append(connection)
    }
    return made
  }

  /// Those that a loop resumes before it looks at what else there is to do.
  private static let resumed = 256

  private func resume(_ connections: [Connection], _ context: LoopContext) {
    for start in stride(from: 0, to: connections.count, by: Self.resumed) {
      let some = connections[start..<min(connections.count, start + Self.resumed)]
      context.loop.execute { for connection in some { connection.resume() } }
    }
  }

  private func rejoin(_ connection: Connection, _ state: ConnectionState) throws {
    for property in state.properties { try context.lasting.restore(property, connection) }
    guard state.life.phase < .lastFlush else { return }
    if !state.user.isEmpty { try connection.bind(user: state.user) }
    for group in state.groups { try connection.groups[group].join(connection) }
    let left = state.deadline - Instant.now.nanoseconds
    if state.deadline > 0 { connection.deadline(.nanoseconds(max(0, left))) }
  }

  /// Lets in who waits at an address that this configuration has no more, as a reload does, and closes its sockets.
  private func letInLast(_ listener: ListenerState, _ endpoint: EndpointContext?, _ contexts: [LoopContext]) async {
    let file = listener.path.isEmpty ? nil : SocketFile(listener.path)
    for socket in listener.sockets {
      let descriptor = Descriptor(owning: socket)
      guard let endpoint, let last = try? Listener(descriptor, file, endpoint, context, contexts) else {
        file?.remove()
        continue
      }
      try? await last.start()
      await last.stop()
    }
  }

  /// That of the listener, or one for those that are left of it.
  private func endpoint(of listener: ListenerState, _ configuration: ServerConfiguration) throws -> EndpointContext? {
    let doors = state.withLock { $0.doors }
    if let door = doors.first(where: { $0.context.name == listener.name }), "\(door.context.framing)" == listener.framing {
      return door.context
    }
    guard let pack = DataPack(rawValue: listener.framing) else { return nil }
    var endpoint = Endpoint(name: listener.name, .tcp(host: "", port: 0))
    endpoint.framing = .zinx(pack)
    try context.prepare(for: [endpoint])
    let left = context.context(for: endpoint, configuration)
    state.withLock { $0.left.append(left) }
    return left
  }
}

extension ServerConfiguration {
  /// Whether a listener of another program is one here too, on the same address.
  package func hasListener(_ listener: ListenerState) -> Bool {
    allEndpoints.contains { $0.name == listener.name && $0.addressText == listener.address }
  }
}
