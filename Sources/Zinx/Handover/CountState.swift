import ZinxIO

/// A number that a server counts, by the key that `zinxctl status` has for it.
package struct CountState: Sendable, Equatable {
  package var key = ""
  /// Of several with the same key: a close reason, or why somebody was refused.
  package var label = ""
  package var count: UInt64 = 0

  package init() {}

  package init(_ key: String, label: String = "", _ count: UInt64) { (self.key, self.label, self.count) = (key, label, count) }
}

extension CountState: StatePart {
  func write(to writer: inout StateWriter) {
    writer.put(1, key)
    writer.put(2, label)
    writer.put(3, count)
  }

  mutating func take(_ field: StateReader.Field) throws(StateReader.Fault) {
    switch field.number {
    case 1: key = try field.text
    case 2: label = try field.text
    case 3: count = try field.integer
    default: break
    }
  }
}

extension CounterSnapshot {
  /// What is written down of it: whatever is not zero.
  var state: [CountState] {
    let rows = CounterRow.all.map { CountState($0.key, $0.value(self)) }
    let reasons =
      Self.state(CountKey.closed, connectionsClosed) + Self.state(CountKey.refused, refusals)
      + Self.state(CountKey.failedArrivals, failedArrivals)
    return (rows + reasons).filter { $0.count > 0 }
  }

  private static func state(_ key: String, _ counts: [some CustomStringConvertible: UInt64]) -> [CountState] {
    counts.map { CountState(key, label: $0.key.description, $0.value) }.sorted { $0.label < $1.label }
  }
}

/// Keys of what has reasons.
private enum CountKey {
  static let closed = "closed", refused = "refused", failedArrivals = "failedArrivals"
}

extension Counters {
  /// Goes on from where another program was, before anybody looks. What it counted that is not counted here is left out.
  func goOn(from former: [CountState]) {
    for state in former {
      let amount = Int(truncatingIfNeeded: state.count)
      switch state.key {
      case "accepted": connectionsAccepted.count(amount)
      case "received": outboxes.requestsReceived.count(amount)
      case "receivedBytes": outboxes.bytesReceived.count(amount)
      case "sent": outboxes.messagesSent.count(amount)
      case "sentBytes": outboxes.bytesSent.count(amount)
      case "unknownMessages": unknownMessages.count(amount)
      case "unauthenticatedMessages": unauthenticatedMessages.count(amount)
      case "undecodableMessages": undecodableMessages.count(amount)
      case "skippedMessages": messagesSkipped.count(amount)
      case "unencodableMessages": messagesUnencodable.count(amount)
      case "handlerErrors": handlerErrors.count(amount)
      case "deadlinesExceeded": deadlinesExceeded.count(amount)
      case "readPauses": readPauses.count(amount)
      case "sendWaits": sendWaits.count(amount)
      case "acceptPauses": acceptPauses.count(amount)
      case "acceptRatePauses": acceptRatePauses.count(amount)
      case "certificateWarnings": certificateWarnings.count(amount)
      case CountKey.closed: Self.goOn(closed, from: state)
      case CountKey.refused: Self.goOn(refused, from: state)
      case CountKey.failedArrivals: Self.goOn(failedArrivals, from: state)
      default: break
      }
    }
  }

  private static func goOn<Reason: CustomStringConvertible>(_ tally: Tally<Reason>, from state: CountState) {
    if let reason = Reason.allCases.first(where: { $0.description == state.label }) { tally.count(reason, state.count) }
  }
}
