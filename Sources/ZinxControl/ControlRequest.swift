/// One request: what is to be done, and under which id it is answered.
package struct ControlRequest: Sendable, Hashable {
  package enum Command: Sendable, Hashable {
    case status
    case connections(Selection)
    case show(UInt64)
    case closed(limit: Int?)
    case close(Closing)
    /// The messages of connections while they pass.
    case trace(Tracing)
    /// A message to connections, chosen one by one.
    case send(Sending)
    /// The same to all, a group, or a user.
    case broadcast(Sending)
    /// Accept nobody any more; and end who is there.
    case drain(Draining)
    case resume
    case reload
    case set(key: String, value: JSON)
    /// Of everything, or of what is about one connection or the peers of a network.
    case log(level: String, LogSubject?)
    case plugins
    case routes
    case groups
    case users
    case health
    /// Have the program on disk take over.
    case upgrade(Upgrade)
  }

  /// Which program is to take over, and whether it is only asked if it can.
  package struct Upgrade: Sendable, Hashable {
    /// Its absolute path; nil: that of the program that runs.
    package var program: String?
    package var isTrial: Bool

    package init(program: String? = nil, isTrial: Bool = false) { (self.program, self.isTrial) = (program, isTrial) }
  }

  /// Which connections, in which order, and how many of them.
  package struct Selection: Sendable, Hashable {
    package var filter: Filter?
    package var order: FieldOrder?
    package var limit: Int?

    package init(filter: Filter? = nil, order: FieldOrder? = nil, limit: Int? = nil) {
      (self.filter, self.order, self.limit) = (filter, order, limit)
    }
  }

  /// Which connections are to end, and how.
  package struct Closing: Sendable, Hashable {
    package enum Target: Sendable, Hashable {
      case ids([UInt64])
      case matching(Filter)
    }

    package var target: Target
    /// Without what is queued for them.
    package var atOnce: Bool
    /// Only say how many these are.
    package var isTrial: Bool

    package init(_ target: Target, atOnce: Bool = false, isTrial: Bool = false) {
      (self.target, self.atOnce, self.isTrial) = (target, atOnce, isTrial)
    }
  }

  /// What the answer repeats: a string, a whole number, or null.
  package var id: JSON
  package var command: Command

  package init(id: JSON = nil, _ command: Command) { (self.id, self.command) = (id, command) }
}

// MARK: From a line

extension ControlRequest {
  /// A line that asks for nothing, and the id under which that is to be said.
  package struct Fault: Error, Sendable, Hashable {
    package var id: JSON
    package var error: ControlError
  }

  /// Reads a line without its end. Total: it has an answer for any bytes.
  package init(parsing line: some Collection<UInt8>) throws(Fault) {
    let json: JSON
    do throws(JSONFault) { json = try JSON(parsing: line, hasTwins: false) } catch {
      throw Fault(id: nil, error: ControlError(.badLine, "the line is no JSON: \(error)"))
    }
    guard case .object = json else { throw Fault(id: nil, error: ControlError(.badLine, "the line is no object")) }
    let id = Self.id(in: json)
    do throws(ControlError) {
      guard let id else { throw ControlError(.badRequest, "id is no short string and no whole number") }
      self.init(id: id, try Self.command(Arguments(json)))
    } catch { throw Fault(id: id ?? nil, error: error) }
  }

  private static func id(in json: JSON) -> JSON? {
    switch json["id"] {
    case nil, .null?: .null
    case .integer(let number)?: .integer(number)
    case .string(let text)? where text.count <= ControlProtocol.longestID && text.utf8.count <= 4 * ControlProtocol.longestID:
      .string(text)
    default: nil
    }
  }

  private static func command(_ arguments: consuming Arguments) throws(ControlError) -> Command {
    guard let name = try arguments.string("command") else { throw ControlError(.badRequest, "the line has no command") }
    let command: Command
    switch name {
    case "status": command = .status
    case "connections":
      let (filter, sort) = (try arguments.filter(), try arguments.string("sort"))
      let order: FieldOrder? = if let sort { try FieldOrder(sort) } else { nil }
      command = .connections(Selection(filter: filter, order: order, limit: try arguments.count("limit")))
    case "show": command = .show(try arguments.required("connection", try arguments.connection("connection")))
    case "closed": command = .closed(limit: try arguments.count("limit"))
    case "close": command = .close(try closing(&arguments))
    case "trace": command = .trace(try arguments.tracing())
    case "send": command = .send(try arguments.sending())
    case "broadcast": command = .broadcast(try arguments.broadcasting())
    case "drain": command = .drain(try arguments.draining())
    case "resume": command = .resume
    case "reload": command = .reload
    case "set":
      let key = try arguments.required("key", try arguments.string("key"))
      command = .set(key: key, value: try arguments.required("value", arguments.any("value")))
    case "log":
      let level = try arguments.required("level", try arguments.string("level"))
      command = .log(level: level, try arguments.logSubject())
    case "plugins": command = .plugins
    case "routes": command = .routes
    case "groups": command = .groups
    case "users": command = .users
    case "health": command = .health
    case "upgrade": command = .upgrade(Upgrade(program: try arguments.string("program"), isTrial: try arguments.flag("check")))
    default: throw ControlError(.badRequest, "there is no command \(JSON.string(String(name.prefix(40))))")
    }
    try arguments.finish(name)
    return command
  }

