import NIOCore
import Zinx
import ZinxIO

/// What the rest of the daemon says by a link. Any thread; never waits.
extension NatsLink {
  /// Publishes what nobody answers. While there is no NATS, or too much waits for it, it is lost, and counted.
  func tell(_ subject: String, _ headers: [(key: StaticString, value: String)], _ data: ByteBuffer = ByteBuffer()) {
    let lost = metrics.lost
    let message = Outgoing(
      subject: subject, headers: HeaderLines(headers), data: data,
      done: { outcome in
        if outcome != .published { lost.add() }
      })
    if submit(message) != nil { lost.add() }
  }

  /// What says which connection it is, and whose.
  func headers(of connection: Connection, _ user: String?) -> [(key: StaticString, value: String)] {
    let own = nodeHeaders + [("Zinx-Conn-Id", "\(connection.id)")]
    return user.map { own + [("Zinx-User", SubjectName.encode($0))] } ?? own
  }

  /// What says which node it is, and which run of it.
  var nodeHeaders: [(key: StaticString, value: String)] { [("Zinx-Node", names.node), ("Zinx-Instance", instance)] }

  /// Publishes a message for connections elsewhere.
  func send(_ subject: String, _ id: UInt32?, _ data: ByteBuffer) {
    tell(subject, id.map { [(Outcome.idHeader, "\($0)")] } ?? [], data)
  }

  /// Asks whoever listens to a subject, and hears all who answer within a time.
  ///
  /// - Parameters:
  ///   - time: in nanoseconds.
  ///   - done: called on the link's thread for each answer, and once for the end: with anything else.
  func ask(_ subject: String, _ headers: [(key: StaticString, value: String)], within time: Int64, done: @escaping Outgoing.Done)
  {
    let message = Outgoing(
      subject: subject, headers: HeaderLines(headers), data: ByteBuffer(), timeout: time, hearsAll: true, done: done)
    // Not here: who asks may hold what it needs to be told.
    if let failure = submit(message) { loop.execute { done(.failed(failure)) } }
  }
}
