/// The router of one id behind one virtual call. A class and not a closure or an `any Router`: stored generically, those get wrapped in
/// thunks that cost more than the routing.
@usableFromInline
class Route: @unchecked Sendable {
  @usableFromInline init() {}

  /// Runs the request without suspending; false, with nothing done, if that is not possible. Overridden by ``ImmediateRoute``.
  @usableFromInline func runImmediately(_ request: Request) throws -> Bool { false }

  /// Runs the three steps. Overridden by each ``RouterRoute``.
  @usableFromInline func run(_ request: Request) async throws {}
}

/// Unchecked as its superclass is: the router is a constant and `Sendable` itself.
@usableFromInline
class RouterRoute<R: Router>: Route, @unchecked Sendable {
  @usableFromInline let router: R

  @inlinable init(_ router: R) { self.router = router }

  @inlinable
  override func run(_ request: Request) async throws {
    // Specialised for the router's type: steps that are left empty cost nothing.
    try await router.preHandle(request)
    try await router.handle(request)
    try await router.postHandle(request)
  }
}

/// A route made of a closure; calls it directly, since each asynchronous call in between would cost a look at the executor.
final class ClosureRoute: Route, @unchecked Sendable {
  private let body: @Sendable (Request) async throws -> Void

  init(_ body: @escaping @Sendable (Request) async throws -> Void) { self.body = body }

  override func run(_ request: Request) async throws { try await body(request) }
}

/// Unchecked as its superclass is.
@usableFromInline
final class ImmediateRoute<R: ImmediateRouter>: RouterRoute<R>, @unchecked Sendable {
  @inlinable override init(_ router: R) { super.init(router) }

  @inlinable
  override func runImmediately(_ request: Request) throws -> Bool { try router.handleImmediately(request) }
}

/// Message id → route. Built once at start; read by every event loop and worker without a lock.
struct RouteTable: Sendable {
  /// Ids below this are looked up in an array: the ids of real games are small, and a hash costs more than the rest of the routing.
  private static let denseLimit: UInt32 = 1024

  /// Keeps the routes; the tables do not count references, which would cost a request more than its look-up.
  private var routes: [Route] = []
  private var dense: [Unmanaged<Route>?] = []
  private var sparse: [UInt32: Unmanaged<Route>] = [:]

  /// The route of an id, valid as long as the table.
  @inline(__always)
  subscript(id: UInt32) -> Unmanaged<Route>? {
    id < UInt32(truncatingIfNeeded: dense.count) ? dense[Int(id)] : sparse.isEmpty ? nil : sparse[id]
  }

  mutating func insert(_ route: Route, for id: UInt32) {
    routes.append(route)
    let route = Unmanaged.passUnretained(route)
    guard id < Self.denseLimit else { return sparse[id] = route }
    while dense.count <= Int(id) { dense.append(nil) }
    dense[Int(id)] = route
  }
}
