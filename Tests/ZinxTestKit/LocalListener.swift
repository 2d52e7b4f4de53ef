import CLinux
import Glibc
import ZinxIO

/// A listening UNIX socket with a name of the kernel's choice, as a service manager could pass one.
public struct LocalListener {
  /// Whoever takes it over closes it.
  public let number: Int32
  private var address = sockaddr_un()
  private var length = socklen_t(MemoryLayout<sockaddr_un>.size)

  public init() throws {
    number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    address.sun_family = sa_family_t(AF_UNIX)
    // The family alone: unix(7), autobind.
    let nameless = socklen_t(MemoryLayout<sa_family_t>.size)
    let isListening = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, nameless) == 0 && getsockname(number, $0, &length) == 0 && listen(number, 64) == 0
      }
    }
    guard isListening else { throw SystemError("listen") }
  }

  /// Connects a peer.
  public func connect() throws -> RawPeer {
    let descriptor = try Descriptor(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0), from: "socket")
    let status = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor.number, $0, length) }
    }
    guard status == 0 else { throw SystemError("connect") }
    return RawPeer(descriptor)
  }
}

extension RawPeer {
  /// Connects to a UNIX socket: a path, or an abstract name behind an `@`.
  public static func local(_ name: String) throws -> RawPeer {
    let descriptor = try Descriptor(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0), from: "socket")
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    let bytes = name.hasPrefix("@") ? [0] + Array(name.utf8.dropFirst()) : Array(name.utf8) + [0]
    let status = withUnsafeMutableBytes(of: &address) { target in
      UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyBytes(from: bytes)
      let socket = target.assumingMemoryBound(to: sockaddr.self).baseAddress
      return Glibc.connect(descriptor.number, socket, socklen_t(start + bytes.count))
    }
    guard status == 0 else { throw SystemError("connect") }
    return RawPeer(descriptor)
  }

  /// Sends bytes, a few, and a descriptor with them (SCM_RIGHTS).
  public func send(_ bytes: [UInt8], passing descriptor: Int32) throws {
    // A header of two words, then the descriptor (cmsg(3)).
    let length = 2 * MemoryLayout<UInt>.size + MemoryLayout<Int32>.size
    var control = [UInt](repeating: 0, count: 3)
    control.withUnsafeMutableBytes {
      $0.storeBytes(of: UInt(length), as: UInt.self)
      $0.storeBytes(of: SOL_SOCKET, toByteOffset: MemoryLayout<UInt>.size, as: Int32.self)
      $0.storeBytes(of: Int32(SCM_RIGHTS), toByteOffset: MemoryLayout<UInt>.size + 4, as: Int32.self)
      $0.storeBytes(of: descriptor, toByteOffset: 2 * MemoryLayout<UInt>.size, as: Int32.self)
    }
    var bytes = bytes
    let sent = bytes.withUnsafeMutableBytes { bytes in
      control.withUnsafeMutableBytes { control in
        var vector = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
        return withUnsafeMutablePointer(to: &vector) { vector in
          var message = msghdr()
          message.msg_iov = vector
          message.msg_iovlen = 1
          message.msg_control = control.baseAddress
          message.msg_controllen = control.count
          return sendmsg(number, &message, Int32(MSG_NOSIGNAL))
        }
      }
    }
    guard sent == bytes.count else { throw SystemError("sendmsg") }
  }
}
