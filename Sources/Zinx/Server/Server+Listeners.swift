import Glibc
import Synchronization
import ZinxIO
import ZinxTLS

/// Listeners: how they are opened, and how they change while the server runs.
extension Server {
  /// The addresses listened on, with the port that the kernel chose for port 0; empty before ``start(listeningOn:)`` and while it
  /// drains.
  public var addresses: [SocketAddress] { state.withLock { $0.listeners.map(\.address) } }

  /// The listeners that are open, in the order of the configuration.
  public var listeners: [ListenerInfo] {
    state.withLock { state in
      state.doors.map {
        ListenerInfo(
          name: $0.context.name, addresses: $0.listeners.map(\.name), framing: $0.context.framing,
          isTLS: $0.context.tls != nil,
          transport: $0.endpoint.transport, proxyProtocol: $0.endpoint.proxyProtocol, live: $0.context.places.live,
          plugins: $0.endpoint.plugins)
      }
    }
  }

  // MARK: Opening

  /// Opens the listeners, but for those named, for ``start(listeningOn:)``: a part of the start that may be tried again when an address
  /// or a name is not there yet. The caller owns the sockets.
  ///
  /// Throws: ``ZinxError/hostUnresolved(host:reason:)``, ``ZinxError/hostNotFound(host:reason:)``,
  /// ``ZinxError/cannotListen(address:call:code:)``, ``ZinxError/addressHeld(address:by:)``, ``ZinxError/duplicateListener(name:)``,
  /// `CancellationError`.
  package func openSockets(except opened: [String] = []) async throws -> [EndpointSockets] {
    try await openSockets(configuration.withLock { $0 }, except: opened)
  }

  /// Opens sockets for what is not a listener of a server, in the same way: one for each address of a name. The caller owns them.
  ///
  /// Throws: ``ZinxError/hostUnresolved(host:reason:)``, ``ZinxError/hostNotFound(host:reason:)``,
  /// ``ZinxError/cannotListen(address:call:code:)``, ``ZinxError/addressHeld(address:by:)``, `CancellationError`.
  package static func openSockets(
    at address: ListenAddress, name: String, backlog: Int32 = 128, lookUp: HostLookUp = systemLookUp
  ) async throws -> EndpointSockets {
    guard case .tcp(let host, let port) = address else {
      let local = try LocalListeningSocket.open(address, mode: 0o660, backlog: backlog)
      return EndpointSockets(name: name, sockets: [local.socket], isPassed: false, local.file)
    }
    let options = ListeningSocket.Options(keepAlive: KeepAlive(.seconds(10)), backlog: backlog)
    let opened = try ListeningSocket.open(host, await lookUp(host, port), options)
    return EndpointSockets(name: name, sockets: opened.sockets, isPassed: false, nil)
  }

  func openSockets(_ configuration: ServerConfiguration, except opened: [String]) async throws -> [EndpointSockets] {
    try await openSockets(configuration.allEndpoints.filter { !opened.contains($0.name) }, configuration)
  }

  /// All of them, or none.
  private func openSockets(
    _ endpoints: [Endpoint], _ configuration: ServerConfiguration, sharing isShared: Bool = false
  ) async throws -> [EndpointSockets] {
    try checkNames(configuration)
    var opened: [EndpointSockets] = []
    do {
      for endpoint in endpoints {
        let options = ListeningSocket.Options(
          keepAlive: KeepAlive(configuration.vanishedTimeout), backlog: Int32(clamping: endpoint.backlog),
          v6Only: endpoint.v6Only,
          isShared: isShared)
        opened.append(try await open(endpoint, options))
      }
      return opened
    } catch {
      for sockets in opened { sockets.close() }
      throw error
    }
  }

  private func checkNames(_ configuration: ServerConfiguration) throws(ZinxError) {
    var names: Set<String> = []
    for endpoint in configuration.allEndpoints where !names.insert(endpoint.name).inserted {
      throw .duplicateListener(name: endpoint.name)
    }
  }

  private func open(_ endpoint: Endpoint, _ options: ListeningSocket.Options) async throws -> EndpointSockets {
    guard case .tcp(let host, let port) = endpoint.address else {
      let local = try LocalListeningSocket.open(endpoint.address, mode: endpoint.mode, backlog: options.backlog)
      return EndpointSockets(name: endpoint.name, sockets: [local.socket], isPassed: false, local.file)
    }
    let opened = try ListeningSocket.open(host, await lookUp(host, port), options)
    for address in opened.absent { context.emit(.addressAbsent(address, host: host)) }
    return EndpointSockets(name: endpoint.name, sockets: opened.sockets, isPassed: false, nil)
  }

