/// What a changed configuration means for the sockets that are open: pure.
struct ListenerPlan: Equatable {
  /// A listener as it is.
  struct Current: Equatable {
    var endpoint: Endpoint
    /// Its sockets were opened by others: no other address can be had for them.
    var isPassed = false
  }

  /// For each endpoint that is wanted the listener, by its place, whose sockets it goes on with; nil where new ones are to be opened.
  private(set) var sources: [Int?]
  /// The listeners that nobody goes on with.
  private(set) var closed: [Int]

  /// A listener goes on under its name where its address stays, and under another name where only that has changed.
  init(from current: [Current], to wanted: [Endpoint]) {
    var free = Set(current.indices)
    sources = wanted.map { endpoint in
      current.indices.first {
        current[$0].endpoint.name == endpoint.name && (current[$0].isPassed || endpoint.hasSockets(of: current[$0].endpoint))
      }
    }
    free.subtract(sources.compactMap(\.self))
    for (place, endpoint) in wanted.enumerated() where sources[place] == nil {
      // Port 0 asks for a port that is free.
      guard endpoint.address.port != 0 else { continue }
      sources[place] = free.sorted().first { !current[$0].isPassed && endpoint.hasSockets(of: current[$0].endpoint) }
      if let source = sources[place] { free.remove(source) }
    }
    closed = free.sorted()
  }
}
