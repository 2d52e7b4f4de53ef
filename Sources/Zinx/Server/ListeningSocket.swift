import CLinux
import Glibc
import ZinxIO

/// bind(2), or `errno`. A seam: tests have a port taken here at the moment when it matters.
typealias BindCall = @Sendable (_ socket: Int32, _ address: BindAddress) -> Int32

/// Makes the sockets that a server listens on.
enum ListeningSocket {
  /// Ports that the kernel may choose for the first address and that are taken at another, before that is an error.
  private static let attempts = 16

  /// What is asked of each socket.
  struct Options {
    var keepAlive: KeepAlive
    /// Connections that the kernel completes before we accept them; it lowers this to `net.core.somaxconn`.
    var backlog = Int32(Endpoint.defaultBacklog)
    var v6Only = false
    /// Sockets of ours that are about to go may be in the way, and share their port: see ``share(_:_:)``.
    var isShared = false
  }

  /// The sockets of a host.
  struct Opened: Equatable {
    var sockets: [Int32] = []
    /// Addresses of the host that are not this machine's, or of a kind that it does not have.
    var absent: [SocketAddress] = []
  }

  /// The kernel's.
  static let systemBind: BindCall = { socket, address in address.withSockaddr { bind(socket, $0, $1) == 0 ? 0 : errno } }

  /// Binds and listens on every address that is this machine's, or on none. With port 0 all have the port that the kernel chooses for the
  /// first of them.
  ///
  /// Throws: ``ZinxError/cannotListen(address:call:code:)``.
  static func open(
    _ host: String, _ addresses: [BindAddress], _ options: Options, bind: BindCall = systemBind
  ) throws(ZinxError) -> Opened {
    let choosesPort = addresses.contains { $0.socketAddress.port == 0 }
    for _ in 1..<attempts where choosesPort {
      do { return try openAll(host, addresses, options, bind) } catch .cannotListen(_, _, EADDRINUSE) {}
    }
    return try openAll(host, addresses, options, bind)
  }

  private static func openAll(
    _ host: String, _ addresses: [BindAddress], _ options: Options, _ bind: BindCall
  ) throws(ZinxError) -> Opened {
    var opened = Opened()
    var (absent, absence) = ([BindAddress](), SystemError?.none)
    var port: UInt16?
    for address in addresses {
      do throws(SystemError) {
        let wanted = port.map { address.with(port: $0) } ?? address
        opened.sockets.append(try open(wanted, isOneOfMany: addresses.count > 1, options, bind))
        if port == nil { port = try SocketAddress(of: opened.sockets[0]).port }
      } catch  where error.code == EADDRNOTAVAIL || error.code == EAFNOSUPPORT {
        absent.append(address)
        // What may still come counts more than what will not.
        if absence?.code != EADDRNOTAVAIL { absence = error }
      } catch {
        close(opened)
        throw .cannotListen(address: name([address.socketAddress], of: host), call: error.call, code: error.code)
      }
    }
    opened.absent = absent.map { (port.map($0.with(port:)) ?? $0).socketAddress }
    if let absence, opened.sockets.isEmpty {
      throw .cannotListen(address: name(opened.absent, of: host), call: absence.call, code: absence.code)
    }
    return opened
  }

  private static func close(_ opened: Opened) {
    for socket in opened.sockets { _ = Descriptor(owning: socket) }
  }

  private static func open(
    _ address: BindAddress, isOneOfMany: Bool, _ options: Options, _ bind: BindCall
  ) throws(SystemError) -> Int32 {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let socket = try Descriptor(socket(address.family, type, Int32(IPPROTO_TCP)), from: "socket")
    // A restart must not wait for the connections of the run before to leave TIME_WAIT.
    try set(socket.number, SOL_SOCKET, SO_REUSEADDR, 1)
    // Said either way: the default is the machine's (net.ipv6.bindv6only). One of several addresses that took IPv4 too would be in the
    // way of an IPv4 address beside it.
    if address.family == AF_INET6 {
      try set(socket.number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, isOneOfMany || options.v6Only ? 1 : 0)
    }
    try prepare(socket.number, options.keepAlive)
    if options.isShared { try share(true, socket.number) }
    let code = bind(socket.number, address)
    guard code == 0 else { throw SystemError("bind", code: code) }
    guard listen(socket.number, options.backlog) == 0 else { throw SystemError("listen") }
    // Only for the switch: the next daemon on this port is to hear that it is taken.
    if options.isShared { try share(false, socket.number) }
    return socket.release()
  }

  /// `127.0.0.1:7777`, `127.0.0.1:7777 (localhost)`.
  private static func name(_ addresses: [SocketAddress], of host: String) -> String {
    let text = addresses.map(\.description).joined(separator: ", ")
    return addresses.allSatisfy { $0.ip == IPAddress(host) } ? text : "\(text) (\(host))"
  }

  /// Lets another socket of this user listen at an address that this one takes, if both are asked (SO_REUSEPORT).
  static func share(_ isShared: Bool, _ socket: Int32) throws(SystemError) {
    try set(socket, SOL_SOCKET, SO_REUSEPORT, isShared ? 1 : 0)
  }

  /// Makes a socket that was opened elsewhere, listening already, like one of ours: systemd passes it as it is by default, blocking.
  static func adopt(_ socket: Int32, _ keepAlive: KeepAlive) throws(SystemError) {
    let flags = fcntl(socket, F_GETFL)
    guard flags >= 0, fcntl(socket, F_SETFL, flags | O_NONBLOCK) == 0 else { throw SystemError("fcntl") }
    // One that is not TCP has none of this, and needs none.
    try? prepare(socket, keepAlive)
  }

  /// What every accepted socket inherits from the listening one on Linux, which saves the calls for each.
  private static func prepare(_ socket: Int32, _ keepAlive: KeepAlive) throws(SystemError) {
    // Replies are gathered by the batch; the kernel need not wait for more.
    try set(socket, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    try set(keepAlive, of: socket)
  }

  /// Has the kernel look after peers that vanish, on connections that are accepted after the call.
  static func set(_ keepAlive: KeepAlive, of socket: Int32) throws(SystemError) {
    try set(socket, SOL_SOCKET, SO_KEEPALIVE, keepAlive.isOn ? 1 : 0)
    try set(socket, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, keepAlive.userTimeout)
    try set(socket, Int32(IPPROTO_TCP), TCP_KEEPIDLE, keepAlive.idle)
    try set(socket, Int32(IPPROTO_TCP), TCP_KEEPINTVL, keepAlive.interval)
    try set(socket, Int32(IPPROTO_TCP), TCP_KEEPCNT, keepAlive.probes)
  }

  private static func set(_ socket: Int32, _ level: Int32, _ option: Int32, _ value: Int32) throws(SystemError) {
    var value = value
    guard setsockopt(socket, level, option, &value, socklen_t(MemoryLayout.size(ofValue: value))) == 0 else {
      throw SystemError("setsockopt")
    }
  }
}
