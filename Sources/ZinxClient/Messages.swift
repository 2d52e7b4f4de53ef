import ZinxWire

/// The messages of a ``Client``, in the order in which they came.
///
/// It ends when the connection does, after the messages received before. It throws ``ClientError/closed(_:)`` when something was lost
/// (``Client/CloseReason/reset``, ``Client/CloseReason/truncated``, …), and ``ClientError/cancelled`` in a cancelled task.
public struct Messages: AsyncSequence, Sendable {
  public typealias Element = Message
  public typealias Failure = ClientError

  let client: Client

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(client: client) }

  public struct AsyncIterator: AsyncIteratorProtocol {
    /// Nil after the end.
    fileprivate var client: Client?

    public mutating func next() async throws(ClientError) -> Message? { try await next(isolation: #isolation) }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws(ClientError) -> Message? {
      guard let client else { return nil }
      do {
        let message = try await client.connection.nextMessage()
        if message == nil { self.client = nil }
        return message
      } catch {
        self.client = nil
        throw error
      }
    }
  }
}
