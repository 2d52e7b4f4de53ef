import ArgumentParser
import ZinxControl

/// Connections, by their ids or by what is true of them.
struct TargetOptions: ParsableArguments {
  @Argument(help: "Ids of connections.") var ids: [ConnectionID] = []

  @Option(
    name: .customLong("where"), help: ArgumentHelp("Those of which this is true, such as 'idle > 5m'.", valueName: "expr"))
  var filter: Filter?

  var target: ControlRequest.Closing.Target { filter.map { .matching($0) } ?? .ids(ids.map(\.number)) }

  func validate() throws {
    if ids.isEmpty == (filter == nil) { throw ValidationError("ids or --where are needed, and not both") }
  }
}

struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace",
    abstract: "The messages of connections while they pass, at most a megabyte a second; what does not fit is counted.")
  @OptionGroup var options: CommonOptions
  @OptionGroup var connections: TargetOptions

  @Option(name: .customLong("for"), help: ArgumentHelp("For so long, such as 10s or 5m: an hour at most.", valueName: "time"))
  var time = "60s"

  // Unconditional: below zero is told as what it is.
  @Option(parsing: .unconditional, help: ArgumentHelp("So many messages at most.", valueName: "count"))
  var count: Int?

  @Option(parsing: .unconditional, help: ArgumentHelp("So many bytes of each message's data, 4096 at most.", valueName: "count"))
  var bytes = ControlRequest.Tracing.usualBytes

  func validate() throws {
    if ControlRequest.Tracing.seconds(time) == nil { throw ValidationError("--for takes a time such as 10s, at most an hour") }
    if let count, count < 1 { throw ValidationError("--count has to be at least 1") }
    if !(0...ControlRequest.Tracing.mostBytes).contains(bytes) {
      throw ValidationError("--bytes has to be 0 to \(ControlRequest.Tracing.mostBytes)")
    }
  }

  var request: ControlRequest.Command {
    .trace(.init(connections.target, seconds: ControlRequest.Tracing.seconds(time), count: count, bytes: bytes))
  }

  func run() throws {
    var (missing, traced) = ([JSON](), Int64(0))
    try Conversation(options).ask(request) { result in
      let part = JSON.object(result)
      if let number = part["traced"]?.integer { traced = number }
      if let ids = part["missing"]?.array { missing += ids }
      if let count = part["beyondLimit"]?.integer, count > 0 {
        Output.complain("a trace follows as many as it may: \(count) more \(count == 1 ? "is" : "are") not traced")
      }
      for id in part["busy"]?.array ?? [] { Output.complain("connection \(id) is traced by somebody else already") }
      let lines = options.json ? TraceText.json(part) : TraceText.lines(part, clock: WallClock.text)
      if !lines.isEmpty { Output.print(lines) }
    }
    if !missing.isEmpty {
      Output.complain("there is no connection \(missing.map(\.description).joined(separator: ", "))")
      throw Failure.refused
    }
    // Nobody to look at: the filter matched none all the time, which is an answer.
    if traced == 0, connections.filter == nil { throw Failure.refused }
  }
}

/// A message: an id, and data as text, as hexadecimal digits, or from a file.
struct MessageOptions: ParsableArguments {
  @Option(name: .customLong("msg-id"), parsing: .unconditional, help: ArgumentHelp("Its id.", valueName: "id")) var messageID:
    UInt32

  @Option(help: ArgumentHelp("The data, as text.", valueName: "text")) var data: String?
  @Option(help: ArgumentHelp("The data, as hexadecimal digits.", valueName: "digits")) var hex: String?

  @Option(help: ArgumentHelp("A file with the data; - is standard input.", valueName: "path"), completion: .file())
  var file: String?

  func validate() throws {
    if [data, hex, file].count(where: { $0 != nil }) > 1 { throw ValidationError("--data, --hex and --file exclude each other") }
    if let hex, Hex.bytes(hex) == nil { throw ValidationError("--hex takes an even number of hexadecimal digits") }
  }

  /// Without any there is no data.
  func bytes() throws -> [UInt8] {
    let bytes = try data.map { Array($0.utf8) } ?? hex.flatMap { Hex.bytes($0) } ?? file.map(InputFile.read) ?? []
    guard bytes.count <= ControlRequest.Sending.longest else {
      throw ValidationError("the data is longer than \(ControlRequest.Sending.longest) bytes")
    }
    return bytes
  }
}

struct SendCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "send", abstract: "Send a message to connections; one whose queue is full is skipped, and counted.")
  @OptionGroup var options: CommonOptions
  @OptionGroup var connections: TargetOptions
  @OptionGroup var message: MessageOptions

  func run() throws {
    try Delivery.run(.send(.init(.connections(connections.target), message.messageID, message.bytes())), options)
  }
}

struct BroadcastCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "broadcast", abstract: "Send a message to all connections, to a group, or to a user.")
  @OptionGroup var options: CommonOptions
  @OptionGroup var message: MessageOptions
  @Option(help: ArgumentHelp("To the members of this group alone.", valueName: "name")) var group: String?
  @Option(help: ArgumentHelp("To the connections of this user alone.", valueName: "name")) var user: String?

  func validate() throws { if group != nil, user != nil { throw ValidationError("--group and --user exclude each other") } }

  func run() throws {
    let audience: ControlRequest.Sending.Audience = group.map { .group($0) } ?? user.map { .user($0) } ?? .all
    try Delivery.run(.broadcast(.init(audience, message.messageID, message.bytes())), options)
  }
}

/// What became of a message.
enum Delivery {
  static func run(_ command: ControlRequest.Command, _ options: CommonOptions) throws {
    let result = try Conversation(options).ask(command)
    Output.print([options.json ? result.description : line(result)])
    let missing = result["missing"]?.array ?? []
    guard !missing.isEmpty else { return }
    Output.complain("there is no connection \(missing.map(\.description).joined(separator: ", "))")
    throw Failure.refused
  }

  /// `sent to 12; 1 skipped, whose queue is full`.
  static func line(_ result: JSON) -> String {
    func count(_ key: String, _ words: String) -> String? {
      guard let number = result[key]?.integer, number > 0 else { return nil }
      return "\(number) \(words)"
    }
    let rest = [
      count("skipped", "skipped, whose queue is full"), count("unencodable", "left out, whose frames cannot carry it"),
      count("gone", "gone meanwhile"),
    ]
    let words = rest.compactMap(\.self)
    return "sent to \(result["sent"]?.integer ?? 0)" + (words.isEmpty ? "" : "; " + words.joined(separator: ", "))
  }
}
