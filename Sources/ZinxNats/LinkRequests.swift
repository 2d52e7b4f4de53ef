import CNats
import Zinx
import ZinxIO

/// What a link publishes, and who waits for an answer to it. Loop only.
final class LinkRequests {
  /// Who has asked something of others.
  private struct Asker {
    let done: Outgoing.Done
    let hearsAll: Bool
  }

  private let loop: ZinxIO.EventLoop
  private let metrics: LinkMetrics
  private var pending = PendingRequests<Asker>()
  private var timer: ZinxIO.EventLoop.Timer?
  private var timerDeadline = Instant.distantFuture

  init(_ loop: ZinxIO.EventLoop, _ metrics: LinkMetrics) { (self.loop, self.metrics) = (loop, metrics) }

  /// Hands messages to libnats; to be called with all that there are, as the timer is set once.
  func publish(_ messages: [Outgoing], on connection: OpaquePointer, answeredTo inbox: Inbox) {
    for message in messages { publish(message, on: connection, answeredTo: inbox) }
    setTimer()
  }

  private func publish(_ message: Outgoing, on connection: OpaquePointer, answeredTo inbox: Inbox) {
    var token: UInt64?
    if let timeout = message.timeout {
      token = pending.add(Asker(done: message.done, hearsAll: message.hearsAll), timeout: timeout, at: loop.time)
    }
    let status = message.publish(on: connection, answeredTo: token.map { inbox.prefix + String($0) })
    metrics.published.add()
    if status != NATS_OK {
      if let token { _ = pending.take(token) }
      message.done(.failed(Outcome.Failure(status)))
    } else if token == nil {
      message.done(.published)
    }
  }

  /// An answer has come.
  func take(_ answer: Received, to token: Received.Token) {
    guard case .number(let token) = token else { return metrics.lateAnswers.add() }
    let asker = answer.isNoResponder ? pending.take(token) : pending.take(token, unless: \.hearsAll)
    guard let asker else { return metrics.lateAnswers.add() }
    asker.done(Outcome(answer))
  }

  /// No answer will come.
  func failAll() { for asker in pending.takeAll() { asker.done(.failed(.away)) } }

  private func setTimer() {
    guard let next = pending.nextDeadline, next < timerDeadline else { return }
    if let timer { loop.cancel(timer) }
    timerDeadline = next
    timer = loop.schedule(at: next) { [unowned self] in
      (timer, timerDeadline) = (nil, .distantFuture)
      for asker in pending.takeExpired(at: loop.time) { asker.done(.timedOut) }
      setTimer()
    }
  }
}
