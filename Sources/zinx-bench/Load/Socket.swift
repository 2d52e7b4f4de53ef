import CLinux
import Glibc
import ZinxClient
import ZinxIO

/// The calls on the socket of a connection.
enum Socket {
  /// Milliseconds that a full backlog of a UNIX socket is given.
  private static let mostPauses = 5000

  /// A socket that is connecting to `address`: it becomes writable when that is decided.
  ///
  /// `source`: 127.0.0.(2 + source) is the own address, nil leaves it to the kernel. One address has some 28000 ports.
  static func connecting(to address: PeerAddress, source: Int?) throws(SystemError) -> Int32 {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let isLocal = address.family == AF_UNIX
    let socket = try Descriptor(socket(address.family, type, isLocal ? 0 : Int32(IPPROTO_TCP)), from: "socket")
    if !isLocal { set(socket.number, Int32(IPPROTO_TCP), TCP_NODELAY) }
    if let source { try bind(socket.number, source) }
    var status = address.withSockaddr { Glibc.connect(socket.number, $0, $1) }
    // The backlog is full, of which a UNIX socket says no more than that (connect(2)).
    for _ in 0..<mostPauses {
      guard isLocal, status != 0, errno == EAGAIN else { break }
      _ = poll(nil, 0, 1)
      status = address.withSockaddr { Glibc.connect(socket.number, $0, $1) }
    }
    guard status == 0 || errno == EINPROGRESS || errno == EINTR else { throw SystemError("connect") }
    return socket.release()
  }

  /// Why connecting failed, nil when it succeeded.
  static func connectError(_ descriptor: Int32) -> SystemError? {
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout.size(ofValue: code))
    guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return SystemError("getsockopt") }
    return code == 0 ? nil : SystemError("connect", code: code)
  }

  private static func bind(_ descriptor: Int32, _ source: Int) throws(SystemError) {
    // Without this the kernel would pick a port now, one that is free for every destination.
    set(descriptor, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT)
    var own = sockaddr_in()
    own.sin_family = sa_family_t(AF_INET)
    own.sin_addr.s_addr = (0x7f00_0002 + UInt32(source)).bigEndian
    let status = withUnsafePointer(to: own) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw SystemError("bind") }
  }

  /// The options are improvements: a socket works without them.
  private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32) {
    var one: Int32 = 1
    setsockopt(descriptor, level, option, &one, socklen_t(MemoryLayout.size(ofValue: one)))
  }
}