  /// The files of every listener with TLS, of which those are read that were not before.
  ///
  /// - Parameter acceptingTime: whether certificates may be used outside their time, which is told.
  ///
  /// Throws: ``ZinxError/badCertificate(listener:_:)``.
  func loadCertificates(
    _ read: ListenerCertificates, _ configuration: ServerConfiguration, acceptingTime: Bool
  ) throws(ZinxError) -> ListenerCertificates {
    var certificates = read
    certificates.read(for: configuration)
    for (listener, fault) in certificates.faults where !fault.isWarning && !(acceptingTime && fault.isOfTime) {
      throw .badCertificate(listener: listener, fault)
    }
    for (listener, fault) in certificates.faults { context.certificateIsOutOfTime(fault, listener) }
    return certificates
  }

  /// Tells of certificates in use that have ended, or will soon. To be called each day.
  ///
  /// - Parameter now: seconds of Unix time.
  package func tellCertificates(at now: Int64 = Int64(time(nil))) {
    for door in state.withLock({ $0.doors }) {
      guard let fault = door.context.tls?.context.fault(at: now) else { continue }
      context.certificateIsOutOfTime(fault, door.endpoint.name)
    }
  }

  /// Accepts on sockets. They are the door's, also when this throws.
  ///
  /// - Parameter former: what connections had that came in under the name.
  func openDoor(
    _ opened: EndpointSockets, _ configuration: ServerConfiguration, _ certificates: ListenerCertificates,
    after former: EndpointContext? = nil
  ) async throws -> Door {
    var sockets = opened.sockets
    var listeners: [Listener] = []
    do {
      guard let endpoint = configuration.allEndpoints.first(where: { $0.name == opened.name }) else {
        throw ZinxError.listenerNotFound(name: opened.name)
      }
      let context = context.context(for: endpoint, configuration, tls: certificates[endpoint.name], after: former)
      let loops = state.withLock { $0.contexts }
      while !sockets.isEmpty {
        let listener = try Listener(Descriptor(owning: sockets.removeFirst()), opened.file, context, self.context, loops)
        listeners.append(listener)
        try await listener.start()
      }
      return Door(endpoint: endpoint, context: context, listeners: listeners, isPassed: opened.isPassed)
    } catch {
      opened.file?.remove()
      for socket in sockets { _ = Descriptor(owning: socket) }
      for listener in listeners { await listener.stop() }
      throw error
    }
  }

  // MARK: While it runs

  /// Puts those settings into force that can change while the server runs, and leaves the listeners where they are: `maxConn`,
  /// `maxPacketSize`, `maxWorkerTaskLen`, `maxMsgChanLen`, `maxConnQueueBytes`, `maxQueueBytes`, `overloadPolicy`, `maxConnPerIP`,
  /// `acceptRate`, `reservedDescriptors`, `allow`, `deny`, the rates, and the time-outs, and of listeners that keep their names the rules
  /// of their own. No connection is closed, also one that would not be let in now, but for those that a lower `maxQueueBytes` sheds; with
  /// a lower `maxConn` or `maxConnPerIP` nobody is admitted until the number of connections has fallen below it. `vanishedTimeout` is that
  /// of connections accepted from here on.
  ///
  /// Before a start this is the configuration that it will have, its listeners included, but for the number of workers; the start throws
  /// what is wrong with it.
  public func apply(_ new: ServerConfiguration) {
    configuration.withLock { $0 = new }
    context.settings.apply(new)
    context.gate.apply(new)
    let (doors, left) = state.withLock { ($0.doors, $0.left) }
    for context in left { context.apply(new) }
    for door in doors { door.context.apply(new.allEndpoints.first { $0.name == door.context.name } ?? door.endpoint, new) }
    connManager.limitPerSource(new.maxConnPerIP)
    limitConnections(new)
    for listener in doors.flatMap(\.listeners) {
      listener.setKeepAlive(KeepAlive(new.vanishedTimeout))
      listener.placeFree()
    }
    connManager.forEach { connection in connection.context.loop.execute { connection.settingsChanged() } }
    context.shedIfNeeded()
  }

  /// Puts a configuration into force as ``apply(_:)`` does, and its listeners too: new ones are opened first, and when one cannot be,
  /// nothing has changed. Sockets stay open where their address stays, whatever else changes about the listener. Connections stay,
  /// also those of listeners that are gone. A listener whose sockets were passed keeps them, whatever its address.
  ///
  /// One at a time: a call waits for the one before it. While the server drains it changes no listener.
  ///
  /// A codec that a plugin which runs has brought is used in place of another of its name, as that of plugins which were made anew.
  /// Certificates are read anew, and are those of handshakes from here on; one that is not good at this time is refused here.
  ///
  /// - Parameter plugins: made anew from what is configured now, in place of those that run. A ``ReloadablePlugin`` goes on with the
  ///   settings of the one of its name, others are left as they are; one that refuses keeps everything from changing.
  ///
  /// Throws: what opening throws, see ``start(listeningOn:)``; ``ZinxError/settingsRefused(plugin:reason:)``,
  /// ``ZinxError/duplicateRoute(ids:first:second:listener:)``, ``ZinxError/pluginNotFound(_:listener:)``.
  public func reload(_ new: ServerConfiguration, plugins: [any RoutePlugin] = []) async throws {
    try await reload(new, plugins: plugins, certificates: ListenerCertificates())
  }

