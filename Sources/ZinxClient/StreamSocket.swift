import CLinux
import Glibc
import NIOCore
import ZinxIO

/// A non-blocking socket of TCP or UNIX, with what stands between it and the stream of frames.
final class StreamSocket {
  enum Outcome {
    case bytes(Int)
    /// The peer has shut its write side down.
    case end
    case wouldBlock
    case failed(SystemError)
    /// So many bytes are on their way, and come again: the kernel has not taken them all in the form in which they leave.
    case staged(Int)
    /// The tunnel has ended.
    case over(Tunnel.End)
  }

  /// Bytes that one read takes at most, so that a fast peer does not keep the loop from the others.
  static let bytesPerRead = 64 << 10

  private let descriptor: Descriptor
  /// Nil where the stream is the socket's own.
  let tunnel: Tunnel?
  /// Bytes of the stream that the tunnel has, and the kernel not yet as a whole.
  var staged = 0
  /// The last word of the tunnel was taken; what comes behind it means nothing.
  var isDiscarding = false

  var number: Int32 { descriptor.number }

  /// Throws: ``SystemError`` when the process has no descriptor left, or the kernel does not know the address family.
  init(family: Int32, _ tunnel: Tunnel? = nil) throws(SystemError) {
    self.tunnel = tunnel
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    descriptor = try Descriptor(socket(family, type, family == AF_UNIX ? 0 : Int32(IPPROTO_TCP)), from: "socket")
    guard family != AF_UNIX else { return }
    set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    // A peer that vanished is noticed after two minutes: 60 seconds of silence and six probes.
    set(SOL_SOCKET, SO_KEEPALIVE, 1)
    set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, 60)
    set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, 10)
    set(Int32(IPPROTO_TCP), TCP_KEEPCNT, 6)
  }

  /// Starts to connect: the socket becomes writable when it is decided, and ``connectError`` tells.
  func connect(to address: PeerAddress) throws(SystemError) {
    let status = address.withSockaddr { Glibc.connect(number, $0, $1) }
    // An interrupted connect(2) goes on in the background like any other here.
    guard status == 0 || errno == EINPROGRESS || errno == EINTR else { throw SystemError("connect") }
  }

  /// Why connecting failed, nil when it succeeded.
  var connectError: SystemError? {
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout.size(ofValue: code))
    guard getsockopt(number, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return SystemError("getsockopt") }
    if code != 0 { return SystemError("connect", code: code) }
    guard PeerAddress.local(of: number)?.family != AF_UNIX else { return nil }
    // A socket whose own port happens to be the one it connects to, on this machine, reaches itself when nobody listens there.
    let own = PeerAddress.local(of: number)
    return own != nil && own == PeerAddress.peer(of: number) ? SystemError("connect", code: ECONNREFUSED) : nil
  }

  /// Appends what is there to `buffer`.
  func read(into buffer: inout ByteBuffer) -> Outcome {
    if let tunnel { return read(through: tunnel, into: &buffer) }
    var outcome = Outcome.end
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.bytesPerRead) { free in
      let count = retryingOnInterrupt { Glibc.recv(number, free.baseAddress, min(free.count, Self.bytesPerRead), 0) }
      if count != 0 { outcome = Self.outcome(of: "recv", count) }
      return max(0, count)
    }
    return outcome
  }

  /// Hands the beginning of `buffer` to the kernel and removes it there.
  func write(_ buffer: inout ByteBuffer) -> Outcome {
    if let tunnel { return write(through: tunnel, &buffer) }
    var outcome = Outcome.wouldBlock
    buffer.readWithUnsafeReadableBytes { bytes in
      // MSG_NOSIGNAL: a peer that has gone is an error here and not a SIGPIPE for the process.
      let count = retryingOnInterrupt { Glibc.send(number, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
      outcome = Self.outcome(of: "send", count)
      return max(0, count)
    }
    return outcome
  }

  static func outcome(of call: String, _ count: Int) -> Outcome {
    if count >= 0 { return .bytes(count) }
    let error = SystemError(call)
    return error.code == EAGAIN || error.code == EWOULDBLOCK ? .wouldBlock : .failed(error)
  }

  /// Says, after what was sent, that nothing follows. Once more when there was no room for it.
  func shutDownWriting() { if endsTunnel() { _ = shutdown(number, Int32(SHUT_WR)) } }

  /// The options are improvements: a socket works without them.
  private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    setsockopt(number, level, option, &value, socklen_t(MemoryLayout.size(ofValue: value)))
  }
}

extension Client.CloseReason {
  init(_ error: SystemError) {
    self = error.code == ECONNRESET || error.code == EPIPE ? .reset : .failed(error.reason)
  }
}
