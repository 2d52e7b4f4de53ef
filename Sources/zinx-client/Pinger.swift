import NIOCore
import ZinxClient
import ZinxWire

/// Sends the pings of a run and tells what becomes of them.
actor Pinger {
  private let client: Client
  private let report: Report
  private let id: UInt32
  private let replyID: UInt32
  private let data: ByteBuffer
  private let timeout: Duration
  private let start = ContinuousClock.now
  private(set) var run = PingRun()
  private var isSendingDone = false
  /// Ends when every ping has been sent, and was answered or given up.
  private let settled: AsyncStream<Void>
  private let settling: AsyncStream<Void>.Continuation

  init(_ client: Client, _ report: Report, id: UInt32, replyID: UInt32, data: ByteBuffer, timeout: Duration) {
    (self.client, self.report, self.id, self.replyID, self.data, self.timeout) = (client, report, id, replyID, data, timeout)
    (settled, settling) = AsyncStream.makeStream()
  }

  /// Since the run began.
  var elapsed: Duration { start.duration(to: .now) }

  /// Sends `count` pings, nil without end, `interval` apart, and returns when the last one is answered or given up.
  func sendAll(_ count: Int?, interval: Duration) async throws(ClientError) {
    let result: Result<Void, ClientError> = await withTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      do throws(ClientError) {
        for number in 1...(count ?? .max) {
          let sequence = run.send(at: elapsed)
          group.addTask { await self.giveUp(sequence) }
          try await client.send(id, data)
          guard number != count else { break }
          do { try await Task.sleep(until: start + interval * number) } catch { throw .cancelled }
        }
        isSendingDone = true
        settle()
        for await _ in settled {}
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  /// Shows what comes, until the connection ends.
  func receiveAll() async throws(ClientError) {
    for try await message in client.messages {
      if message.id == replyID, let reply = run.receive(at: elapsed) { show(reply, message) } else { show(message) }
      settle()
    }
  }

  private func giveUp(_ sequence: Int) async {
    guard (try? await Task.sleep(for: timeout)) != nil, run.expire(sequence) else { return }
    report.json("timeout", nil, [("seq", .integer(sequence)), ("id", .integer(Int(id)))])
    report.human(report.bad("no reply to seq=\(sequence)") + " within \(decimal(timeout / .seconds(1))) s")
    settle()
  }

  private func settle() {
    if isSendingDone, !run.isWaiting { settling.finish() }
  }

  private func show(_ reply: PingRun.Reply, _ message: Message) {
    let late: [(String, JSONLine.Value)] = reply.isLate ? [("late", .flag(true))] : []
    report.json("reply", message, [("seq", .integer(reply.sequence)), ("rtt_ms", .number(reply.milliseconds))] + late)
    let time = "time=\(decimal(reply.milliseconds)) ms\(reply.isLate ? " (late)" : "")"
    report.human("\(message.data.readableBytes) bytes: id=\(message.id) seq=\(reply.sequence) \(time)")
  }

  private func show(_ message: Message) {
    report.json("message", message)
    report.human(report.dimmed("message " + message.summary))
  }
}
