/// Requests that steer the daemon as a whole: how it drains, and of whom it logs more.
extension ControlRequest {
  /// Whether connections end too, and when.
  package struct Draining: Sendable, Hashable {
    /// Seconds of a day.
    package static let longest = 86_400.0

    package var closing: Bool
    /// They are told to end one after the other, over so many seconds.
    package var spread: Double?
    /// After so many seconds those that are left are cut.
    package var deadline: Double?

    package init(closing: Bool = false, spread: Double? = nil, deadline: Double? = nil) {
      (self.closing, self.spread, self.deadline) = (closing, spread, deadline)
    }

    var members: [JSON.Member] {
      var members: [JSON.Member] = []
      if closing { members.append(JSON.Member("close", true)) }
      if let spread { members.append(JSON.Member("spreadSeconds", .number(spread))) }
      if let deadline { members.append(JSON.Member("deadlineSeconds", .number(deadline))) }
      return members
    }

    /// Seconds of a duration as a filter has them, or of a number; nil for what is neither, or out of range.
    package static func seconds(_ text: String) -> Double? {
      let seconds = FilterParser.duration(text) ?? FilterParser.duration(text + "s")
      return seconds.flatMap { $0 >= 0 && $0 <= longest ? $0 : nil }
    }
  }

  /// Of whom lines are logged from another level on.
  package enum LogSubject: Sendable, Hashable {
    case connection(UInt64)
    case peers(IPNetwork)

    var member: JSON.Member {
      switch self {
      case .connection(let id): JSON.Member("connection", .count(id))
      case .peers(let network): JSON.Member("peers", .string(network.text))
      }
    }

    /// `connection 7`, `peers in 10.0.0.0/8`.
    package var text: String {
      switch self {
      case .connection(let id): "connection \(id)"
      case .peers(let network): "peers in \(network.text)"
      }
    }
  }
}

extension ControlRequest.Arguments {
  mutating func draining() throws(ControlError) -> ControlRequest.Draining {
    let closing = try flag("close")
    let draining = ControlRequest.Draining(
      closing: closing, spread: try number("spreadSeconds"), deadline: try number("deadlineSeconds"))
    for seconds in [draining.spread, draining.deadline].compactMap(\.self) {
      guard closing else { throw ControlError(.badRequest, "spreadSeconds and deadlineSeconds go with close") }
      guard (0...ControlRequest.Draining.longest).contains(seconds) else {
        throw ControlError(.badRequest, "seconds of a drain are at most \(Int(ControlRequest.Draining.longest))")
      }
    }
    return draining
  }

  mutating func logSubject() throws(ControlError) -> ControlRequest.LogSubject? {
    switch (try connection("connection"), try string("peers")) {
    case (nil, nil): return nil
    case (let id?, nil): return .connection(id)
    case (nil, let text?):
      guard let network = IPNetwork(text) else { throw ControlError(.badRequest, "peers is no network such as 10.0.0.0/8") }
      return .peers(network)
    default: throw ControlError(.badRequest, "log takes either connection or peers")
    }
  }
}
