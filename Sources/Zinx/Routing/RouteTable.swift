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
