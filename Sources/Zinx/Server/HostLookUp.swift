import CLinux
import Glibc
import ZinxIO

/// Finds the addresses of a host, for a port. A seam: tests give names addresses here that no machine's resolver does.
///
/// Throws: ``ZinxError``, `CancellationError`.
package typealias HostLookUp = @Sendable (_ host: String, _ port: UInt16) async throws -> [BindAddress]

/// The system's. getaddrinfo(3) blocks for as long as the servers it asks are silent and cannot be stopped, so it runs on a thread of its
/// own, which is left behind when the task is cancelled.
package let systemLookUp: HostLookUp = { host, port in
  // An address needs no look-up and no thread.
  if case .success(let addresses) = lookUp(host, port, AI_NUMERICHOST) { return addresses }
  let race = Race<Result<[BindAddress], any Error>>()
  let found = await withTaskCancellationHandler {
    await withCheckedContinuation { continuation in
      race.start(continuation)
      do throws(SystemError) { _ = try Thread { race.finish(lookUp(host, port, 0).mapError { $0 }) } } catch {
        race.finish(.failure(ZinxError.systemCallFailed(call: error.call, code: error.code)))
      }
    }
  } onCancel: {
    race.finish(.failure(CancellationError()))
  }
  return try found.get()
}

/// Looks a host up on the calling thread, for as long as that takes. `flags` are those of getaddrinfo(3).
func lookUp(_ host: String, _ port: UInt16, _ flags: Int32) -> Result<[BindAddress], ZinxError> {
  var hints = addrinfo()
  hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
  hints.ai_flags = flags | AI_PASSIVE | AI_NUMERICSERV
  var list: UnsafeMutablePointer<addrinfo>?
  let status = getaddrinfo(host, String(port), &hints, &list)
  let code = errno
  defer { if let list { freeaddrinfo(list) } }
  guard status == 0 else { return .failure(lookUpFailure(host, status, errno: code)) }
  var addresses: [BindAddress] = []
  var next = list
  while let info = next?.pointee {
    // A file may have an address twice.
    if let address = BindAddress(info), !addresses.contains(address) { addresses.append(address) }
    next = info.ai_next
  }
  guard !addresses.isEmpty else { return .failure(.hostNotFound(host: host, reason: "it has no address")) }
  return .success(addresses)
}

/// What a status of getaddrinfo(3) means for the operator.
func lookUpFailure(_ host: String, _ status: Int32, errno code: Int32) -> ZinxError {
  switch status {
  case EAI_SYSTEM: .systemCallFailed(call: "getaddrinfo", code: code)
  case EAI_MEMORY: .systemCallFailed(call: "getaddrinfo", code: ENOMEM)
  case EAI_AGAIN where !isImpossible(host): .hostUnresolved(host: host, reason: String(cString: gai_strerror(status)))
  case EAI_AGAIN: .hostNotFound(host: host, reason: "there is no such name")
  default: .hostNotFound(host: host, reason: String(cString: gai_strerror(status)))
  }
}

/// Whether no resolver will ever know the name: it is reserved for that (RFC 6761), or a number is mistyped, such as `192.0.2.300`.
private func isImpossible(_ host: String) -> Bool {
  guard let last = host.split(separator: ".").last else { return true }
  return last.lowercased() == "invalid" || last.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
}
