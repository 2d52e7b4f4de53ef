import CLinux
import Glibc
import ZinxIO
import ZinxWire

/// A peer that speaks bytes: what a client may do right or wrong on a TCP connection to 127.0.0.1. For one task at a time.
///
/// It waits on threads of its own, never on those that run the tests' tasks.
public final class RawPeer: Sendable {
  public enum Failure: Error, Equatable {
    /// The server did nothing for ``patience``.
    case timeOut
    /// The stream ended where more was expected.
    case ended
    case reset
    case system(call: String, code: Int32)
  }

  /// Milliseconds after which a wait is a failure.
  public static let patience: Int32 = 20_000

  private let descriptor: Descriptor

  var number: Int32 { descriptor.number }

  /// Takes a connected socket.
  init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

  /// Connects.
  ///
  /// - Parameter receiveBuffer: bytes the kernel takes for a peer that does not read; it doubles them. Nil: its default.
  public convenience init(port: UInt16, receiveBuffer: Int32? = nil) throws {
    try self.init(receiveBuffer: receiveBuffer)
    try connect(port: port)
  }

  /// Connects to an address from one of this machine: `127.0.0.2`, `::1`.
  public convenience init(port: UInt16, from source: String, to target: String) throws {
    try self.init(isV6: source.contains(":"))
    try Self.with(source, port: 0) { try check("bind", Glibc.bind(descriptor.number, $0, $1)) }
    try Self.with(target, port: port) { try check("connect", Glibc.connect(descriptor.number, $0, $1)) }
  }

  /// Opens a socket for ``connect(port:)``.
  public init(receiveBuffer: Int32? = nil, isV6: Bool = false) throws {
    let number = socket(isV6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { throw Failure.system(call: "socket", code: errno) }
    descriptor = Descriptor(owning: number)
    if let receiveBuffer { set(SOL_SOCKET, SO_RCVBUF, receiveBuffer) }
    // Bytes sent one at a time leave one at a time.
    set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
  }

  public func connect(port: UInt16) throws {
    try Self.with("127.0.0.1", port: port) { try check("connect", Glibc.connect(descriptor.number, $0, $1)) }
  }

  /// Calls `body` with an address as the system calls take it.
  private static func with(_ text: String, port: UInt16, _ body: (UnsafePointer<sockaddr>?, socklen_t) throws -> Void) rethrows {
    var six = sockaddr_in6()
    six.sin6_family = sa_family_t(AF_INET6)
    six.sin6_port = port.bigEndian
    if inet_pton(AF_INET6, text, &six.sin6_addr) == 1 {
      return try withUnsafeBytes(of: six) { try body($0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count)) }
    }
    var four = sockaddr_in()
    four.sin_family = sa_family_t(AF_INET)
    four.sin_port = port.bigEndian
    inet_pton(AF_INET, text, &four.sin_addr)
    try withUnsafeBytes(of: four) { try body($0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count)) }
  }

  private func check(_ call: String, _ status: Int32) throws {
    guard status == 0 else { throw Failure.system(call: call, code: errno) }
  }

  // MARK: Sending

  public func send(_ bytes: [UInt8]) async throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      rest = rest.dropFirst(try sendSome(rest))
      if !rest.isEmpty, try await !wait(for: POLLOUT, milliseconds: Self.patience) { throw Failure.timeOut }
    }
  }

  /// Sends a byte of urgent data (MSG_OOB, RFC 6093), which is no part of the stream.
  public func sendUrgent(_ byte: UInt8) throws {
    let count = withUnsafeBytes(of: byte) { Glibc.send(descriptor.number, $0.baseAddress, 1, Int32(MSG_OOB) | Self.noWait) }
    if count != 1 { _ = try checked("send", else: 0) }
  }

  /// Sends as much as the kernel takes until it has taken nothing for `quiet` milliseconds. Returns how many bytes it took.
  public func sendUntilBlocked(_ bytes: [UInt8], quiet: Int32 = 200) async throws -> Int {
    var sent = 0
    while sent < bytes.count {
      sent += try sendSome(bytes[sent...])
      if sent < bytes.count, try await !wait(for: POLLOUT, milliseconds: quiet) { break }
    }
    return sent
  }

  private func sendSome(_ bytes: ArraySlice<UInt8>) throws -> Int {
    let count = bytes.withUnsafeBytes {
      Glibc.send(descriptor.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Self.noWait)
    }
    return try count >= 0 ? count : checked("send", else: 0)
  }

  // MARK: Receiving

  /// Exactly `count` bytes.
  public func receive(_ count: Int) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      guard let more = try await receiveSome(upTo: count - bytes.count) else { throw Failure.ended }
      bytes += more
    }
    return bytes
  }

  /// Everything until the end of the stream.
  public func receiveAll() async throws -> [UInt8] {
    var bytes: [UInt8] = []
    while let more = try await receiveSome(upTo: 1 << 20) { bytes += more }
    return bytes
  }

  /// What is there, at least one byte; nil at the end of the stream.
  public func receiveSome(upTo limit: Int) async throws -> [UInt8]? {
    while true {
      var count = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: min(limit, 64 << 10)) { buffer, initialized in
        count = recv(descriptor.number, buffer.baseAddress, buffer.count, Self.noWait)
        initialized = max(0, count)
      }
      if count == 0 { return nil }
      if count > 0 { return bytes }
      _ = try checked("recv", else: 0)
      guard try await wait(for: POLLIN, milliseconds: Self.patience) else { throw Failure.timeOut }
    }
  }

  /// Whether nothing comes for a while: neither bytes nor the end.
  public func isQuiet(milliseconds: Int32 = 100) async throws -> Bool { try await !wait(for: POLLIN, milliseconds: milliseconds) }

  // MARK: Ending

  /// Shuts down the write side: the server sees the end of the stream, and can still answer.
  public func shutdownWrite() { shutdown(descriptor.number, Int32(SHUT_WR)) }

  /// Closes both directions. Without a call, letting go of the peer closes it.
  public func close() { shutdown(descriptor.number, Int32(SHUT_RDWR)) }

  /// Closes with a reset instead of an end of stream: connecting a TCP socket to no address does.
  public func reset() {
    var nowhere = sockaddr()
    nowhere.sa_family = sa_family_t(AF_UNSPEC)
    Glibc.connect(descriptor.number, &nowhere, socklen_t(MemoryLayout.size(ofValue: nowhere)))
  }

  // MARK: System

  private static let noWait = Int32(MSG_DONTWAIT)

  private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor.number, level, option, &value, socklen_t(MemoryLayout.size(ofValue: value)))
  }

  private func checked(_ call: String, else value: Int) throws -> Int {
    switch errno {
    case EAGAIN, EINTR: return value
    case ECONNRESET, EPIPE: throw Failure.reset
    case let code: throw Failure.system(call: call, code: code)
    }
  }

  /// Returns false when the time is over.
  private func wait(for events: Int32, milliseconds: Int32) async throws -> Bool {
    try await onThread {
      var request = pollfd(fd: self.descriptor.number, events: Int16(events), revents: 0)
      return poll(&request, 1, milliseconds) != 0
    }
  }
}
