import ArgumentParser
import NIOCore
import ZinxClient
import ZinxIO
import ZinxWire

struct SendCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "send", abstract: "Send one message and print the reply.",
    discussion: "The reply is printed as text, or as a hex dump when it is not. Without data, an empty message is sent.")

  /// Bytes of a message: no zinxd takes more (MaxPacketSize).
  private static let longest = 1 << 30

  @OptionGroup var server: ServerOptions

  @Option(help: "The id to send.")
  var id: UInt32

  @Option(help: "The data to send, as text.")
  var data: String?

  @Option(help: "The data to send, in hexadecimal digits: 0a1b, '0a 1b' or 0x0a1b.")
  var hex: String?

  @Option(help: "A file with the data to send; - is the standard input.")
  var file: String?

  @Option(help: "The id of the reply (default: the one sent).")
  var replyID: UInt32?

  @Flag(help: "Do not wait for a reply.")
  var noWait = false

  func validate() throws {
    guard [data, hex, file].count(where: { $0 != nil }) <= 1 else {
      throw ValidationError("--data, --hex and --file: one of them.")
    }
    if let hex, Bytes.parse(hex: hex) == nil {
      throw ValidationError("--hex \(hex): pairs of the digits 0 to 9 and a to f.")
    }
    if noWait, replyID != nil { throw ValidationError("--reply-id and --no-wait: one of them.") }
  }

  func run() async throws {
    let report = Report(json: server.json)
    let payload = ByteBuffer(bytes: try payload())
    let client = try await server.connect()
    let timeout = Duration.seconds(server.timeout)
    let end = await Interrupt.race { () throws(ClientError) in
      if noWait {
        try await client.send(id, payload)
        return report.json("sent", Message(id: id, data: payload))
      }
      let start = ContinuousClock.now
      let reply = try await client.request(id, payload, replyID: replyID, timeout: timeout)
      show(reply, after: start.duration(to: .now), report)
    } beside: { () throws(ClientError) in
      // What answers nothing must be taken, or the reply behind it would not be read.
      for try await message in client.messages { report.json("message", message) }
      try await Self.forever()
    }
    switch end {
    case .done: await client.close()
    case .interrupted: throw Failure.interrupted
    case .failed(let error): throw Failure.broken(server.endpoint, error, hasReceived: false)
    }
  }

  private func show(_ reply: Message, after time: Duration, _ report: Report) {
    report.json("reply", reply, [("rtt_ms", .number(time / .milliseconds(1)))])
    let bytes = Array(reply.data.readableBytesView)
    guard !bytes.isEmpty else { return report.human("") }
    if case .text(let text) = Bytes(bytes), Bytes(bytes).isPrintable {
      report.human(text)
    } else {
      report.human(Bytes.dump(bytes))
    }
  }

  private func payload() throws -> [UInt8] {
    if let data { return Array(data.utf8) }
    if let hex { return Bytes.parse(hex: hex) ?? [] }
    guard let file else { return [] }
    do { return try Input.read(file, atMost: Self.longest) } catch {
      Output.complain(
        "\(file == "-" ? "standard input" : file): \(error.reason). Name a file that can be read, or - for the standard input.")
      throw Failure.noInput
    }
  }

  /// The request itself tells what a broken connection means, so the other side of the race waits for it.
  private static func forever() async throws(ClientError) {
    do { try await Task.sleep(for: .seconds(86_400 * 365)) } catch { throw .cancelled }
  }
}
