import Glibc

/// Where an AF_UNIX socket listens: an absolute path, or a name in the abstract namespace, written with a leading `@` as systemd
/// does.
struct UnixAddress: Sendable, Equatable {
  /// `sun_path` as the kernel reads it: an abstract name begins with a NUL, a path ends with one.
  private let bytes: [UInt8]

  /// `nil` for anything else (such as `vsock:`), for a name too long for `sun_path`, and for one with a NUL in it.
  init?(_ text: String) {
    let body = Array(text.utf8.dropFirst())
    guard !body.isEmpty, !body.contains(0) else { return nil }
    switch text.utf8.first {
    case UInt8(ascii: "/"): bytes = [UInt8(ascii: "/")] + body + [0]
    case UInt8(ascii: "@"): bytes = [0] + body
    default: return nil
    }
    guard bytes.count <= MemoryLayout.size(ofValue: sockaddr_un().sun_path) else { return nil }
  }

  /// Lends the address in the form the socket calls take. The pointer is valid only inside `body`.
  func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // The length was checked by init, so the copy stays inside sun_path.
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }
}
