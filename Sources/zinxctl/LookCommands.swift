import ArgumentParser
import ZinxControl

/// A command that shows what the daemon tells, and changes nothing.
protocol LookCommand: ParsableCommand {
  var options: CommonOptions { get }
  var request: ControlRequest.Command { get }
  /// For people.
  func lines(_ result: JSON) -> [String]
  /// The same with looks.
  func styledLines(_ result: JSON) -> [StyledLine]
  /// What `--json` prints of it.
  func json(_ result: JSON) -> JSON
}

extension LookCommand {
  func run() throws { try show() }

  /// Asks once.
  func show() throws {
    let result = try Conversation(options).ask(request)
    guard !options.json else { return Output.print([json(result).description]) }
    Output.print(styled: styledLines(result))
  }

  func styledLines(_ result: JSON) -> [StyledLine] { lines(result).map { StyledLine($0) } }

  func json(_ result: JSON) -> JSON { result }
  func lines(_ result: JSON) -> [String] { Table.pairs(result) }
}

/// One that shows a list: `--json` prints an array.
protocol ListCommand: LookCommand {
  /// Under which the elements are in the result.
  static var name: String { get }
  static var table: Table { get }
}

extension ListCommand {
  func json(_ result: JSON) -> JSON { result[Self.name] ?? [] }
  func lines(_ result: JSON) -> [String] { Self.table.lines(result[Self.name]?.array ?? []) }
  func styledLines(_ result: JSON) -> [StyledLine] {
    lines(result).enumerated().map { StyledLine($1, $0 == 0 ? .title : .plain) }
  }
}

struct StatusCommand: LookCommand {
  static let configuration = CommandConfiguration(commandName: "status", abstract: "The daemon as a whole.")
  @OptionGroup var options: CommonOptions
  @OptionGroup var watching: WatchOptions
  var request: ControlRequest.Command { .status }

  func validate() throws { try watching.check(options) }

  func run() throws {
    guard watching.watch, let interval = watching.interval else { return try show() }
    try WatchLoop.run(StatusView(), options, every: interval)
  }
}

struct HealthCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "health",
    abstract: "Whether its event loops answer and its workers make progress; the exit status says it too.")
  @OptionGroup var options: CommonOptions

  func run() throws {
    let result = try Conversation(options).ask(.health)
    Output.print(options.json ? [result.description] : Table.pairs(result))
    if result["healthy"]?.bool != true { throw Failure.refused }
  }
}

struct ConnectionsCommand: ListCommand {
  static let configuration = CommandConfiguration(commandName: "connections", abstract: "The live connections.")
  static let name = "connections"
  static let table = Table([
    .init("ID", "id", right: true), .init("PEER", "peer"), .init("LISTENER", "listener"), .init("USER", "user"),
    .init("AGE", "ageSeconds", right: true), .init("IDLE", "idleSeconds", right: true),
    .init("RECEIVED", "received", right: true), .init("BYTES", "receivedBytes", amount: true),
    .init("SENT", "sent", right: true), .init("BYTES", "sentBytes", amount: true), .init("QUEUED", "queued", right: true),
    .init("BYTES", "queuedBytes", amount: true), .init("WORKER", "worker", right: true), .init("GROUPS", "groups"),
    .init("PROPERTIES", "properties"),
  ])
  /// By what keys put them in order, as the columns stand.
  static let fields = table.columns.compactMap { Field(rawValue: $0.key) }

  @OptionGroup var options: CommonOptions
  @OptionGroup var watching: WatchOptions

  @Option(
    name: .customLong("where"), help: ArgumentHelp("Only those of which this is true, such as 'idle > 5m'.", valueName: "expr"))
  var filter: Filter?

  // Unconditional: it may begin with a dash.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("In order of this field, from the least; -field: from the most.", valueName: "field"))
  var sort: FieldOrder?

  @Option(parsing: .unconditional, help: ArgumentHelp("At most so many.", valueName: "count"))
  var limit: Int?

