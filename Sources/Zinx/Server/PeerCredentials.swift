import CLinux
import Glibc

/// Who is at the other end of a UNIX socket, as the kernel knew when it was connected (unix(7), SO_PEERCRED). What is nil is unknown to
/// this process: a process of another PID namespace, a user or group that its user namespace does not map.
public struct PeerCredentials: Sendable, Hashable, CustomStringConvertible {
  public let pid: Int32?
  public let uid: UInt32?
  public let gid: UInt32?

  init(pid: Int32?, uid: UInt32?, gid: UInt32?) { (self.pid, self.uid, self.gid) = (pid, uid, gid) }

  /// Of the peer of a connected socket; nil where there are none.
  package init?(of socket: Int32) {
    // struct ucred, which Swift does not see.
    var (pid, uid, gid): (Int32, UInt32, UInt32) = (0, .max, .max)
    guard clinux_peer_credentials(socket, &pid, &uid, &gid) == 0 else { return nil }
    self.init(
      pid: pid > 0 ? pid : nil, uid: uid == Self.unknownUser || uid == .max ? nil : uid,
      gid: gid == Self.unknownGroup || gid == .max ? nil : gid)
  }

  /// `pid:7,uid:1000,gid:unknown`.
  public var description: String {
    func text<Number: BinaryInteger>(_ number: Number?) -> String { number.map { "\($0)" } ?? "unknown" }
    return "pid:\(text(pid)),uid:\(text(uid)),gid:\(text(gid))"
  }

  // What the kernel says for those that it does not map (user_namespaces(7)).
  private static let unknownUser = number("/proc/sys/kernel/overflowuid")
  private static let unknownGroup = number("/proc/sys/kernel/overflowgid")

  private static func number(_ path: String) -> UInt32 {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return 65534 }
    defer { close(descriptor) }
    var text = [UInt8](repeating: 0, count: 16)
    let count = read(descriptor, &text, text.count)
    return UInt32(String(decoding: text.prefix(max(0, count)).prefix { $0 >= 0x30 && $0 <= 0x39 }, as: UTF8.self)) ?? 65534
  }
}
