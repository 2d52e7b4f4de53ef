import ZinxTLS

/// The files of every listener with TLS, read once: who has found them good can hand them on to the server.
package struct ListenerCertificates: Sendable {
  private struct Entry: Sendable {
    let listener: String
    let tls: TLSConfiguration
    let context: TLSContext?
    let faults: [TLSFault]
  }

  private var entries: [Entry] = []

  package init() {}

  /// Reads them. Blocks for as long as the file system takes.
  package static func read(for configuration: ServerConfiguration) -> Self {
    var all = Self()
    all.read(for: configuration)
    return all
  }

  /// What is wrong with them, or will soon be.
  package var faults: [(listener: String, fault: TLSFault)] {
    entries.flatMap { entry in entry.faults.map { (entry.listener, $0) } }
  }

  /// The files that were read, each with the listener and the key that name it.
  package var files: [(listener: String, key: String, path: String)] {
    entries.flatMap { entry in entry.tls.files.map { (entry.listener, $0.key, $0.path) } }
  }

  /// What sessions of a listener are made of; nil without TLS, or when its files are not good.
  subscript(listener: String) -> TLSContext? { entries.first { $0.listener == listener }?.context }

  /// Keeps what was read for a listener that has the same files, reads those of others, and forgets what none has.
  mutating func read(for configuration: ServerConfiguration) {
    entries = configuration.allEndpoints.compactMap { endpoint in
      guard let tls = endpoint.tls else { return nil }
      if let known = entries.first(where: { $0.listener == endpoint.name && $0.tls == tls }) { return known }
      let (context, faults) = TLSContext.load(tls)
      return Entry(listener: endpoint.name, tls: tls, context: context, faults: faults)
    }
  }
}