  /// - Parameter certificates: what was read already.
  package func reload(_ new: ServerConfiguration, plugins: [any RoutePlugin], certificates: ListenerCertificates) async throws {
    let new = context.withOwnCodecs(new)
    let work = state.withLock { state -> Task<Void, any Error>? in
      guard state.life.isAccepting else { return nil }
      let work = Task { [before = state.reload] in
        _ = await before?.result
        let successions = try await self.successions(plugins)
        try await self.changeListeners(new, certificates) { for succeed in successions { succeed() } }
      }
      state.reload = work
      return work
    }
    guard let work else { return apply(new) }
    do { try await work.value } catch let error as SystemError {
      throw ZinxError.systemCallFailed(call: error.call, code: error.code)
    }
  }

  /// - Parameter succeed: puts new settings of plugins into force, when nothing can fail any more.
  private func changeListeners(
    _ new: ServerConfiguration, _ read: ListenerCertificates, succeed: () -> Void
  ) async throws {
    let doors = state.withLock { state in
      state.left.removeAll { $0.places.live == 0 }
      return state.doors
    }
    guard !doors.isEmpty else {
      succeed()
      return apply(new)
    }
    try checkNames(new)
    let certificates = try loadCertificates(read, new, acceptingTime: false)
    let endpoints = new.allEndpoints
    try context.prepare(for: endpoints)
    let plan = ListenerPlan(from: doors.map { .init(endpoint: $0.endpoint, isPassed: $0.isPassed) }, to: endpoints)
    let wanted = endpoints.indices.filter { plan.sources[$0] == nil }.map { endpoints[$0] }
    let leaving = plan.closed.map { doors[$0] }
    let opened = try await openDoors(wanted, new, certificates, beside: doors, leaving)
    var next: [Door] = []
    for (endpoint, source) in zip(endpoints, plan.sources) {
      if let source {
        next.append(await goOn(doors[source], endpoint, new, certificates, doors))
      } else if let door = opened.first(where: { $0.endpoint.name == endpoint.name }) {
        next.append(door)
      }
    }
    let contexts = Set(next.map { ObjectIdentifier($0.context) })
    let isServing = state.withLock { [next] state in
      // A drain that came meanwhile closes those that it found.
      guard state.life.isAccepting else { return false }
      state.doors = next
      state.left += doors.map(\.context).filter { !contexts.contains(ObjectIdentifier($0)) }
      return true
    }
    succeed()
    apply(new)
    for door in isServing ? leaving : opened { await door.close() }
    context.forgetHandlers(except: isServing ? endpoints : doors.map(\.endpoint))
  }

  /// All of them, or none.
  private func openDoors(
    _ endpoints: [Endpoint], _ configuration: ServerConfiguration, _ certificates: ListenerCertificates, beside doors: [Door],
    _ leaving: [Door]
  ) async throws -> [Door] {
    guard !endpoints.isEmpty else { return [] }
    var opened: [Door] = []
    var sockets: [EndpointSockets] = []
    // Sockets of others are not ours to change.
    let own = leaving.filter { !$0.isPassed }.flatMap(\.listeners)
    for listener in own { await listener.share(true) }
    do {
      sockets = try await openSockets(endpoints, configuration, sharing: !own.isEmpty)
      while let next = sockets.popLast() {
        let former = doors.first { $0.context.name == next.name }?.context
        opened.append(try await openDoor(next, configuration, certificates, after: former))
      }
      return opened
    } catch {
      for rest in sockets { rest.close() }
      for door in opened { await door.close() }
      for listener in own { await listener.share(false) }
      throw error
    }
  }

  /// The sockets of a door under another name, or with other frames or certificates for those who come.
  private func goOn(
    _ door: Door, _ endpoint: Endpoint, _ configuration: ServerConfiguration, _ certificates: ListenerCertificates,
    _ doors: [Door]
  ) async -> Door {
    var door = door
    door.endpoint = endpoint
    let tls = certificates[endpoint.name]
    if door.context.suits(endpoint, configuration) {
      if let tls { door.context.tls?.use(tls) }
    } else {
      let former = doors.first { $0.context.name == endpoint.name }?.context
      door.context = context.context(for: endpoint, configuration, tls: tls, after: former)
    }
    for listener in door.listeners { await listener.use(door.context, endpoint, isPassed: door.isPassed) }
    return door
  }
}

extension Server.State {
  /// In the order of the configuration.
  mutating func sortDoors(_ endpoints: [Endpoint]) {
    doors = endpoints.compactMap { endpoint in doors.first { $0.endpoint.name == endpoint.name } }
  }
}
