import Glibc
import Zinx

/// Who is at the other end of the control socket.
struct ControlPeer: Sendable, Equatable, CustomStringConvertible {
  /// Nil where the namespaces of the service hide it.
  var uid: UInt32?
  var pid: Int32?
  /// Its socket, for as long as it is served.
  var socket: Int32 = -1

  init(uid: UInt32?, pid: Int32?) { (self.uid, self.pid) = (uid, pid) }

  init(of descriptor: Int32) {
    let credentials = PeerCredentials(of: descriptor)
    self.init(uid: credentials?.uid, pid: credentials?.pid)
    socket = descriptor
  }

  /// Whether it may enter by a listener.
  func mayEnter(by access: ControlListener.Access, own: UInt32) -> Bool {
    switch access {
    case .owner: uid == 0 || uid == own
    case .file: true
    }
  }

  /// As the peers of UNIX listeners are written.
  var address: String { "unix:pid:\(Self.text(pid)),uid:\(Self.text(uid))" }

  /// `uid 0, pid 4711`, `uid unknown, pid 4711`.
  var description: String { "uid \(Self.text(uid)), pid \(Self.text(pid))" }

  private static func text(_ number: (some BinaryInteger)?) -> String { number.map { "\($0)" } ?? "unknown" }
}
