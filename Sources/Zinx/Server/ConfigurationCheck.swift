import Glibc

/// What a machine, as it is now, says against a configuration: nothing is opened, bound or changed.
package enum ConfigurationCheck {
  /// A host that a listener is to bind and that has no address.
  package struct UnknownHost: Equatable {
    package let host: String
    package let reason: String
  }

  /// The hosts of its listeners that do not resolve, each once. Asks the resolver, for as long as that takes; addresses are not asked for.
  package static func unknownHosts(of configuration: ServerConfiguration) -> [UnknownHost] {
    unknownHosts(of: configuration) { host, port in lookUp(host, port, 0) }
  }

  static func unknownHosts(
    of configuration: ServerConfiguration, by lookUp: (String, UInt16) -> Result<[BindAddress], ZinxError>
  ) -> [UnknownHost] {
    var asked: Set<String> = []
    return configuration.allEndpoints.compactMap { endpoint in
      guard let host = endpoint.address.host, asked.insert(host).inserted else { return nil }
      guard case .failure(let error) = lookUp(host, endpoint.address.port ?? 0) else { return nil }
      switch error {
      case .hostNotFound(_, let reason), .hostUnresolved(_, let reason): return UnknownHost(host: host, reason: reason)
      default: return UnknownHost(host: host, reason: "\(error)")
      }
    }
  }

  /// How many connections a process with the hard limit of this one would admit, if those are fewer than `MaxConn`; and that limit. None
  /// is a server that does not start.
  package static func shortOfDescriptors(_ configuration: ServerConfiguration) -> (connections: Int, limit: UInt64)? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
    return shortOfDescriptors(configuration, limit: UInt64(limit.rlim_max))
  }

  static func shortOfDescriptors(_ configuration: ServerConfiguration, limit: UInt64) -> (connections: Int, limit: UInt64)? {
    let wanted = configuration.maxConn
    let reserved = DescriptorLimit.reserved(configuration)
    let fits = limit > UInt64(reserved)
    let connections = fits ? DescriptorLimit.connections(wanted: wanted, reserved: reserved, limit: limit) : 0
    return connections < wanted ? (connections, limit) : nil
  }
}
