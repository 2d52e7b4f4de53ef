import ZinxWire

/// Something that a plugin has registered.
struct Owned<Value: Sendable>: Sendable {
  let owner: String
  let value: Value
}

/// Collects what plugins register: routes, middleware and hooks, each under the name of its plugin.
public struct RouteRegistrar: Sendable {
  struct Registration: Sendable {
    let ids: MessageIDs
    let owner: String
    var route: Route
    /// That of the group; nil: that of the owner.
    var onFailure: FailureHook?
    /// One for all listeners that have the route.
    let statistics = RouteStatistics()
  }

  /// What stands around routes, in the order of registration.
  enum Middleware: Sendable {
    case interceptor(Interception)
    case check(AdmittingRoute.Check)
  }

  typealias BeforeRouting = @Sendable (inout Request) throws -> Bool

  /// Whose registrations these are; set by who asks the plugins.
  package var owner: String
  private(set) var routes: [Registration] = []
  private(set) var middleware: [Owned<Middleware>] = []
  private(set) var first: [Owned<BeforeRouting>] = []
  private var startHooks: [Owned<ConnStartHook>] = []
  private var stopHooks: [Owned<ConnStopHook>] = []
  /// By owner.
  private var failureHooks: [String: FailureHook] = [:]
  private var sent: [Owned<MessageIDs>] = []
  private var heartbeats: [Owned<LiveHeartbeat>] = []
  private var authentications: [Owned<Authentication>] = []
  private var handshakes: [Owned<HandshakeLogin>] = []
  /// Frames of other protocols that plugins know, and whose they are.
  package private(set) var codecs: [(codec: any FrameCodec, owner: String)] = []
  /// Properties that are written down when another program takes over.
  private(set) var lasting = LastingProperties()
  /// The plugins that were asked, also those that have registered nothing.
  private(set) var plugins: [String] = []
  private(set) var registry = MetricRegistry()
  /// The owners that no choice of plugins leaves out.
  private var everywhere: Set<String> = [RouteRegistrar.server]

  public init(owner: String = "server") { self.owner = owner }

  /// What plugins register, each under its name.
  package init(plugins: [any RoutePlugin]) {
    self.init()
    for plugin in plugins { add(plugin) }
  }

  /// Takes what another plugin registers, under its name.
  ///
  /// - Parameter isEverywhere: also on listeners that have a choice of their own, since no file can name it.
  package mutating func add(_ plugin: any RoutePlugin, everywhere isEverywhere: Bool = false) {
    owner = type(of: plugin).name
    if isEverywhere { everywhere.insert(owner) }
    plugins.append(owner)
    plugin.register(in: &self)
    owner = Self.server
  }

  /// Who registers what is no plugin's.
  private static let server = "server"

  /// What some plugins have registered, and what is no plugin's: that of a listener which has a choice of its own.
  func only(_ names: [String]) -> Self {
    var part = self
    func isKept(_ owner: String) -> Bool { everywhere.contains(owner) || names.contains(owner) }
    part.routes.removeAll { !isKept($0.owner) }
    part.middleware.removeAll { !isKept($0.owner) }
    part.first.removeAll { !isKept($0.owner) }
    part.startHooks.removeAll { !isKept($0.owner) }
    part.stopHooks.removeAll { !isKept($0.owner) }
    part.sent.removeAll { !isKept($0.owner) }
    part.heartbeats.removeAll { !isKept($0.owner) }
    part.authentications.removeAll { !isKept($0.owner) }
    part.handshakes.removeAll { !isKept($0.owner) }
    return part
  }

  var hooks: Hooks { Hooks(start: startHooks.map(\.value), stop: stopHooks.map(\.value)) }

  /// The last one counts.
  var heartbeat: LiveHeartbeat? { heartbeats.last?.value }

  /// The ids of all, the rest of the last one.
  var authentication: Authentication? {
    var whole = authentications.last?.value
    for other in authentications { whole?.ids.formUnion(other.value.ids) }
    return whole
  }

  /// Has the values of a property go on when another program takes over: see ``LastingPropertyKey``. The key belongs to both programs.
  public mutating func keep<Key: LastingPropertyKey>(_ key: Key.Type) { lasting.add(key) }

