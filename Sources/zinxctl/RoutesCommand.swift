import ArgumentParser
import ZinxControl

struct RoutesCommand: ListCommand {
  static let configuration = CommandConfiguration(
    commandName: "routes",
    abstract: "The messages that have routes, whose these are, how many came and failed, and how long they took.")
  static let name = "routes"
  static let table = Table([
    .init("IDS", "ids", right: true), .init("PLUGIN", "plugin"), .init("MESSAGES", "messages", right: true),
    .init("FAILED", "failures", right: true), .init("QUEUE P50", "queue.p50Seconds", right: true),
    .init("P99", "queue.p99Seconds", right: true), .init("MAX", "queue.maxSeconds", right: true),
    .init("HANDLER P50", "handler.p50Seconds", right: true), .init("P99", "handler.p99Seconds", right: true),
    .init("MAX", "handler.maxSeconds", right: true),
  ])
  @OptionGroup var options: CommonOptions
  var request: ControlRequest.Command { .routes }

  func lines(_ result: JSON) -> [String] {
    let routes = result[Self.name]?.array ?? []
    return Self.table.lines(routes.map(Self.row)) + Self.explanation(routes)
  }

  /// A route whose times stand in columns of their own; what is an estimate says so.
  static func row(_ route: JSON) -> JSON {
    var members: [JSON.Member] = []
    for member in route.members ?? [] {
      switch member.key {
      case "messages": members.append(.init("messages", .string("\u{2248}\(member.value)")))
      case "handler", "queue":
        members += (member.value.members ?? []).map { .init("\(member.key).\($0.key)", $0.value) }
      default: members.append(member)
      }
    }
    return .object(members)
  }

  static func explanation(_ routes: [JSON]) -> [String] {
    guard let number = routes.first?["sampledOneIn"]?.integer else { return [] }
    return [
      "", "Messages are an estimate, and times are of samples: one batch in \(number), since the start. Failures are counted.",
    ]
  }
}
