import Logging
import Synchronization
import Zinx
import ZinxControl
import ZinxIO

/// The drain that an operator has begun, on a thread of its own: it goes on whoever watches it, until another one begins or the server
/// accepts again.
final class OperatorDrain: Sendable {
  private let server: Server
  private let log: Logger
  /// The one that runs.
  private let current = Mutex<Parker?>(nil)

  init(_ server: Server, _ log: Logger) { (self.server, self.log) = (server, log) }

  /// Throws: ``SystemError`` without a thread; then nothing has begun.
  func begin(spread: Duration, deadline: Duration?, _ by: String) throws(SystemError) {
    callOff()
    server.suspend()
    let parker = Parker()
    current.withLock { $0 = parker }
    _ = try Thread { [self] in
      nameThread("zinx-drain")
      run(spread: spread, deadline: deadline, by, parker)
    }
  }

  /// Tells no more connections to end. Any thread.
  func callOff() { current.withLock { $0.take() }?.unpark() }

  private func run(spread: Duration, deadline: Duration?, _ by: String, _ parker: Parker) {
    // In no order of theirs: clients that came together do not leave together.
    var rest = server.connManager.all.shuffled()[...]
    var schedule = DrainSchedule(rest.count, spread: spread, deadline: deadline, at: .now)
    while current.withLock({ $0 === parker }) {
      switch schedule.next(at: .now, left: server.connManager.count) {
      case .close(let count):
        server.drain(rest.prefix(count))
        rest = rest.dropFirst(count)
      case .closeRest:
        rest = []
        server.suspendAndEndConnections()
      case .wait(let time): _ = parker.park(atMost: time)
      case .cut:
        let left = server.connManager.all
        log.warning("drain: its deadline has passed, \(Controller.counted(left.count)) cut (\(by))")
        for connection in left { connection.kill(reason: "deadline of the drain", atOnce: true) }
      case .end: return
      }
    }
  }
}
