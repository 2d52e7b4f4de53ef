import NIOCore
import Synchronization
import Zinx

/// What one connection has asked of NATS: answers leave in the order of the requests, one at a time, as its peer takes them. Any thread.
final class Relay: Sendable {
  /// When another program takes over nothing waits: see ``NatsGateway/willHandOver()``. So there is nothing to write down, and what is read
  /// back stands for that.
  enum Key: LastingPropertyKey {
    typealias Value = Relay
    static let stateName = "nats.relay"
    static func bytes(of relay: Relay) -> [UInt8] { [] }
    static func value(of bytes: [UInt8]) -> Relay { Relay(nil) }
  }

  enum Answer {
    case nothing
    case message(UInt32, ByteBuffer)
    case close(String)
  }

  /// The user code of a connection is one piece at a time, so one waits at most.
  private struct Waiter {
    /// Until fewer than so many requests wait.
    let limit: Int
    let continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var window = OrderedWindow<Answer>()
    var waiter: Waiter?
    /// Somebody sends the next answers.
    var isSending = false
    /// What all requests say as long as the connection has the same user.
    var lines: (user: String?, lines: HeaderLines)?

    /// The waiter, if its wait is over.
    mutating func takeWaiter() -> CheckedContinuation<Void, Never>? {
      guard let waiter, window.count < waiter.limit else { return nil }
      self.waiter = nil
      return waiter.continuation
    }
  }

  private let state = Mutex(State())
  /// Those of all connections; nil of one that was only read back.
  private let waiting: PluginGauge?

  init(_ waiting: PluginGauge?) { self.waiting = waiting }

  /// Whether it is one that counts.
  var isWhole: Bool { waiting != nil }

  /// Takes a request in; nil if as many wait as may.
  func open(limit: Int) -> UInt64? {
    guard let ticket = state.withLock({ $0.window.open(limit: limit) }) else { return nil }
    waiting?.add()
    return ticket
  }

  /// The headers that the requests of the connection have in common, made anew when it has another user.
  func lines(of user: String?, _ make: (String?) -> HeaderLines) -> HeaderLines {
    state.withLock { state in
      if let known = state.lines, known.user == user { return known.lines }
      let lines = make(user)
      state.lines = (user, lines)
      return lines
    }
  }

  /// The answer to a request has come. It leaves when those before it have left.
  func fill(_ ticket: UInt64, _ answer: Answer, on connection: Connection) {
    let isFirst = state.withLock { state in
      guard state.window.fill(ticket, answer), !state.isSending, state.window.next != nil else { return false }
      state.isSending = true
      return true
    }
    if isFirst { sendAll(on: connection) }
  }

  /// Returns when fewer than `limit` requests wait, or the task is cancelled.
  nonisolated(nonsending) func wait(until limit: Int) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          guard state.window.count >= limit, !Task.isCancelled else { return true }
          state.waiter = Waiter(limit: limit, continuation: continuation)
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        defer { state.waiter = nil }
        return state.waiter
      }
      waiter?.continuation.resume()
    }
  }

  private func sendAll(on connection: Connection) {
    while let answer = next() {
      guard send(answer, on: connection) else {
        // Its peer has not taken what was sent before: this waits, nobody else.
        Task { await self.sendWaiting(answer, on: connection) }
        return
      }
      sent()
    }
  }

  /// The next answer to send; nil when there is none for now.
  private func next() -> Answer? {
    state.withLock { state in
      let answer = state.window.next
      if answer == nil { state.isSending = false }
      return answer
    }
  }

  private func sent() {
    let waiter = state.withLock { state in
      state.window.removeNext()
      return state.takeWaiter()
    }
    waiting?.add(-1)
    waiter?.resume()
  }

  /// Returns false when there is no room for it. One that nobody can be sent any more is as good as sent.
  private func send(_ answer: Answer, on connection: Connection) -> Bool {
    switch answer {
    case .nothing: return true
    case .message(let id, let data): return (try? connection.sendImmediately(id, data)) ?? true
    case .close(let reason):
      connection.stop(reason: reason)
      return true
    }
  }

  private func sendWaiting(_ answer: Answer, on connection: Connection) async {
    // What it throws is the end of the connection.
    if case .message(let id, let data) = answer { try? await connection.sendBuffMsg(id, data) }
    sent()
    sendAll(on: connection)
  }
}
