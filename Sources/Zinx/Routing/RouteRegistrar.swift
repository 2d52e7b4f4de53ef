/// Collects what plugins register: routes, interceptors and hooks, each under the name of its plugin.
public struct RouteRegistrar: Sendable {
  struct Registration: Sendable {
    let id: UInt32
    let owner: String
    let route: Route
  }

  /// What stands around routes, in the order of registration.
  enum Middleware: Sendable {
    case interceptor(Interception)
    case check(@Sendable (Request) throws -> Bool)
  }

  /// Whose registrations these are; set by who asks the plugins.
  package var owner: String
  private(set) var routes: [Registration] = []
  private(set) var middleware: [Middleware] = []
  private(set) var hooks = Hooks()

  public init(owner: String = "server") { self.owner = owner }

  /// What plugins register, each under its name.
  package init(plugins: [any RoutePlugin]) {
    self.init()
    for plugin in plugins {
      owner = type(of: plugin).name
      plugin.register(in: &self)
    }
    owner = "server"
  }

  /// Message ids that are served, in the order of registration, then those that are sent unasked.
  public var ids: [UInt32] { routes.map(\.id) + sent }
  private var sent: [UInt32] = []

  /// Names a message id that is sent without a request, for `zinxd --list-plugins`.
  public mutating func sends(_ id: UInt32) { sent.append(id) }

  /// Sends the messages of an id to a router.
  @inlinable @inline(__always)
  public mutating func route<R: Router>(_ id: UInt32, to router: R) {
    register(Route(one: Self.one(router), all: Self.all(router)), for: id)
  }

  /// Sends the messages of an id to a router that answers most of them at once.
  @inlinable @inline(__always)
  public mutating func route<R: ImmediateRouter>(_ id: UInt32, to router: R) {
    register(
      ImmediateRoute({ try router.handleImmediately($0) }, one: Self.one(router), all: Self.all(router)), for: id)
  }

  @inlinable @inline(__always)
  static func one<R: Router>(_ router: R) -> Route.One {
    { @concurrent request in
      try await router.preHandle(request)
      try await router.handle(request)
      try await router.postHandle(request)
    }
  }

  // The steps of a router are `@concurrent`, so the loop around them is too: called from anything else, each would be followed by a hop.
  @inlinable @inline(__always)
  static func all<R: Router>(_ router: R) -> Route.All {
    { @concurrent requests in
      var request = requests.current
      repeat {
        do {
          try await router.preHandle(request)
          try await router.handle(request)
          try await router.postHandle(request)
        } catch { requests.failed(request, error) }
      } while requests.advance(&request)
    }
  }

  /// Sends the messages of an id to a closure that does not wait: the fastest form, and the first to reach for.
  ///
  /// <!-- in: func serve(_ routes: inout RouteRegistrar) { … } -->
  /// ```swift
  /// routes.route(1) { request in try request.reply("pong") }
  /// ```
  ///
  /// Runs on the connection's worker, or on its event loop with `WorkerPoolSize` 0. While the peer's send queue is full the request
  /// waits before the closure is called; an answer that does not fit is thrown as ``ZinxError/sendBufferFull``.
  public mutating func route(_ id: UInt32, _ handler: @escaping @Sendable (Request) throws -> Void) {
    register(ImmediateClosureRoute(handler), for: id)
  }

  /// Sends the messages of an id to a closure that may wait, as for an actor or a database.
  ///
  /// Runs on the connection's worker, or on its event loop with `WorkerPoolSize` 0, also after it has waited.
  @_disfavoredOverload @inlinable @inline(__always)
  public mutating func route(
    _ id: UInt32, _ handler: nonisolated(nonsending) @escaping @Sendable (Request) async throws -> Void
  ) {
    let all: Route.All = { requests in
      var request = requests.current
      repeat {
        do { try await handler(request) } catch { requests.failed(request, error) }
      } while requests.advance(&request)
    }
    register(Route(one: handler, all: all), for: id)
  }

  /// Sends the messages of an id to a closure that runs isolated to an actor: the form for a world that many connections share.
  ///
  /// <!-- in: actor World { func move(_ id: UInt64, _ data: ByteBuffer) {} }
  /// func serve(_ routes: inout RouteRegistrar, _ world: World) { … } -->
  /// ```swift
  /// routes.route(2, on: world) { world, request in
  ///   world.move(request.connection.id, request.data)
  ///   try request.reply("moved")
  /// }
  /// ```
  ///
  /// The requests of a connection that follow one another enter the actor once. The closure does not wait; while the peer's send queue is
  /// full its request waits outside the actor.
  public mutating func route<Isolation: Actor>(
    _ id: UInt32, on isolation: Isolation, _ handler: @escaping @Sendable (isolated Isolation, Request) throws -> Void
  ) {
    register(IsolatedRoute(isolation, handler), for: id)
  }

  @usableFromInline
  mutating func register(_ route: Route, for id: UInt32) {
    routes.append(Registration(id: id, owner: owner, route: route))
  }

  /// Wraps every route, also those of other plugins. What is registered first, here and with ``admit(_:)``, is the outermost.
  @inlinable @inline(__always)
  public mutating func intercept<I: Interceptor>(with interceptor: I) {
    let all: Interception.All = { @concurrent requests, next in
      var request = requests.current
      repeat {
        do { try await interceptor.intercept(request, next: next) } catch { requests.failed(request, error) }
      } while requests.advance(&request)
    }
    add(Interception(one: { @concurrent request, next in try await interceptor.intercept(request, next: next) }, all: all))
  }

  @usableFromInline
  mutating func add(_ interception: Interception) { middleware.append(.interceptor(interception)) }

  /// Asks for every request of every route, also those of other plugins, whether it may go on. A request that is refused, or for which
  /// the check throws, has been handled; the check may answer it.
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
  /// thread that handles it.
  public mutating func admit(_ admits: @escaping @Sendable (Request) throws -> Bool) { middleware.append(.check(admits)) }

  /// Runs for every new connection, before its first request; may send; throwing closes the connection.
  public mutating func onConnStart(_ hook: @escaping ConnStartHook) { hooks.start.append(hook) }

  /// Runs once for every connection whose `OnConnStart` ran, after its last request; may send if the peer still listens.
  public mutating func onConnStop(_ hook: @escaping ConnStopHook) { hooks.stop.append(hook) }

  /// Ids that are registered again: who was first, and who wants it too.
  package var duplicates: [(id: UInt32, first: String, second: String)] {
    var owners: [UInt32: String] = [:]
    return routes.compactMap { registration in
      if let first = owners[registration.id] { return (registration.id, first, registration.owner) }
      owners[registration.id] = registration.owner
      return nil
    }
  }

  /// The finished table.
  ///
  /// Throws: ``ZinxError/duplicateRoute(id:first:second:)``.
  func makeTable() throws(ZinxError) -> RouteTable {
    if let (id, first, second) = duplicates.first { throw .duplicateRoute(id: id, first: first, second: second) }
    var table = RouteTable()
    for registration in routes { table.insert(wrapped(registration.route), for: registration.id) }
    return table
  }

  private func wrapped(_ route: Route) -> Route {
    middleware.reversed().reduce(route) { inner, outer in
      switch outer {
      case .interceptor(let interception): interception.around(inner)
      case .check(let admits): AdmittingRoute(admits, before: inner)
      }
    }
  }
}
