import CLinux
import Glibc
import ZinxIO

/// Makes the socket that a server listens on.
enum ListeningSocket {
  /// Connections that the kernel completes before we accept them; it lowers this to `net.core.somaxconn`.
  private static let backlog: Int32 = 4096

  /// Binds and listens on the first address of a host. Blocks while the host name is resolved.
  ///
  /// Throws: ``ZinxError/hostNotFound(host:reason:)``, ``ZinxError/cannotListen(address:call:code:)``.
  static func open(host: String, port: UInt16, _ keepAlive: KeepAlive) throws(ZinxError) -> Int32 {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, String(port), &hints, &list)
    guard status == 0, let first = list?.pointee else {
      throw .hostNotFound(host: host, reason: String(cString: gai_strerror(status)))
    }
    defer { freeaddrinfo(list) }
    do { return try open(first, keepAlive) } catch {
      throw .cannotListen(address: address(host, port), call: error.call, code: error.code)
    }
  }

  private static func open(_ address: addrinfo, _ keepAlive: KeepAlive) throws(SystemError) -> Int32 {
    let type = address.ai_socktype | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let socket = try Descriptor(socket(address.ai_family, type, address.ai_protocol), from: "socket")
    // A restart must not wait for the connections of the run before to leave TIME_WAIT.
    try set(socket.number, SOL_SOCKET, SO_REUSEADDR, 1)
    try prepare(socket.number, keepAlive)
    guard bind(socket.number, address.ai_addr, address.ai_addrlen) == 0 else { throw SystemError("bind") }
    guard listen(socket.number, backlog) == 0 else { throw SystemError("listen") }
    return socket.release()
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

  private static func address(_ host: String, _ port: UInt16) -> String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
