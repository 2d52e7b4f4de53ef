/// A message that a trace has seen: a value, which keeps no connection.
package struct TracedMessage: Sendable, Hashable {
  package enum Direction: String, Sendable, CaseIterable {
    /// From the peer, when it was taken for handling.
    case received = "in"
    /// To the peer, when it was queued or written.
    case sent = "out"
  }

  package var connection: UInt64
  package var direction: Direction
  /// Nanoseconds of `CLOCK_MONOTONIC`.
  package var at: Int64
  /// The message id; nil for bytes as they are, and for what is sent by a codec of a plugin.
  package var id: UInt32?
  /// Bytes of its data.
  package var length: Int
  /// The data, or the beginning of it.
  package var data: [UInt8]

  package init(_ connection: UInt64, _ direction: Direction, at: Int64, id: UInt32?, length: Int, data: [UInt8]) {
    (self.connection, self.direction, self.at, self.id, self.length, self.data) = (connection, direction, at, id, length, data)
  }
}

/// What a trace may show.
package struct TraceLimits: Sendable, Hashable {
  /// Bytes of each message's data that can be asked for.
  package static let dataRange = 0...4096
  /// Bytes a second of all that it shows, as it leaves by the control socket: two characters a byte, and ``lineCost`` for each message.
  package static let bytesPerSecond: Int64 = 1_000_000
  /// What may come at once.
  static let burst: Int64 = 256 << 10
  /// What may wait to be taken. Of more than a second something is wrong with who takes it.
  static let longestWait = 1 << 20
  /// Characters of a message beside its data.
  static let lineCost = 128

  /// Bytes of each message's data that are shown.
  package var data: Int
  /// Messages after which the trace is over; nil without an end.
  package var count: Int?

  package init(data: Int = 64, count: Int? = nil) {
    self.data = min(max(data, Self.dataRange.lowerBound), Self.dataRange.upperBound)
    self.count = count
  }

  /// What a message of this length takes of the rate.
  func cost(_ length: Int) -> Int { Self.lineCost + 2 * min(length, data) }
}

/// Messages that were not shown, because more came than a trace shows in a second.
package struct TraceGap: Sendable, Hashable {
  package var messages = 0

  package init(messages: Int = 0) { self.messages = messages }
}
