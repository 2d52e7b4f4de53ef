import ArgumentParser
import NIOCore
import ZinxClient
import ZinxWire

/// One run of a script, with connections of its own.
actor ScriptSession {
  /// Why a run ended early.
  struct Failure: Error {
    let line: Int
    let text: String
    /// What the command ends with where no connection came about.
    var status: ExitCode?
  }

  private struct Line {
    let client: Client
    let mailbox: Mailbox
    let pump: Task<Void, Never>
  }

  private let script: Script
  private let server: ServerOptions
  private let tell: @Sendable (String, Message?, Script.Step) -> Void
  private var variables: [String: [UInt8]]
  private var timeout: Duration
  private var lines: [String: Line] = [:]

  /// - Parameter tell: told what is sent and what comes.
  init(
    _ script: Script, _ server: ServerOptions, _ variables: [String: String],
    tell: @escaping @Sendable (String, Message?, Script.Step) -> Void
  ) {
    (self.script, self.server, self.tell) = (script, server, tell)
    self.variables = variables.mapValues { Array($0.utf8) }
    timeout = .seconds(server.timeout)
  }

  /// Does the steps one after the other, then closes what is open.
  func run() async throws(Failure) {
    do throws(Failure) {
      for step in script.steps { try await perform(step) }
    } catch {
      for line in lines.values { line.client.abandon() }
      throw error
    }
    for line in lines.values { await end(line) }
    lines = [:]
  }

  private func perform(_ step: Script.Step) async throws(Failure) {
    switch step.action {
    case .connect: _ = try await line(step)
    case .send(let id, let pattern): try await send(id, pattern, step)
    case .expect(let id, let pattern): try await expect(id, pattern, step)
    case .silence(let time, let id): try await expectSilence(time, id, step)
    case .expectEnd: try await expectEnd(step)
    case .close:
      if let line = lines.removeValue(forKey: step.connection) { await end(line) }
    case .set(let name, let pattern): variables[name] = pattern.filled(variables)
    case .sleep(let time): try await sleep(time, step)
    case .timeout(let time): timeout = time
    }
  }

  private func send(_ id: UInt32, _ pattern: ScriptPattern, _ step: Script.Step) async throws(Failure) {
    let message = Message(id: id, data: ByteBuffer(bytes: pattern.filled(variables)))
    let client = try await line(step).client
    // A server that does not read must not hold the run up for longer than anything else.
    let result = await within(timeout) { () async -> ClientError? in
      do throws(ClientError) { try await client.send(id, message.data) } catch { return error }
      return nil
    }
    switch result {
    case nil: throw Failure(line: step.line, text: "the server did not take the message within \(timeout)")
    case .some(.some(let error)): throw Failure(line: step.line, text: "cannot send: \(error)")
    case .some(nil): tell("sent", message, step)
    }
  }

  private func expect(_ id: UInt32, _ pattern: ScriptPattern?, _ step: Script.Step) async throws(Failure) {
    let mailbox = try await line(step).mailbox
    switch await mailbox.take(within: timeout, where: { $0.id == id }) {
    case .message(let message):
      tell("message", message, step)
      guard let pattern else { return }
      guard let captured = pattern.match(Array(message.data.readableBytesView), variables) else {
        let wanted = pattern.hasCaptures ? "what fits" : Bytes(pattern.filled(variables)).oneLine(limit: 200)
        throw Failure(line: step.line, text: "expected \(wanted), but came \(message.summary)")
      }
      variables.merge(captured) { $1 }
    case .nothing: throw Failure(line: step.line, text: "no message with id \(id) within \(timeout); \(await mailbox.rest)")
    case .ended(let error):
      throw Failure(line: step.line, text: "no message with id \(id): \(Self.text(error)); \(await mailbox.rest)")
    }
  }

  private func expectSilence(_ time: Duration, _ id: UInt32?, _ step: Script.Step) async throws(Failure) {
    switch try await line(step).mailbox.take(within: time, where: { id == nil || $0.id == id }) {
    case .message(let message): throw Failure(line: step.line, text: "expected nothing, but came \(message.summary)")
    case .nothing: break
    case .ended(let error): throw Failure(line: step.line, text: "expected nothing, but \(Self.text(error))")
    }
  }

  private func expectEnd(_ step: Script.Step) async throws(Failure) {
    let line = try await line(step)
    switch await line.mailbox.take(within: timeout, where: { _ in false }) {
    case .ended:
      tell("ended", nil, step)
      lines[step.connection] = nil
    case .message, .nothing: throw Failure(line: step.line, text: "the server has not ended the connection within \(timeout)")
    }
  }

  private func sleep(_ time: Duration, _ step: Script.Step) async throws(Failure) {
    do { try await Task.sleep(for: time) } catch { throw Failure(line: step.line, text: "cancelled") }
  }

  /// A connection is there from its first step on.
  private func line(_ step: Script.Step) async throws(Failure) -> Line {
    if let line = lines[step.connection] { return line }
    let client: Client
    do throws(NoSession) { client = try await server.open(within: timeout) } catch {
      var status: ExitCode?
      if case .noConnection = error { status = error.status }
      throw Failure(line: step.line, text: server.complaint(about: error), status: status)
    }
    let mailbox = Mailbox(client)
    let line = Line(client: client, mailbox: mailbox, pump: Task { await mailbox.pump() })
    lines[step.connection] = line
    return line
  }

  /// What the server does not end in time ends without it.
  private func end(_ line: Line) async {
    await within(timeout) { await line.client.close() }
    await line.pump.value
  }

  private static func text(_ error: ClientError?) -> String {
    error.map { "\($0)" } ?? "the server has ended the connection"
  }
}

/// Nil when the work takes longer, which then is cancelled.
@discardableResult
func within<Value: Sendable>(_ time: Duration, _ work: @escaping @Sendable () async -> Value) async -> Value? {
  await withTaskGroup(of: Value?.self) { group in
    group.addTask { await work() }
    group.addTask {
      try? await Task.sleep(for: time)
      return nil
    }
    defer { group.cancelAll() }
    return await group.next() ?? nil
  }
}
