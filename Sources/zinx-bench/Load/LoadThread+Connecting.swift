import Glibc
import ZinxClient
import ZinxIO

/// How connections begin and end.
extension LoadThread {
  /// Connects under way at once; a longer queue would only wait in the server's backlog.
  private static let connectsAtOnce = 256
  /// Nanoseconds before a connection that failed in churn begins again, so that a server that refuses is not hammered.
  private static let pause: Int64 = 10_000_000

  /// Opens every connection; an idle one is used once. Gives up when nothing has happened for the time-out.
  mutating func connectAll() {
    var next = 0
    var settled = 0
    var limit = now + plan.timeout
    while next < connections.count || owed > 0, now < limit, now < control.end {
      while next < connections.count, owed < Self.connectsAtOnce {
        connect(connections[next], next, at: now)
        next += 1
      }
      poll(until: limit)
      if next - owed > settled {
        settled = next - owed
        limit = now + plan.timeout
      }
    }
    let late = SystemError("connect", code: ETIMEDOUT)
    for connection in connections[..<next] where connection.isUnderWay {
      tally.failedToConnect(connection.state == .greeting ? SystemError("--first", code: ETIMEDOUT) : late)
      _ = connection.close()
      owed -= 1
    }
  }

  /// Begins to connect. `time`: when that was due.
  mutating func connect(_ connection: Connection, _ index: Int, at time: Int64) {
    let source = plan.sources > 0 ? connection.number % plan.sources : nil
    do throws(SystemError) {
      if phase == .running { budget -= 1 }
      let descriptor = try Socket.connecting(to: address, source: source)
      connection.begin(descriptor, at: time)
      owed += 1
      try poller.add(descriptor, .writable, index: index)
    } catch {
      if connection.state == .connecting { owed -= 1 }
      failed(connection, index, .system(error))
    }
  }

  /// Connecting has come to an end.
  mutating func decide(_ connection: Connection, _ index: Int) {
    if let error = Socket.connectError(connection.descriptor) { return refused(connection, index, .system(error)) }
    if transport.isPlain { reached(connection, index) } else { beginShaking(connection, index) }
  }

  /// All is settled but what is said first.
  mutating func reached(_ connection: Connection, _ index: Int) {
    if let first = plan.first {
      let frame = first.frame(plan.pack)
      let sent = frame.withUnsafeBytes { connection.sendAtOnce($0) }
      // A fresh socket has room for a login.
      guard sent == frame.count else {
        return refused(connection, index, .system(SystemError("--first", code: sent < 0 ? errno : EMSGSIZE)))
      }
      if plan.firstReply != nil {
        connection.state = .greeting
        return poller.change(connection.descriptor, .readable, index: index)
      }
    }
    opened(connection, index)
  }

  /// A connection has come about, and has said what is to be said first.
  mutating func opened(_ connection: Connection, _ index: Int) {
    owed -= 1
    connection.state = .open
    live += 1
    poller.change(connection.descriptor, .readable, index: index)
    now = Instant.now.nanoseconds
    if plan.mode != .churn || connection.startedAt >= control.measuredFrom {
      tally.hasConnected(after: now - connection.startedAt)
    }
    connected(connection, index)
  }

  /// None has come about.
  mutating func refused(_ connection: Connection, _ index: Int, _ error: ConnectFault) {
    owed -= 1
    failed(connection, index, error)
  }

  private mutating func failed(_ connection: Connection, _ index: Int, _ error: ConnectFault) {
    tally.failedToConnect(error)
    _ = connection.close()
    park(index)
  }

  /// The connection broke, or the server closed it.
  mutating func lost(_ connection: Connection, _ index: Int) {
    live -= 1
    let unanswered = connection.close()
    owed -= unanswered
    tally.count(.unanswered, unanswered)
    park(index)
  }

  private mutating func park(_ index: Int) {
    guard plan.mode == .churn, phase == .running else { return }
    parked.append(index)
    unparkAt = min(unparkAt, now + Self.pause)
  }

  mutating func unpark() {
    let indices = parked
    parked = []
    unparkAt = .max
    for index in indices { again(index) }
  }
}