  func validate() throws {
    if let limit, limit < 0 { throw ValidationError("--limit must not be negative") }
    try watching.check(options)
    if watching.watch, limit != nil { throw ValidationError("--watch shows as many as fit, without --limit") }
  }

  var request: ControlRequest.Command { .connections(.init(filter: filter, order: sort, limit: limit)) }

  func run() throws {
    guard watching.watch, let interval = watching.interval else { return try show() }
    try WatchLoop.run(ConnectionsView(filter: filter, order: try sort ?? FieldOrder("id")), options, every: interval)
  }
}

struct ShowCommand: LookCommand {
  static let configuration = CommandConfiguration(commandName: "show", abstract: "All there is to say of one connection.")
  @OptionGroup var options: CommonOptions
  @Argument(help: "Its id.") var id: ConnectionID
  var request: ControlRequest.Command { .show(id.number) }
}

struct ClosedCommand: ListCommand {
  static let configuration = CommandConfiguration(
    commandName: "closed", abstract: "The last 1000 connections that have ended, the last one first.")
  static let name = "closed"
  static let table = Table([
    .init("ID", "id", right: true), .init("PEER", "peer"), .init("LISTENER", "listener"), .init("USER", "user"),
    .init("ENDED", "agoSeconds", right: true), .init("AFTER", "durationSeconds", right: true),
    .init("RECEIVED", "received", right: true), .init("SENT", "sent", right: true), .init("REASON", "reason"),
    .init("TEXT", "text"),
  ])
  @OptionGroup var options: CommonOptions

  @Option(parsing: .unconditional, help: ArgumentHelp("At most so many.", valueName: "count"))
  var limit: Int?

  func validate() throws { if let limit, limit < 0 { throw ValidationError("--limit must not be negative") } }

  var request: ControlRequest.Command { .closed(limit: limit) }
}

struct UsersCommand: ListCommand {
  static let configuration = CommandConfiguration(commandName: "users", abstract: "The users who are there.")
  static let name = "users"
  static let table = Table([.init("USER", "name"), .init("NODE", "node"), .init("CONNECTIONS", "connections", right: true)])
  @OptionGroup var options: CommonOptions
  var request: ControlRequest.Command { .users }
}

struct GroupsCommand: ListCommand {
  static let configuration = CommandConfiguration(commandName: "groups", abstract: "The groups that have members.")
  static let name = "groups"
  static let table = Table([.init("GROUP", "name"), .init("NODE", "node"), .init("MEMBERS", "members", right: true)])
  @OptionGroup var options: CommonOptions
  var request: ControlRequest.Command { .groups }
}

struct PluginsCommand: ListCommand {
  static let configuration = CommandConfiguration(commandName: "plugins", abstract: "The plugins that run, and what they count.")
  static let name = "plugins"
  static let table = Table([
    .init("PLUGIN", "name"), .init("IDS", "ids"), .init("RELOADABLE", "reloadable"), .init("METRICS", "metrics"),
    .init("SUMMARY", "summary"),
  ])
  @OptionGroup var options: CommonOptions
  var request: ControlRequest.Command { .plugins }
}

/// The id of a connection, as JSON can have it: no daemon comes to the end of these.
struct ConnectionID: ExpressibleByArgument, Hashable {
  let number: UInt64

  init?(argument: String) {
    guard let number = UInt64(argument), number <= UInt64(Int64.max) else { return nil }
    self.number = number
  }
}

extension Filter: ExpressibleByArgument {
  /// Nil never comes back: what is wrong is told by its place.
  package init?(argument: String) {
    do throws(ControlError) { try self.init(argument) } catch {
      Output.complain("--where: \(error)")
      Zinxctl.exit(withError: ExitCode.validationFailure)
    }
  }
}

extension FieldOrder: ExpressibleByArgument {
  package init?(argument: String) {
    do throws(ControlError) { try self.init(argument) } catch {
      Output.complain("--sort: \(error)")
      Zinxctl.exit(withError: ExitCode.validationFailure)
    }
  }
}
