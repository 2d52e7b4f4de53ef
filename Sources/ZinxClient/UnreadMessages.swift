import NIOCore
import ZinxWire

/// Messages received that nobody has taken yet, with a bound.
struct UnreadMessages {
  /// What a message takes beside its data, so that a flood of empty ones is bounded too.
  static let overhead = 64

  private var messages = CircularBuffer<Message>()
  private(set) var bytes = 0
  let limit: Int

  init(limit: Int) { self.limit = limit }

  /// Whether the socket should not be read at the moment.
  var isFull: Bool { bytes >= limit }

  mutating func append(_ message: Message) {
    messages.append(message)
    bytes += Self.cost(message)
  }

  mutating func popFirst() -> Message? {
    guard let message = messages.popFirst() else { return nil }
    bytes -= Self.cost(message)
    return message
  }

  private static func cost(_ message: Message) -> Int { overhead + message.data.readableBytes }
}
