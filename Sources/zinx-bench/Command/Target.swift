import ArgumentParser
import Glibc
import NIOCore
import ZinxClient
import ZinxIO

/// Where the load goes: found and tried before it begins, so that what cannot work is said in one line.
enum Target {
  /// The first address of the server that a connection can be made to, with all that it takes.
  ///
  /// Throws: an exit status, having said why.
  static func address(of choice: ServerChoice, _ transport: Transport, timeout: Int64) throws -> PeerAddress {
    let server = choice.server
    let options = choice.address == nil ? "--host and --port" : "--address"
    switch Resolver.lookUp(server.place) {
    case .failure(.connectionFailed(_, let reason)):
      throw Failure.unavailable("cannot connect to \(server): \(reason). See \(options).")
    case .failure(let error): throw Failure.unavailable("cannot connect to \(server): \(error). See \(options).")
    case .success(let addresses):
      var last: ConnectFault?
      for address in addresses {
        do throws(ConnectFault) {
          try probe(address, transport, until: Instant.now.nanoseconds + timeout)
          return address
        } catch { last = error }
        if case .handshake(let fault)? = last {
          throw Failure.unavailable("cannot connect to \(server): \(fault). See --address, --ca, --cert and --server-name.")
        }
      }
      let reason = last?.reason ?? "the host has no address"
      throw Failure.unavailable("cannot connect to \(server): \(reason). Is the server running there? See \(options).")
    }
  }

  private static func probe(_ address: PeerAddress, _ transport: Transport, until limit: Int64) throws(ConnectFault) {
    let number: Int32
    do throws(SystemError) { number = try Socket.connecting(to: address, source: nil) } catch { throw .system(error) }
    let socket = Descriptor(owning: number)
    do throws(SystemError) { try wait(for: socket.number, POLLOUT, until: limit) } catch { throw .system(error) }
    if let error = Socket.connectError(socket.number) { throw .system(error) }
    do throws(HandshakeFault) {
      if let tunnel = try transport.tunnel() { try shake(tunnel, socket.number, until: limit) }
    } catch { throw .handshake(error) }
  }

  private static func shake(_ tunnel: Tunnel, _ descriptor: Int32, until limit: Int64) throws(HandshakeFault) {
    var buffer = ByteBuffer()
    _ = tunnel.start()
    while true {
      switch tunnel.shake(on: descriptor, into: &buffer) {
      case .done: return
      case .failed(let fault): throw fault
      case .broken: throw .closed(during: tunnel.stage)
      case .waits(let readiness):
        do throws(SystemError) {
          try wait(for: descriptor, readiness.isWritable ? POLLIN | POLLOUT : POLLIN, until: limit)
        } catch { throw .silence(during: tunnel.stage) }
      }
    }
  }

  private static func wait(for descriptor: Int32, _ events: Int32, until limit: Int64) throws(SystemError) {
    var wait = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    let time = max(0, limit - Instant.now.nanoseconds)
    let count = retryingOnInterrupt { poll(&wait, 1, Int32(clamping: time / 1_000_000)) }
    guard count > 0 else { throw SystemError("connect", code: count == 0 ? ETIMEDOUT : errno) }
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
