import CLinux
import Glibc
import ZinxIO

/// Finds a host's addresses. getaddrinfo(3) blocks and cannot be stopped, so it runs on a thread of its own, which is left behind when
/// the time is over.
package enum Resolver {
  package typealias Found = Result<[PeerAddress], ClientError>

  /// Throws: ``ClientError/connectionFailed(endpoint:reason:)``, ``ClientError/timedOut(after:)``, ``ClientError/cancelled``.
  static func addresses(
    of place: ServerAddress.Place, on loop: EventLoop, within time: Duration
  ) async throws(ClientError) -> [PeerAddress] {
    guard case .tcp(let host, let port) = place else { return try lookUp(place).get() }
    return try await addresses(of: host, port: port, on: loop, within: time)
  }

  /// Finds the addresses on the calling thread, for as long as that takes.
  package static func lookUp(_ place: ServerAddress.Place) -> Found {
    let (name, isAbstract): (String, Bool)
    switch place {
    case .tcp(let host, let port): return lookUp(host, port)
    case .unix(let path): (name, isAbstract) = (path, false)
    case .abstract(let text): (name, isAbstract) = (text, true)
    }
    guard let address = PeerAddress(local: name, isAbstract: isAbstract) else {
      return .failure(.connectionFailed(endpoint: "unix:\(isAbstract ? "@" : "")\(name)", reason: "the name is too long"))
    }
    return .success([address])
  }

  private static func addresses(
    of host: String, port: UInt16, on loop: EventLoop, within time: Duration
  ) async throws(ClientError) -> [PeerAddress] {
    // An address needs no look-up and no thread.
    if case .success(let addresses) = lookUp(host, port, AI_NUMERICHOST) { return addresses }
    let race = Race<Found>()
    let found = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        race.start(continuation)
        let deadline = Instant.now.advanced(byNanoseconds: time.inNanoseconds)
        // Left to expire when the look-up wins: it then finds the race decided.
        loop.execute { loop.schedule(at: deadline) { race.finish(.failure(.timedOut(after: time))) } }
        do throws(SystemError) { _ = try Thread { race.finish(lookUp(host, port, 0)) } } catch {
          race.finish(.failure(.connectionFailed(endpoint: endpoint(host, port), reason: error.description)))
        }
      }
    } onCancel: {
      race.finish(.failure(.cancelled))
    }
    return try found.get()
  }

  /// Looks `host` up on the calling thread, for as long as that takes. `flags` are those of getaddrinfo(3).
  package static func lookUp(_ host: String, _ port: UInt16, _ flags: Int32 = 0) -> Found {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = flags | AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, String(port), &hints, &list)
    defer { if let list { freeaddrinfo(list) } }
    guard status == 0 else { return failure(host, port, reason(status)) }
    var addresses: [PeerAddress] = []
    var next = list
    while let info = next?.pointee {
      if let address = PeerAddress(info) { addresses.append(address) }
      next = info.ai_next
    }
    return addresses.isEmpty ? failure(host, port, "the host has no address") : .success(addresses)
  }

  private static func failure(_ host: String, _ port: UInt16, _ reason: String) -> Found {
    .failure(.connectionFailed(endpoint: endpoint(host, port), reason: reason))
  }

  private static func reason(_ status: Int32) -> String {
    status == EAI_SYSTEM ? SystemError("getaddrinfo").reason : String(cString: gai_strerror(status))
  }
}
