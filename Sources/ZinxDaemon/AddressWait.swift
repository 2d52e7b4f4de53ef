import Glibc
import Logging
import Synchronization
import Systemd
import Zinx

/// Opens the sockets of a server. Under systemd it waits for an address that is not there yet, and for a name that does not resolve for the
/// moment: a network may be up long after the boot, and a start that failed for it again and again would be given up. Elsewhere such a
/// start fails, since nobody is told that it waits.
final class AddressWait: Sendable {
  /// Between two tries, and between two words to systemd.
  private static let pause = Duration.seconds(1)
  /// What systemd is asked for; renewed at every word.
  private static let extensionTime = Duration.seconds(10)
  /// Tries after which a name is not waited for with what the process sees of the resolver's files, if others have taken their place.
  private static let triesWithOldFiles = 30

  private let server: Server
  /// Listeners whose sockets are there already.
  private let passed: [String]
  /// Where an operator has set what is waited for.
  private let key: String
  private let manager: ServiceManager
  private let log: Logger
  /// For systemd's status.
  private let status: Mutex<String>

  /// - Parameter passed: the listeners that have sockets already.
  init(
    _ server: Server, _ configuration: ServerConfiguration, passed: [String], _ manager: ServiceManager, _ log: Logger
  ) {
    self.server = server
    self.passed = passed
    key = configuration.endpoints.isEmpty ? "Host" : "the Address of a listener"
    let hosts = configuration.allEndpoints.filter { !passed.contains($0.name) }.compactMap(\.address.host)
    self.manager = manager
    self.log = log
    status = Mutex(hosts.isEmpty ? "Opening listeners" : "Looking up \(hosts.joined(separator: ", "))")
  }

  /// Throws: what ``Server/openSockets()`` throws and waiting does not cure, and `CancellationError`.
  func sockets() async throws -> [EndpointSockets] {
    guard manager.isUnderSystemd else { return try await server.openSockets(except: passed) }
    return try await withThrowingTaskGroup(of: [EndpointSockets].self) { group in
      group.addTask { try await self.open() }
      group.addTask { try await self.report() }
      defer { group.cancelAll() }
      return try await group.next() ?? []
    }
  }

  private func open() async throws -> [EndpointSockets] {
    var told: Set<String> = []
    var tries = 0
    while true {
      tries += 1
      do { return try await server.openSockets(except: passed) } catch let error as ZinxError {
        guard let (what, reason) = Self.missing(error) else { throw error }
        status.withLock { $0 = "Waiting for \(what)" }
        // Once each: this may last for days.
        if told.insert(reason).inserted { tell(what, reason) }
        if case .hostUnresolved = error, tries.isMultiple(of: Self.triesWithOldFiles), ResolverFiles.areOld { throw error }
      }
      try await Task.sleep(for: Self.pause)
    }
  }

  /// Until it is cancelled. A look-up alone may take longer than systemd is patient, so this does not wait for one.
  private func report() async throws -> [EndpointSockets] {
    while true {
      try await Task.sleep(for: Self.pause)
      _ = manager.notify(.extendTimeout(Self.extensionTime).with(.status(status.withLock { $0 })))
    }
  }

  private func tell(_ what: String, _ reason: String) {
    log.warning(
      "waiting for \(what), which \(key) is set to: \(reason); trying every second",
      metadata: ["MESSAGE_ID": "\(LifecycleMessage.waiting.rawValue)"])
  }

  /// What is waited for, and why; nil for what does not come by itself.
  private static func missing(_ error: ZinxError) -> (what: String, reason: String)? {
    switch error {
    case .hostUnresolved(let host, let reason): ("the name \(host) to resolve", reason)
    case .cannotListen(let address, _, EADDRNOTAVAIL): ("the address \(address)", String(cString: strerror(EADDRNOTAVAIL)))
    default: nil
    }
  }
}
