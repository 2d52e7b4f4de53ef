/// Requests that are about messages: to look at those that pass, and to send some.
extension ControlRequest {
  /// Whose messages are to be shown, and how many of them for how long.
  package struct Tracing: Sendable, Hashable {
    /// Seconds that a trace may last.
    package static let longest = 3600.0
    /// Without a word, and bytes of data of each message.
    package static let usualSeconds = 60.0
    package static let usualBytes = 64
    package static let mostBytes = 4096

    /// Seconds of a duration as a filter has them, `10s` or `1m30s`, or of a number; nil for what is neither, or out of range.
    package static func seconds(_ text: String) -> Double? {
      let seconds = FilterParser.duration(text) ?? FilterParser.duration(text + "s")
      return seconds.flatMap { $0 > 0 && $0 <= longest ? $0 : nil }
    }

    package var target: Closing.Target
    package var seconds: Double?
    /// It ends after so many messages.
    package var count: Int?
    package var bytes: Int?

    package init(_ target: Closing.Target, seconds: Double? = nil, count: Int? = nil, bytes: Int? = nil) {
      (self.target, self.seconds, self.count, self.bytes) = (target, seconds, count, bytes)
    }

    var members: [JSON.Member] {
      var members = [target.member]
      if let seconds { members.append(JSON.Member("seconds", .number(seconds))) }
      if let count { members.append(JSON.Member("count", .count(count))) }
      if let bytes { members.append(JSON.Member("bytes", .count(bytes))) }
      return members
    }
  }

  /// A message, and who gets it.
  package struct Sending: Sendable, Hashable {
    package enum Audience: Sendable, Hashable {
      case connections(Closing.Target)
      case all
      case group(String)
      case user(String)
    }

    /// Bytes of data: what fits into a line of the protocol beside the rest.
    package static let longest = 30_000

    package var audience: Audience
    package var messageID: UInt32
    package var data: [UInt8]

    package init(_ audience: Audience, _ messageID: UInt32, _ data: [UInt8]) {
      (self.audience, self.messageID, self.data) = (audience, messageID, data)
    }

    var members: [JSON.Member] {
      let audience: [JSON.Member] =
        switch audience {
        case .connections(let target): [target.member]
        case .all: []
        case .group(let name): [JSON.Member("group", .string(name))]
        case .user(let name): [JSON.Member("user", .string(name))]
        }
      return audience + [JSON.Member("msgId", .count(messageID)), JSON.Member("data", .string(Hex.text(data)))]
    }
  }
}

extension ControlRequest.Closing.Target {
  var member: JSON.Member {
    switch self {
    case .ids(let ids): JSON.Member("connections", .array(ids.map { .count($0) }))
    case .matching(let filter): JSON.Member("where", .string(filter.text))
    }
  }
}

extension ControlRequest.Arguments {
  mutating func tracing() throws(ControlError) -> ControlRequest.Tracing {
    let target = try target("trace")
    let seconds = try number("seconds")
    guard seconds.map({ $0 > 0 && $0 <= ControlRequest.Tracing.longest }) ?? true else {
      throw ControlError(.badRequest, "seconds are more than 0, and at most \(Int(ControlRequest.Tracing.longest))")
    }
    let (count, bytes) = (try count("count"), try count("bytes"))
    if count == 0 { throw ControlError(.badRequest, "count is at least 1") }
    guard bytes ?? 0 <= ControlRequest.Tracing.mostBytes else {
      throw ControlError(.badRequest, "bytes are at most \(ControlRequest.Tracing.mostBytes)")
    }
    return ControlRequest.Tracing(target, seconds: seconds, count: count, bytes: bytes)
  }

  mutating func sending() throws(ControlError) -> ControlRequest.Sending {
    try message(to: .connections(try target("send")))
  }

  mutating func broadcasting() throws(ControlError) -> ControlRequest.Sending {
    switch (try string("group"), try string("user")) {
    case (nil, nil): return try message(to: .all)
    case (let group?, nil): return try message(to: .group(group))
    case (nil, let user?): return try message(to: .user(user))
    default: throw ControlError(.badRequest, "broadcast takes either group or user")
    }
  }

  private mutating func message(to audience: ControlRequest.Sending.Audience) throws(ControlError) -> ControlRequest.Sending {
    let number = try required("msgId", any("msgId"))
    guard let id = number.integer.flatMap({ UInt32(exactly: $0) }) else {
      throw ControlError(.badRequest, "msgId is no id of a message: 0 to \(UInt32.max)")
    }
    guard let data = Hex.bytes(try string("data") ?? "") else {
      throw ControlError(.badRequest, "data is no text of hexadecimal digits")
    }
    guard data.count <= ControlRequest.Sending.longest else {
      throw ControlError(.badRequest, "data is longer than \(ControlRequest.Sending.longest) bytes")
    }
    return ControlRequest.Sending(audience, id, data)
  }

  mutating func number(_ key: String) throws(ControlError) -> Double? {
    guard let value = any(key) else { return nil }
    guard let number = value.number else { throw ControlError(.badRequest, "\(key) is no number") }
    return number
  }
}
