import ArgumentParser
import ZinxClient
import ZinxWire

/// How many bytes the data of a reply has.
enum ReplySize: ExpressibleByArgument, Equatable {
  case any
  case exactly(Int)

  init?(argument: String) {
    if argument == "any" { self = .any } else if let size = Int(argument) { self = .exactly(size) } else { return nil }
  }
}

struct LoadOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Connections open at once.")
  var connections = 50

  @Option(help: "Connections that send; the others only receive (default: all).")
  var speakers: Int?

  @Option(name: [.customShort("n"), .long], help: "Requests that a connection has outstanding at most.")
  var inFlight = 1

  @Option(help: "Bytes of data in a request.")
  var size = 64

  @Option(help: "The id to send; 3 is that of the plugin 'echo'.")
  var id: UInt32 = 3

  @Option(help: "The id of the replies (default: the one sent). Other messages are counted and ignored.")
  var replyID: UInt32?

  @Option(help: ArgumentHelp("Send this message on each connection before anything else, such as a login.", valueName: "id:text"))
  var first: FirstMessage?

  @Option(help: "Wait on each connection for a message of this id after --first.")
  var firstReply: UInt32?

  @Option(help: "Bytes of data in a reply, or 'any' (default: those of a request).")
  var replySize: ReplySize?

  @Option(
    name: .shortAndLong, help: "Requests a second in all; with --churn, connections a second (default: as fast as replies come).")
  var rate: Double?

  @Flag(help: "Connect, send one request, close; again and again.")
  var churn = false

  @Flag(help: "Open the connections, use each once, and keep them.")
  var idle = false

  @Flag(help: "With --idle: never send anything.")
  var silent = false

  @Option(name: .shortAndLong, help: "Seconds to measure (default: 5).")
  var seconds: Double?

  @Option(help: "Requests to measure in all, in place of --seconds.")
  var messages: Int?

  @Option(help: "Seconds of load before measuring begins (default: 0.5; with --idle or --messages 0).")
  var warmUp: Double?

  @Option(name: .shortAndLong, help: "Threads that make the load; no more than connections that send.")
  var threads = 1

  @Option(help: "Connect from so many addresses of 127/8 in turn; one has about 28000 ports (default: as many as it takes).")
  var sources: Int?

  @Flag(help: "Compare every byte of the replies with the request.")
  var verify = false

  /// The run that the options ask for.
  ///
  /// Throws: `ValidationError` for what is out of range or does not go together.
  func plan(for server: ServerOptions) throws -> Plan {
    try checkRanges(server)
    try checkCombinations(server)
    var plan = Plan()
    plan.mode = churn ? .churn : idle ? .idle : rate == nil ? .closed : .open
    plan.pack = server.pack
    plan.connections = connections
    plan.speakers = speakers ?? connections
    plan.inFlight = churn || idle ? 1 : inFlight
    (plan.size, plan.id, plan.replyID) = (size, id, replyID ?? id)
    switch replySize {
    case nil: plan.replySize = size
    case .any: plan.replySize = nil
    case .exactly(let size): plan.replySize = size
    }
    plan.rate = rate
    plan.threads = min(threads, plan.speakers)
    plan.warmUp = nanoseconds(warmUp ?? (idle || messages != nil ? 0 : 0.5))
    plan.extent = messages.map { .messages($0) } ?? .nanoseconds(nanoseconds(seconds ?? 5))
    plan.timeout = nanoseconds(server.timeout)
    plan.sources = sources ?? Self.sources(for: plan, server.choice.server)
    plan.verifies = verify
    plan.isSilent = silent
    (plan.first, plan.firstReply) = (first, firstReply)
    return plan
  }

  private func nanoseconds(_ seconds: Double) -> Int64 { Int64(seconds * 1e9) }

  /// Ports that one own address certainly has for one destination.
  private static let portsPerSource = 25_000
  /// In churn the ports of connections that have ended stay taken for a minute.
  private static let sourcesOfChurn = 64

  private static func isLoopback(_ server: ServerAddress) -> Bool { server.host?.hasPrefix("127.") == true }

  private static func sources(for plan: Plan, _ server: ServerAddress) -> Int {
    guard isLoopback(server) else { return 0 }
    if plan.mode == .churn { return sourcesOfChurn }
    return plan.connections <= portsPerSource ? 0 : (plan.connections + portsPerSource - 1) / portsPerSource
  }

  private func checkRanges(_ server: ServerOptions) throws {
    try check("connections", connections, 1...1_000_000)
    try check("speakers", speakers ?? 1, 1...connections)
    try check("in-flight", inFlight, 1...65_536)
    try check("size", size, 0...(64 << 20))
    if case .exactly(let size) = replySize { try check("reply-size", size, 0...(256 << 20)) }
    try check("threads", threads, 1...256)
    try check("sources", sources ?? 0, 0...250)
    try check("messages", messages ?? 1, 1...1_000_000_000_000)
    try check("rate", rate ?? 1, 0.001...1e8)
    try check("seconds", seconds ?? 1, 0.001...86_400)
    try check("warm-up", warmUp ?? 0, 0...86_400)
    try check("timeout", server.timeout, 0.001...86_400)
  }

  private func check<Number: Comparable>(_ name: String, _ value: Number, _ allowed: ClosedRange<Number>) throws {
    guard allowed.contains(value) else {
      throw ValidationError("--\(name) \(value): \(allowed.lowerBound) to \(allowed.upperBound).")
    }
  }

  private func checkCombinations(_ server: ServerOptions) throws {
    let mistakes: [(Bool, String)] = [
      (churn && idle, "--churn and --idle: one of them."),
      (idle && rate != nil, "--idle and --rate: one of them."),
      (idle && messages != nil, "--idle and --messages: one of them."),
      (seconds != nil && messages != nil, "--seconds and --messages: one of them."),
      ((warmUp ?? 0) > 0 && messages != nil, "--warm-up and --messages: one of them."),
      (silent && !idle, "--silent goes with --idle."),
      (firstReply != nil && first == nil, "--first-reply goes with --first."),
      ((churn || idle) && inFlight != 1, "--in-flight is 1 with --churn and --idle."),
      ((churn || idle) && speakers != nil, "--speakers does not go with --churn and --idle."),
      (verify && replySize != nil, "--verify and --reply-size: one of them."),
      ((sources ?? 0) > 0 && !Self.isLoopback(server.choice.server), "--sources goes with a server on 127.0.0.0/8 only."),
    ]
    if let mistake = server.choice.mistake { throw ValidationError(mistake) }
    for (isMistake, text) in mistakes where isMistake { throw ValidationError(text) }
  }
}
