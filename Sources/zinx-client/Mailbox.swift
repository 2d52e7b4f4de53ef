import ZinxClient
import ZinxWire

/// What has come on a connection and nobody has asked for yet. One asks at a time.
actor Mailbox {
  enum Outcome {
    case message(Message)
    /// Nothing came in the time.
    case nothing
    /// The connection has ended; nil in good order.
    case ended(ClientError?)
  }

  /// Messages that are kept; beyond them the oldest go.
  private static let most = 10_000

  private let client: Client
  private var kept: [Message] = []
  private var end: ClientError??
  private var waiting: (wants: @Sendable (Message) -> Bool, done: CheckedContinuation<Outcome, Never>)?
  /// Tells a time-out from one that is over.
  private var round = 0

  init(_ client: Client) { self.client = client }

  /// Takes what comes, until the connection ends.
  func pump() async {
    do throws(ClientError) {
      for try await message in client.messages { deliver(message) }
      finish(nil)
    } catch { finish(error) }
  }

  /// The ids of what was not asked for, newest last, in words.
  var rest: String {
    let shown = kept.suffix(5).map(\.summary).joined(separator: "; ")
    return kept.isEmpty ? "nothing else came" : "what came: \(shown)"
  }

  /// The oldest message that is wanted.
  func take(within time: Duration, where wants: @escaping @Sendable (Message) -> Bool) async -> Outcome {
    if let index = kept.firstIndex(where: wants) { return .message(kept.remove(at: index)) }
    if let end { return .ended(end) }
    round += 1
    let timer = Task { [round] in
      if (try? await Task.sleep(for: time)) != nil { expire(round) }
    }
    defer { timer.cancel() }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { waiting = (wants, $0) }
    } onCancel: {
      Task { await self.giveUp() }
    }
  }

  private func deliver(_ message: Message) {
    if let waiting, waiting.wants(message) { return settle(.message(message)) }
    kept.append(message)
    if kept.count > Self.most { kept.removeFirst() }
  }

  private func finish(_ error: ClientError?) {
    end = .some(error)
    settle(.ended(error))
  }

  private func expire(_ number: Int) { if number == round { settle(.nothing) } }

  private func giveUp() { settle(.nothing) }

  private func settle(_ outcome: Outcome) {
    waiting?.done.resume(returning: outcome)
    waiting = nil
  }
}
