/// The forms in which handlers are written, for one id.
extension RouteRegistrar {
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
    register(ImmediateClosureRoute(handler), for: .id(id))
  }

  /// Sends the messages of an id to a closure that may wait, as for an actor or a database.
  ///
  /// Runs on the connection's worker, or on its event loop with `WorkerPoolSize` 0, also after it has waited.
  ///
  /// - Parameter deadline: Time for one request, from when its turn comes; nil: as long as it takes. A handler that takes longer is
  ///   cancelled, counted, and told once for each connection. The next request begins when it has returned: its answer leaves if it still
  ///   gives one; when it throws, ``onFailure(_:)`` answers. With a deadline each request costs a task and a timer more.
  @_disfavoredOverload @inlinable @inline(__always)
  public mutating func route(
    _ id: UInt32, deadline: Duration? = nil, _ handler: nonisolated(nonsending) @escaping @Sendable (Request) async throws -> Void
  ) {
    add(.id(id), deadline, handler)
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
    register(IsolatedRoute(isolation, handler), for: .id(id))
  }

  /// Sends the messages of an id to a router.
  ///
  /// - Parameter deadline: Time for the three steps of one request; what becomes of it then is told at the closure that may wait.
  @inlinable @inline(__always)
  public mutating func route<R: Router>(_ id: UInt32, deadline: Duration? = nil, to router: R) { add(.id(id), deadline, router) }

  /// Sends the messages of an id to a router that answers most of them at once.
  @inlinable @inline(__always)
  public mutating func route<R: ImmediateRouter>(_ id: UInt32, to router: R) { add(.id(id), router) }
}

/// The same for a range of ids, and for everything that has no route.
///
/// An id that has a route of its own goes there also when it lies in a range. Ranges do not overlap.
extension RouteRegistrar {
  /// Sends the messages of a range of ids to a closure that does not wait.
  ///
  /// <!-- in: func serve(_ routes: inout RouteRegistrar) { … } -->
  /// ```swift
  /// routes.route(100...199) { request in try request.echo() }
  /// ```
  public mutating func route(_ ids: ClosedRange<UInt32>, _ handler: @escaping @Sendable (Request) throws -> Void) {
    register(ImmediateClosureRoute(handler), for: .range(ids))
  }

  /// Sends the messages of a range of ids to a closure that may wait.
  @_disfavoredOverload @inlinable @inline(__always)
  public mutating func route(
    _ ids: ClosedRange<UInt32>, deadline: Duration? = nil,
    _ handler: nonisolated(nonsending) @escaping @Sendable (Request) async throws -> Void
  ) {
    add(.range(ids), deadline, handler)
  }

  /// Sends the messages of a range of ids to a closure that runs isolated to an actor.
  public mutating func route<Isolation: Actor>(
    _ ids: ClosedRange<UInt32>, on isolation: Isolation,
    _ handler: @escaping @Sendable (isolated Isolation, Request) throws -> Void
  ) {
    register(IsolatedRoute(isolation, handler), for: .range(ids))
  }

  /// Sends the messages of a range of ids to a router.
  @inlinable @inline(__always)
  public mutating func route<R: Router>(_ ids: ClosedRange<UInt32>, deadline: Duration? = nil, to router: R) {
    add(.range(ids), deadline, router)
  }

  /// Sends the messages of a range of ids to a router that answers most of them at once.
  @inlinable @inline(__always)
  public mutating func route<R: ImmediateRouter>(_ ids: ClosedRange<UInt32>, to router: R) { add(.range(ids), router) }

  /// Sends every message that has no route to a closure that does not wait. None is without a route then.
  public mutating func otherwise(_ handler: @escaping @Sendable (Request) throws -> Void) {
    register(ImmediateClosureRoute(handler), for: .otherwise)
  }

  /// Sends every message that has no route to a closure that may wait.
  @_disfavoredOverload @inlinable @inline(__always)
  public mutating func otherwise(
    deadline: Duration? = nil, _ handler: nonisolated(nonsending) @escaping @Sendable (Request) async throws -> Void
  ) {
    add(.otherwise, deadline, handler)
  }

  /// Sends every message that has no route to a router that answers most of them at once.
  @inlinable @inline(__always)
  public mutating func otherwise<R: ImmediateRouter>(to router: R) { add(.otherwise, router) }

  /// Sends every message that has no route to a router.
  @inlinable @inline(__always)
  public mutating func otherwise<R: Router>(deadline: Duration? = nil, to router: R) { add(.otherwise, deadline, router) }
}

/// The routes of these forms, made where the type of the handler is known.
extension RouteRegistrar {
  @inlinable @inline(__always)
  mutating func add(
    _ ids: MessageIDs, _ deadline: Duration?,
    _ handler: nonisolated(nonsending) @escaping @Sendable (Request) async throws -> Void
  ) {
    add(ids, deadline, one: handler) { requests in
      var request = requests.current
      repeat {
        do { try await handler(request) } catch { requests.failed(request, error) }
      } while await requests.advance(&request)
    }
  }

  /// Each handler writes `all` itself, and not in terms of `one`: a call of a closure in between costs as much as the handler's.
  @inlinable @inline(__always)
  mutating func add(_ ids: MessageIDs, _ deadline: Duration?, one: @escaping Route.One, all: @escaping Route.All) {
    register(deadline.map { .waiting($0, one) } ?? Route(one: one, all: all), for: ids)
  }

  @inlinable @inline(__always)
  mutating func add<R: Router>(_ ids: MessageIDs, _ deadline: Duration?, _ router: R) {
    add(ids, deadline, one: Self.one(router), all: Self.all(router))
  }

  @inlinable @inline(__always)
  mutating func add<R: ImmediateRouter>(_ ids: MessageIDs, _ router: R) {
    register(
      ImmediateRoute({ try router.handleImmediately($0) }, one: Self.one(router), all: Self.all(router)), for: ids)
  }

  @inlinable @inline(__always)
  static func one<R: Router>(_ router: R) -> Route.One {
    { request in
      try await router.preHandle(request)
      try await router.handle(request)
      try await router.postHandle(request)
    }
  }

  @inlinable @inline(__always)
  static func all<R: Router>(_ router: R) -> Route.All {
    { requests in
      var request = requests.current
      repeat {
        do {
          try await router.preHandle(request)
          await requests.goOn()
          try await router.handle(request)
          try await router.postHandle(request)
        } catch { requests.failed(request, error) }
      } while await requests.advance(&request)
    }
  }
}
