import Glibc

/// A system call on the control socket that failed: its name and errno(3).
package struct UnixError: Error, Sendable, Hashable, CustomStringConvertible {
  package let call: String
  package let code: Int32

  package init(_ call: String, code: Int32 = errno) { (self.call, self.code) = (call, code) }

  package var description: String { "\(call): \(String(cString: strerror(code)))" }
}

/// A stream of lines on a UNIX socket, with an end to every wait. Closed when it is let go of.
package struct UnixStream: ~Copyable {
  private let descriptor: Int32

  /// Takes ownership of a connected socket.
  package init(owning descriptor: Int32) { self.descriptor = descriptor }

  /// Connects to who listens at a path, or at a name of the abstract namespace, `@name`.
  package init(connectingTo path: String) throws(UnixError) {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw UnixError("socket") }
    let number = descriptor
    let status = Self.withAddress(of: path) { Glibc.connect(number, $0, $1) }
    guard status == 0 else { throw UnixError("connect", code: status == nil ? EINVAL : errno) }
  }

  deinit { close(descriptor) }

  /// Calls `body` with the address; nil for a text that is none: an absolute path or `@name`, 107 bytes at most.
  package static func withAddress<Result>(of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result? {
    var bytes = Array(path.utf8)
    guard let first = bytes.first, bytes.count > 1, !bytes.contains(0) else { return nil }
    switch first {
    case UInt8(ascii: "/"): bytes.append(0)
    case UInt8(ascii: "@"): bytes[0] = 0
    default: return nil
    }
    var address = sockaddr_un()
    guard bytes.count <= MemoryLayout.size(ofValue: address.sun_path) else { return nil }
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    return withUnsafePointer(to: &address) { pointer in
      // Every socket address begins as sockaddr does.
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }

  /// Writes a line and its end. Returns false when the peer has gone, or has not taken all of it within the time.
  package func write(_ line: String, within time: Duration) -> Bool {
    let deadline = ContinuousClock.now + time
    var bytes = Array((line + "\n").utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)) }
      if count > 0 {
        bytes = bytes.dropFirst(count)
      } else if errno == EAGAIN {
        guard wait(for: POLLOUT, until: deadline) else { return false }
      } else if errno != EINTR {
        return false
      }
    }
    return true
  }

  /// Whether the peer has closed it: it takes nothing any more. One that only sends no more is there still.
  package var isGone: Bool {
    var entry = pollfd(fd: descriptor, events: 0, revents: 0)
    return poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLHUP | POLLERR) != 0
  }

  /// What a read has brought.
  package enum Input: Sendable, Hashable {
    case bytes([UInt8])
    case end
    case timeOut
  }

  /// Reads what there is, at most so many bytes, waiting for the first; a nil time has no end.
  package func read(upTo count: Int, within time: Duration?) -> Input {
    let deadline = time.map { ContinuousClock.now + $0 }
    var bytes = [UInt8](repeating: 0, count: count)
    while true {
      guard wait(for: POLLIN, until: deadline) else { return .timeOut }
      let got = recv(descriptor, &bytes, count, Int32(MSG_DONTWAIT))
      if got > 0 { return .bytes(Array(bytes.prefix(got))) }
      if got == 0 || errno != EAGAIN && errno != EINTR { return .end }
    }
  }

  private func wait(for events: Int32, until deadline: ContinuousClock.Instant?) -> Bool {
    while true {
      let left = deadline.map { Int32(clamping: ($0 - .now) / .milliseconds(1)) } ?? -1
      if deadline != nil, left <= 0 { return false }
      var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
      let count = poll(&entry, 1, left)
      if count > 0 { return true }
      if count < 0, errno != EINTR { return false }
    }
  }
}

private func / (one: Duration, other: Duration) -> Int64 {
  let quotient: Double = one / other
  return Int64(quotient.rounded(.up))
}
