/// Message id → route. Built once at start; read by every event loop and worker without a lock.
struct RouteTable: Sendable {
  /// Ids below this are looked up in an array: the ids of real games are small, and a hash costs more than the rest of the routing.
  private static let denseLimit: UInt32 = 1024

  /// Keeps the routes; the tables do not count references, which would cost a request more than its look-up.
  private var routes: [Route] = []
  private var dense: [Unmanaged<Route>?] = []
  private var sparse: [UInt32: Unmanaged<Route>] = [:]
  /// By their ids, of which none is in two of them.
  private var ranges: [(ids: ClosedRange<UInt32>, route: Unmanaged<Route>)] = []
  private(set) var otherwise: Unmanaged<Route>?

  /// The route of this very id, valid as long as the table.
  @inline(__always)
  subscript(id: UInt32) -> Unmanaged<Route>? {
    id < UInt32(truncatingIfNeeded: dense.count) ? dense[Int(id)] : sparse.isEmpty ? nil : sparse[id]
  }

  /// The route of a range that holds the id: to be asked when the id has none of its own. Valid as long as the table.
  func range(_ id: UInt32) -> Unmanaged<Route>? {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].ids.upperBound < id { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].ids.contains(id) ? ranges[low].route : nil
  }

  /// The route of a message, valid as long as the table.
  func route(_ id: UInt32) -> Unmanaged<Route>? { self[id] ?? range(id) ?? otherwise }

  mutating func insert(_ route: Route, for ids: MessageIDs) {
    routes.append(route)
    let route = Unmanaged.passUnretained(route)
    switch ids {
    case .id(let id): insert(route, for: id)
    case .range(let ids):
      let index = ranges.firstIndex { $0.ids.lowerBound > ids.upperBound } ?? ranges.endIndex
      ranges.insert((ids, route), at: index)
    case .otherwise: otherwise = route
    }
  }

  private mutating func insert(_ route: Unmanaged<Route>, for id: UInt32) {
    guard id < Self.denseLimit else { return sparse[id] = route }
    while dense.count <= Int(id) { dense.append(nil) }
    dense[Int(id)] = route
  }
}