  private static func closing(_ arguments: inout Arguments) throws(ControlError) -> Closing {
    let target = try arguments.target("close")
    return Closing(target, atOnce: try arguments.flag("now"), isTrial: try arguments.flag("dryRun"))
  }

  /// The members of a request that were not looked at yet: a word that nobody knows must not be taken for one that was heard.
  struct Arguments {
    private let members: JSON
    private var left: Set<String>

    init(_ members: JSON) {
      self.members = members
      left = Set((members.members ?? []).map(\.key)).subtracting(["id"])
    }

    mutating func any(_ key: String) -> JSON? {
      left.remove(key)
      return members[key]
    }

    func required<T>(_ key: String, _ value: T?) throws(ControlError) -> T {
      guard let value else { throw ControlError(.badRequest, "\(key) is missing") }
      return value
    }

    mutating func string(_ key: String) throws(ControlError) -> String? {
      guard let value = any(key) else { return nil }
      guard let text = value.string else { throw ControlError(.badRequest, "\(key) is no string") }
      return text
    }

    mutating func filter() throws(ControlError) -> Filter? {
      guard let text = try string("where") else { return nil }
      return try Filter(text)
    }

    /// Connections by their ids, or by what is true of them.
    mutating func target(_ command: String) throws(ControlError) -> Closing.Target {
      switch (try connections("connections"), try filter()) {
      case (let ids?, nil): return .ids(ids)
      case (nil, let filter?): return .matching(filter)
      default: throw ControlError(.badRequest, "\(command) takes either connections or where")
      }
    }

    mutating func flag(_ key: String) throws(ControlError) -> Bool {
      guard let value = any(key) else { return false }
      guard let flag = value.bool else { throw ControlError(.badRequest, "\(key) is neither true nor false") }
      return flag
    }

    mutating func count(_ key: String) throws(ControlError) -> Int? {
      guard let value = any(key) else { return nil }
      guard let number = value.integer.map(Int.init(exactly:)) ?? nil, number >= 0 else {
        throw ControlError(.badRequest, "\(key) is no count")
      }
      return number
    }

    mutating func connection(_ key: String) throws(ControlError) -> UInt64? {
      guard let value = any(key) else { return nil }
      guard let id = value.integer.flatMap({ UInt64(exactly: $0) }) else {
        throw ControlError(.badRequest, "\(key) is no id of a connection")
      }
      return id
    }

    mutating func connections(_ key: String) throws(ControlError) -> [UInt64]? {
      guard let value = any(key) else { return nil }
      let ids = value.array.map { $0.compactMap { $0.integer.flatMap { UInt64(exactly: $0) } } }
      guard let ids, ids.count == value.array?.count else {
        throw ControlError(.badRequest, "\(key) is no list of ids of connections")
      }
      return ids
    }

    func finish(_ command: String) throws(ControlError) {
      guard let word = left.sorted().first else { return }
      throw ControlError(.badRequest, "\(command) takes no \(JSON.string(String(word.prefix(40))))")
    }
  }
}

// MARK: To a line

extension ControlRequest {
  /// The line that asks for it.
  package var json: JSON {
    var members = [JSON.Member("id", id)]
    func add(_ key: String, _ value: JSON) { members.append(JSON.Member(key, value)) }
    add("command", .string(name))
    switch command {
    case .connections(let selection):
      if let filter = selection.filter { add("where", .string(filter.text)) }
      if let order = selection.order { add("sort", .string(order.text)) }
      if let limit = selection.limit { add("limit", .count(limit)) }
    case .show(let id): add("connection", .count(id))
    case .closed(let limit?): add("limit", .count(limit))
    case .close(let closing):
      members.append(closing.target.member)
      if closing.atOnce { add("now", true) }
      if closing.isTrial { add("dryRun", true) }
    case .drain(let draining): members += draining.members
    case .set(let key, let value):
      add("key", .string(key))
      add("value", value)
    case .log(let level, let subject):
      add("level", .string(level))
      if let subject { members.append(subject.member) }
    case .trace(let tracing): members += tracing.members
    case .send(let sending), .broadcast(let sending): members += sending.members
    case .upgrade(let upgrade):
      if let program = upgrade.program { add("program", .string(program)) }
      if upgrade.isTrial { add("check", true) }
    default: break
    }
    return .object(members)
  }

  /// The word for the command.
  package var name: String {
    switch command {
    case .status: "status"
    case .connections: "connections"
    case .show: "show"
    case .closed: "closed"
    case .close: "close"
    case .trace: "trace"
    case .send: "send"
    case .broadcast: "broadcast"
    case .drain: "drain"
    case .resume: "resume"
    case .reload: "reload"
    case .set: "set"
    case .log: "log"
    case .plugins: "plugins"
    case .routes: "routes"
    case .groups: "groups"
    case .users: "users"
    case .health: "health"
    case .upgrade: "upgrade"
    }
  }

  /// Whether it changes what runs: then it is logged.
  package var changes: Bool {
    switch command {
    case .close(let closing): !closing.isTrial
    case .upgrade(let upgrade): !upgrade.isTrial
    case .send, .broadcast, .drain, .resume, .reload, .set, .log: true
    case .status, .trace, .connections, .show, .closed, .plugins, .routes, .groups, .users, .health: false
    }
  }
}
