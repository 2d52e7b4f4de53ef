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
    if listener.isWebSocket { return "WebSockets cannot be taken over" }
    for property in connection.properties { if let reason = context.lasting.refusal(property) { return reason } }
    var outbox = Outbox(framing.dataPack)
    do throws(HandoverFault) { try outbox.goOn(from: connection.outbox) } catch { return "\(error)" }
    return nil
  }

  /// What connections of a listener speak: what it does now, or what it did. Nil for what is known to nobody any more.
  private func framing(of listener: ListenerState, _ configuration: ServerConfiguration) -> Framing? {
    let known = configuration.allEndpoints.first { $0.name == listener.name }.map { $0.framing ?? configuration.framing }
    if let known, "\(known)" == listener.framing { return known }
    return DataPack(rawValue: listener.framing).map(Framing.zinx)
  }

  /// Before anybody is accepted.
  func makeRoom(for former: HandoverState) {
    context.firstFreeID = former.nextID
    context.isSuspended.store(former.isSuspended, ordering: .sequentiallyConsistent)
    context.admission.withLock { $0.takeOver(former.connections.count) }
  }

  /// Makes the connections, tells the plugins, and has the connections go on.
  func takeOver(_ former: HandoverState, _ configuration: ServerConfiguration) async throws {
    let endpoints = try former.listeners.map { try endpoint(of: $0, configuration) }
    let contexts = state.withLock { $0.contexts }
    var groups = [[Connection]](repeating: [], count: contexts.count)
    var lost = 0
    for (index, state) in former.connections.enumerated() {
      let loop = index % contexts.count
      // Whoever is lost here was good when it was asked for: its socket is closed, and its place is free.
      guard let endpoint = endpoints[state.listener], let connection = try? Connection(state, context, endpoint, contexts[loop])
      else {
        _ = Descriptor(owning: state.descriptor)
        _ = context.admission.withLock { $0.leave() }
        lost += 1
        continue
      }
      endpoint.places.takeOver()
      context.connManager.add(connection, isCounted: false)
      try rejoin(connection, state)
      groups[loop].append(connection)
      if groups[loop].count % Self.arriving == 0 { arrive(groups[loop].suffix(Self.arriving), contexts[loop]) }
    }
    for (group, context) in zip(groups, contexts) { arrive(group.suffix(group.count % Self.arriving), context) }
    let states = Dictionary(former.plugins.map { ($0.name, $0.bytes) }) { $1 }
    for (plugin, _, own) in state.withLock({ $0.plugins }) where type(of: plugin).handover == .stateful {
      try await plugin.didTakeOver(states[type(of: plugin).name], in: own)
    }
    for connection in groups.joined() { connection.loop.execute { connection.resume() } }
    context.emit(.tookOver(connections: former.connections.count - lost, lost: lost))
  }

  /// Those that a loop is given at once, while others are made.
  private static let arriving = 256

  private func arrive(_ connections: ArraySlice<Connection>, _ context: LoopContext) {
    context.loop.execute { for connection in connections { connection.arrive() } }
  }

  private func rejoin(_ connection: Connection, _ state: ConnectionState) throws {
    for property in state.properties { try context.lasting.restore(property, connection) }
    guard state.life.phase < .lastFlush else { return }
    if !state.user.isEmpty { try connection.bind(user: state.user) }
    for group in state.groups { try connection.groups[group].join(connection) }
    let left = state.deadline - Instant.now.nanoseconds
    if state.deadline > 0 { connection.deadline(.nanoseconds(max(0, left))) }
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
