import CLinux
import ZinxIO

/// Stands between the event loop and a connection that is not TCP, as on a UNIX socket that was passed to us, and says what the socket
/// is ready for in the words of a TCP socket. So TCP pays nothing for the others.
final class LocalSocket: ReadinessHandler {
  private let connection: Connection

  init(_ connection: Connection) { self.connection = connection }

  func ready(_ readiness: Readiness) {
    // A read ends at a message with descriptors, and where the sender's credentials change: a short one has not drained the socket.
    var bits = readiness.rawValue | Readiness.urgent.rawValue
    // The hang-up is the peer's close: what it sent before is there to be read, and then the end.
    if bits & Readiness.failed.rawValue == 0 { bits &= ~Readiness.hangUp.rawValue }
    connection.ready(Readiness(rawValue: bits))
  }
}
