/// Which reply answers which ping, and what is missing. Holds no clock and no socket.
///
/// A server answers in the order in which it was asked, so a reply answers the oldest ping that has none; a late one too.
struct PingRun {
  struct Reply: Equatable {
    let sequence: Int
    let milliseconds: Double
    /// The ping was given up for lost before.
    let isLate: Bool
  }

  private struct Ping {
    let sequence: Int
    let sentAt: Duration
    var isExpired = false
  }

  /// Pings that a reply is looked for; a server that is further behind does not answer at all.
  static let limit = 4096

  private var outstanding: [Ping] = []
  private(set) var sent = 0
  private(set) var roundTrips = RoundTrips()

  var received: Int { roundTrips.count }
  var isComplete: Bool { sent > 0 && received == sent }
  /// Pings that may still be answered in time.
  var isWaiting: Bool { outstanding.contains { !$0.isExpired } }
  /// Of the pings sent, in percent.
  var loss: Double { sent == 0 ? 0 : Double(sent - received) * 100 / Double(sent) }

  /// Returns the number of the ping, from 1.
  mutating func send(at now: Duration) -> Int {
    sent += 1
    outstanding.append(Ping(sequence: sent, sentAt: now))
    if outstanding.count > Self.limit { outstanding.removeFirst() }
    return sent
  }

  /// Nil when no ping is outstanding: the message is not a reply.
  mutating func receive(at now: Duration) -> Reply? {
    guard !outstanding.isEmpty else { return nil }
    let ping = outstanding.removeFirst()
    let milliseconds = (now - ping.sentAt) / .milliseconds(1)
    roundTrips.add(milliseconds: milliseconds)
    return Reply(sequence: ping.sequence, milliseconds: milliseconds, isLate: ping.isExpired)
  }

  /// Gives a ping up for lost. Returns whether it was still waited for.
  mutating func expire(_ sequence: Int) -> Bool {
    guard let index = outstanding.firstIndex(where: { $0.sequence == sequence }) else { return false }
    outstanding[index].isExpired = true
    return true
  }
}
