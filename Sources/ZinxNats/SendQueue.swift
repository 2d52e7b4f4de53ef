/// What is to be published and libnats has not been handed yet, with a bound on its bytes. A value: whoever locks it does what it says.
struct SendQueue {
  enum Answer: Equatable {
    /// It waits; the first that does has somebody come for it.
    case accepted(isFirst: Bool)
    case refused(Outcome.Failure)
  }

  /// Bytes, with those that libnats keeps.
  private let limit: Int
  /// Whether there is a connection.
  var isOpen = false
  /// Bytes that libnats keeps for its socket.
  var buffered = 0
  private var messages: [Outgoing] = []
  private var bytes = 0

  init(limit: Int) { self.limit = limit }

  mutating func add(_ message: Outgoing) -> Answer {
    guard isOpen else { return .refused(.away) }
    guard bytes + buffered + message.size <= limit else { return .refused(.full) }
    messages.append(message)
    bytes += message.size
    return .accepted(isFirst: messages.count == 1)
  }

  /// Takes out all, in order.
  mutating func takeAll() -> [Outgoing] {
    defer { (messages, bytes) = ([], 0) }
    return messages
  }
}
