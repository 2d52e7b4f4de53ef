import CLinux
import Glibc
import Synchronization
import Zinx
import ZinxIO

/// What peers of a test come by.
protocol Network: Sendable {
  /// A connected, non-blocking socket, and the address that the server sees.
  func connect(to listener: String, from address: String?) throws -> (socket: Int32, address: SocketAddress)
}

/// No network: sockets of the process to which the kernel gives names that are in no file system. What the server is told about the
/// addresses of its peers is made up.
final class MemoryNetwork: Network {
  /// One of those that documentation may use (RFC 5737).
  private static let standardAddress = "192.0.2.1"

  private struct State {
    /// The addresses of those who wait in the backlog of each listening socket, oldest first.
    var waiting: [Int32: [sockaddr_storage]] = [:]
    var listeners: [String: (socket: Int32, name: sockaddr_un, length: socklen_t)] = [:]
    var nextPort: UInt16 = 49152
  }

  private let state = Mutex(State())

  /// Opens the sockets of a listener, for the server to accept on.
  func open(_ name: String) throws -> EndpointSockets {
    let socket = try Descriptor(
      Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0), from: "socket")
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // Without a name the kernel finds one.
    var length = socklen_t(MemoryLayout<sa_family_t>.size)
    try check(withSockaddr(&address) { bind(socket.number, $0, length) }, "bind")
    length = socklen_t(MemoryLayout<sockaddr_un>.size)
    try check(withSockaddr(&address) { getsockname(socket.number, $0, &length) }, "getsockname")
    try check(listen(socket.number, Int32(Endpoint.defaultBacklog)), "listen")
    state.withLock { [address, length] in
      $0.listeners[name] = (socket.number, address, length)
      $0.waiting[socket.number] = []
    }
    return EndpointSockets(name: name, sockets: [socket.release()], isPassed: true)
  }

  /// Accepts for the server.
  var accept: AcceptCall {
    { [self] listener, peer in
      var unused = sockaddr_storage()
      let accepted = systemAccept(listener, &unused)
      if accepted >= 0 {
        peer =
          state.withLock { state in
            state.waiting[listener]?.isEmpty == false ? state.waiting[listener]?.removeFirst() : nil
          } ?? unused
      }
      return accepted
    }
  }

  func connect(to listener: String, from address: String?) throws -> (socket: Int32, address: SocketAddress) {
    let socket = try Descriptor(
      Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0), from: "socket")
    // Under the lock: they come to be accepted in the order of their addresses.
    let peer = try state.withLock { state throws -> sockaddr_storage in
      guard var place = state.listeners[listener] else { throw TestError.noListener(listener) }
      defer { state.nextPort = state.nextPort == .max ? 49152 : state.nextPort + 1 }
      let peer = try made(address ?? Self.standardAddress, port: state.nextPort)
      try check(withSockaddr(&place.name) { Glibc.connect(socket.number, $0, place.length) }, "connect")
      state.waiting[place.socket]?.append(peer)
      return peer
    }
    return (socket.release(), SocketAddress(peer))
  }
}

/// TCP on the machine's own addresses.
final class SocketNetwork: Network {
  private let ports = Mutex<[String: UInt16]>([:])

  func opened(_ listeners: [ListenerInfo], _ addresses: [SocketAddress]) {
    ports.withLock { ports in for (listener, address) in zip(listeners, addresses) { ports[listener.name] = address.port } }
  }

  func connect(to listener: String, from address: String?) throws -> (socket: Int32, address: SocketAddress) {
    guard let port = ports.withLock({ $0[listener] }) else { throw TestError.noListener(listener) }
    let socket = try Descriptor(Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0), from: "socket")
    if let address {
      var own = try made(address, port: 0)
      try check(withSockaddr(&own) { bind(socket.number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }, "bind")
    }
    var server = try made("127.0.0.1", port: port)
    // At once: the kernel is both ends.
    try check(withSockaddr(&server) { Glibc.connect(socket.number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }, "connect")
    var one: Int32 = 1
    setsockopt(socket.number, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout.size(ofValue: one)))
    try check(fcntl(socket.number, F_SETFL, O_NONBLOCK), "fcntl")
    let own = try SocketAddress(of: socket.number)
    return (socket.release(), own)
  }
}

private func made(_ address: String, port: UInt16) throws -> sockaddr_storage {
  var storage = sockaddr_storage()
  let isMade = withUnsafeMutableBytes(of: &storage) { bytes in
    var four = sockaddr_in()
    var six = sockaddr_in6()
    if inet_pton(AF_INET, address, &four.sin_addr) == 1 {
      (four.sin_family, four.sin_port) = (sa_family_t(AF_INET), port.bigEndian)
      bytes.storeBytes(of: four, as: sockaddr_in.self)
    } else if inet_pton(AF_INET6, address, &six.sin6_addr) == 1 {
      (six.sin6_family, six.sin6_port) = (sa_family_t(AF_INET6), port.bigEndian)
      bytes.storeBytes(of: six, as: sockaddr_in6.self)
    } else {
      return false
    }
    return true
  }
  guard isMade else { throw TestError.noAddress(address) }
  return storage
}

private func withSockaddr<Address, Result>(_ address: inout Address, _ body: (UnsafeMutablePointer<sockaddr>) -> Result) -> Result
{
  withUnsafeMutablePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body) }
}

private func check(_ status: Int32, _ call: String) throws(SystemError) { if status < 0 { throw SystemError(call) } }

/// What a test asks for that is not there.
public enum TestError: Error, Hashable, Sendable {
  /// No listener of the configuration has the name.
  case noListener(String)
  /// The listener of the name has TLS, which no ``TestPeer`` speaks: leave `tls` out of the configuration of a test.
  case secureListener(String)
  /// The listener of the name has WebSockets, or proxies in front, which no ``TestPeer`` speaks either.
  case wrappedListener(String)
  /// No IPv4 or IPv6 address.
  case noAddress(String)
  /// The server did not let the peer in; nil: it has not come to it, as with ``OverloadPolicy/wait``.
  case notConnected(RefusalReason?)
  /// The server has closed the connection and nothing more came; nil: the peer closed it itself.
  case ended(CloseReason?)
}