  mutating func note(_ heartbeat: LiveHeartbeat) { heartbeats.append(Owned(owner: owner, value: heartbeat)) }

  mutating func note(_ authentication: Authentication) { authentications.append(Owned(owner: owner, value: authentication)) }

  mutating func note(_ login: HandshakeLogin) { handshakes.append(Owned(owner: owner, value: login)) }

  /// In the order of registration.
  var handshakeLogins: [HandshakeLogin] { handshakes.map(\.value) }

  /// The messages that are served, in the order of registration, then those that are sent unasked.
  public var ids: [MessageIDs] { routes.map(\.ids) + sent.map(\.value) }

  /// Those of one plugin.
  package func ids(of plugin: String) -> [MessageIDs] {
    routes.filter { $0.owner == plugin }.map(\.ids) + sent.filter { $0.owner == plugin }.map(\.value)
  }

  /// Numbers that the plugin keeps of what it does.
  public var metrics: PluginMetrics { PluginMetrics(plugin: owner, registry: registry) }

  /// Names a message id that is sent without a request, for `zinxd --list-plugins`.
  public mutating func sends(_ id: UInt32) { sent.append(Owned(owner: owner, value: .id(id))) }

  /// Brings the frames of another protocol: a `DataPack` chooses them by the codec's name. A name may be there once, and is none of those of
  /// the orders of the Zinx header.
  public mutating func frames(_ codec: any FrameCodec) { codecs.append((codec, owner)) }

  @usableFromInline
  mutating func register(_ route: Route, for ids: MessageIDs) {
    routes.append(Registration(ids: ids, owner: owner, route: route))
  }

  /// Registers routes that have middleware of their own: what ``intercept(with:)`` and ``admit(_:)`` add to the group stands around its
  /// routes alone, and inside of what stands around all. Groups may have groups.
  ///
  /// <!-- in: enum User: PropertyKey { typealias Value = String }
  /// func serve(_ routes: inout RouteRegistrar) { … } -->
  /// ```swift
  /// routes.group { members in
  ///   members.admit { request in request.connection[User.self] != nil }
  ///   members.route(20) { request in try request.reply("welcome") }
  ///   members.route(100...199) { request in try request.echo() }
  /// }
  /// ```
  ///
  /// So does ``onFailure(_:)``. Hooks of connections and ``beforeRouting(_:)`` are for the whole server in a group too.
  public mutating func group(_ register: (inout RouteRegistrar) throws -> Void) rethrows {
    var group = RouteRegistrar(owner: owner)
    group.registry = registry
    try register(&group)
    let onFailure = group.failureHooks[owner]
    routes += group.routes.map { registration in
      var registration = registration
      registration.route = group.wrapped(registration.route)
      registration.onFailure = registration.onFailure ?? onFailure
      return registration
    }
    sent += group.sent
    first += group.first
    codecs += group.codecs
    startHooks += group.startHooks
    stopHooks += group.stopHooks
    heartbeats += group.heartbeats
    authentications += group.authentications
    handshakes += group.handshakes
  }

  /// Wraps every route, also those of other plugins; in a group, those of the group. What is registered first, here and with
  /// ``admit(_:)``, is the outermost.
  @inlinable @inline(__always)
  public mutating func intercept<I: Interceptor>(with interceptor: I) {
    let all: Interception.All = { requests, next in
      var request = requests.current
      repeat {
        do { try await interceptor.intercept(request, next: next) } catch { requests.failed(request, error) }
      } while await requests.advance(&request)
    }
    add(Interception(one: { request, next in try await interceptor.intercept(request, next: next) }, all: all))
  }

  @usableFromInline
  mutating func add(_ interception: Interception) { middleware.append(Owned(owner: owner, value: .interceptor(interception))) }

  /// Asks for every request of every route, also those of other plugins, whether it may go on; in a group, for those of the group. A
  /// request that is refused, or for which the check throws, has been handled; the check may answer it.
  ///
  /// <!-- in: enum User: PropertyKey { typealias Value = String }
  /// func serve(_ routes: inout RouteRegistrar, login: UInt32) { … } -->
  /// ```swift
  /// routes.admit { request in
  ///   request.id == login || request.connection[User.self] != nil
  /// }
  /// ```
  ///
  /// A plain call: unlike with ``intercept(with:)`` a route that does not wait stays as fast as it is. Called once for a request, on the
  /// thread that handles it. What it sets in the request, ``Request/subscript(_:)``, the handler finds there.
  public mutating func admit(_ admits: @escaping @Sendable (inout Request) throws -> Bool) {
    middleware.append(Owned(owner: owner, value: .check(admits)))
  }

