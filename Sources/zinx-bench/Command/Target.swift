import ArgumentParser
import Glibc
import ZinxClient
import ZinxIO

/// Where the load goes: found and tried before it begins, so that what cannot work is said in one line.
enum Target {
  /// The first address of the host that a connection can be made to.
  ///
  /// Throws: an exit status, having said why.
  static func address(of host: String, port: UInt16, timeout: Int64) throws -> PeerAddress {
    let name = endpoint(host, port)
    switch Resolver.lookUp(host, port) {
    case .failure(.connectionFailed(_, let reason)):
      throw Failure.unavailable("cannot connect to \(name): \(reason). See --host and --port.")
    case .failure(let error): throw Failure.unavailable("cannot connect to \(name): \(error). See --host and --port.")
    case .success(let addresses):
      var last: SystemError?
      for address in addresses {
        do throws(SystemError) {
          try probe(address, timeout)
          return address
        } catch { last = error }
      }
      let reason = last?.reason ?? "the host has no address"
      throw Failure.unavailable("cannot connect to \(name): \(reason). Is the server running there? See --host and --port.")
    }
  }

  private static func probe(_ address: PeerAddress, _ timeout: Int64) throws(SystemError) {
    let socket = Descriptor(owning: try Socket.connecting(to: address, source: nil))
    var wait = pollfd(fd: socket.number, events: Int16(POLLOUT), revents: 0)
    let count = retryingOnInterrupt { poll(&wait, 1, Int32(clamping: timeout / 1_000_000)) }
    guard count > 0 else { throw SystemError("connect", code: count == 0 ? ETIMEDOUT : errno) }
    if let error = Socket.connectError(socket.number) { throw error }
  }

  /// Raises the limit of open files as far as allowed.
  ///
  /// Throws: an exit status, having said how many there would have to be.
  static func makeRoom(for connections: Int) throws {
    // Standard streams, epoll, /proc.
    let wanted = UInt(connections + 32)
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < wanted else { return }
    limit.rlim_cur = min(limit.rlim_max, wanted)
    guard limit.rlim_cur == wanted, setrlimit(resource, &limit) == 0 else {
      throw Failure.unavailable(
        "\(connections) connections take \(wanted) open files, and the limit is \(limit.rlim_max). Raise it (ulimit -Hn), "
          + "or see --connections.")
    }
  }
}
