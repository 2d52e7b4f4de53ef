/// Collects what plugins register: routes, interceptors and hooks, each under the name of its plugin.
public struct RouteRegistrar: Sendable {
  struct Registration: Sendable {
    let id: UInt32
    let owner: String
    let route: Route
  }

  /// Whose registrations these are; set by who asks the plugins.
  package var owner: String
  private(set) var routes: [Registration] = []
  private(set) var interceptors: [any Interceptor] = []
  private(set) var hooks = Hooks()

  public init(owner: String = "server") { self.owner = owner }

  /// Message ids that are served, in the order of registration, then those that are sent unasked.
  public var ids: [UInt32] { routes.map(\.id) + sent }
  private var sent: [UInt32] = []

  /// Names a message id that is sent without a request, for `zinxd --list-plugins`.
  public mutating func sends(_ id: UInt32) { sent.append(id) }

  /// Sends the messages of an id to a router.
  @inlinable
  public mutating func route<R: Router>(_ id: UInt32, to router: R) {
    register(RouterRoute(router), for: id)
  }

  /// Sends the messages of an id to a router that answers most of them at once.
  @inlinable
  public mutating func route<R: ImmediateRouter>(_ id: UInt32, to router: R) {
    register(ImmediateRoute(router), for: id)
  }

  /// Sends the messages of an id to a closure.
  public mutating func route(_ id: UInt32, _ handler: @escaping @Sendable (Request) async throws -> Void) {
    register(ClosureRoute(handler), for: id)
  }

  @usableFromInline
  mutating func register(_ route: Route, for id: UInt32) {
    routes.append(Registration(id: id, owner: owner, route: route))
  }

  /// Wraps every route, also those of other plugins. The first that is registered is the outermost.
  public mutating func intercept(with interceptor: any Interceptor) { interceptors.append(interceptor) }

  /// Runs for every new connection, before its first request; may send; throwing closes the connection.
  public mutating func onConnStart(_ hook: @escaping ConnStartHook) { hooks.start.append(hook) }

  /// Runs once for every connection whose `OnConnStart` ran, after its last request; may send if the peer still listens.
  public mutating func onConnStop(_ hook: @escaping ConnStopHook) { hooks.stop.append(hook) }

  /// The finished table.
  ///
  /// Throws: ``ZinxError/duplicateRoute(id:first:second:)``.
  func makeTable() throws(ZinxError) -> RouteTable {
    var table = RouteTable()
    var owners: [UInt32: String] = [:]
    for registration in routes {
      if let first = owners.updateValue(registration.owner, forKey: registration.id) {
        throw .duplicateRoute(id: registration.id, first: first, second: registration.owner)
      }
      table.insert(wrapped(registration.route), for: registration.id)
    }
    return table
  }

  private func wrapped(_ route: Route) -> Route {
    interceptors.reversed().reduce(route) { inner, interceptor in InterceptedRoute(interceptor, around: inner) }
  }
}