  /// Sees every message of the server before its route is looked up, also one that has none. It may change the id, which then chooses the
  /// route, and returns whether the message may go on: one that may not has been handled, and is not counted as one without a route.
  ///
  /// <!-- in: func serve(_ routes: inout RouteRegistrar) { … } -->
  /// ```swift
  /// routes.beforeRouting { request in
  ///   // Clients of the year before have their ids a thousand higher.
  ///   if (1000...1999).contains(request.id) { request.id -= 1000 }
  ///   return true
  /// }
  /// ```
  ///
  /// A plain call on the thread that handles the message, in the order of registration. Replies go out with the new id unless they name
  /// another.
  public mutating func beforeRouting(_ look: @escaping @Sendable (inout Request) throws -> Bool) {
    first.append(Owned(owner: owner, value: look))
  }

  /// Answers requests that failed, to the routes of this plugin; in a group, to those of the group. Without it the peer gets no answer to
  /// them. The last one that is registered counts.
  ///
  /// <!-- in: func serve(_ routes: inout RouteRegistrar) { … } -->
  /// ```swift
  /// routes.onFailure { request, error in
  ///   switch error {
  ///   case is UndecodableMessage: try request.reply(400, "not understood")
  ///   case is DeadlineExceeded: try request.reply(504, "too late")
  ///   default: try request.reply(500, "failed")
  ///   }
  /// }
  /// ```
  ///
  /// Called once for each request whose handler or middleware has thrown, an ``UndecodableMessage``, ``DeadlineExceeded`` or what it
  /// likes, on the thread that handles it, before the next one. A plain call; not called when the connection has ended.
  public mutating func onFailure(_ answer: @escaping FailureHook) { failureHooks[owner] = answer }

  /// Runs for every new connection, before its first request; may send; throwing closes the connection.
  public mutating func onConnStart(_ hook: @escaping ConnStartHook) { startHooks.append(Owned(owner: owner, value: hook)) }

  /// Runs once for every connection whose `OnConnStart` ran, after its last request; may send if the peer still listens.
  public mutating func onConnStop(_ hook: @escaping ConnStopHook) { stopHooks.append(Owned(owner: owner, value: hook)) }

  /// Messages that are registered again, or ranges that overlap: who was first, and who wants them too.
  package var duplicates: [(ids: MessageIDs, first: String, second: String)] {
    routes.indices.compactMap { index in
      for earlier in routes[..<index] {
        guard let ids = routes[index].ids.conflict(with: earlier.ids) else { continue }
        return (ids, earlier.owner, routes[index].owner)
      }
      return nil
    }
  }

  /// The finished table, and what goes with each route.
  ///
  /// Throws: ``ZinxError/duplicateRoute(ids:first:second:listener:)``.
  func makeTable(_ gate: AuthenticationGate? = nil) throws(ZinxError) -> (RouteTable, [ObjectIdentifier: RouteNotes]) {
    if let (ids, first, second) = duplicates.first { throw .duplicateRoute(ids: ids, first: first, second: second) }
    var table = RouteTable()
    var notes: [ObjectIdentifier: RouteNotes] = [:]
    for registration in routes {
      let route = guarded(wrapped(registration.route), by: gate)
      table.insert(route, for: registration.ids)
      notes[ObjectIdentifier(route)] = RouteNotes(
        statistics: registration.statistics, onFailure: registration.onFailure ?? failureHooks[registration.owner])
    }
    return (table, notes)
  }

  /// The gate looks at the id of each message: a route may have many.
  private func guarded(_ route: Route, by gate: AuthenticationGate?) -> Route {
    gate.map { gate in AdmittingRoute({ gate.admits($0) }, before: route) } ?? route
  }

  private func wrapped(_ route: Route) -> Route {
    middleware.reversed().reduce(route) { inner, outer in
      switch outer.value {
      case .interceptor(let interception): interception.around(inner)
      case .check(let admits): AdmittingRoute(admits, before: inner)
      }
    }
  }
}
