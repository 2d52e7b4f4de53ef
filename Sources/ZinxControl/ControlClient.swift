import Glibc

/// The asking end of the control socket. Every call blocks its thread.
package final class ControlClient {
  package enum Failure: Error, Sendable, Hashable {
    /// Nobody listens there, or it may not be entered: errno(3) of connect(2).
    case unreachable(UnixError)
    /// What answers is no control socket, speaks another version, or has ended without an answer.
    case broken(String)
    case refused(ControlError)
  }

  /// Time for a line that needs no work, as the first.
  private static let patience = Duration.seconds(10)

  private let stream: UnixStream
  private var received: [UInt8] = []
  private var lastID: Int64 = 0
  /// What the daemon calls itself.
  package private(set) var program = ""

  package init(_ path: String) throws(Failure) {
    stream = try Self.connect(path)
    try greet(path)
  }

  private func greet(_ path: String) throws(Failure) {
    let hello = try line(within: Self.patience)
    if let error = Self.error(in: hello) { throw .refused(error) }
    guard let version = hello["control"]?.integer else { throw .broken("\(path) is no control socket of a Zinx daemon") }
    guard version == ControlProtocol.version else {
      throw .broken("the daemon speaks version \(version) of the protocol, and this program version \(ControlProtocol.version)")
    }
    program = hello["program"]?.string ?? "the daemon"
  }

  private static func connect(_ path: String) throws(Failure) -> UnixStream {
    do { return try UnixStream(connectingTo: path) } catch { throw .unreachable(error) }
  }

  /// Asks, and waits for the answer as long as it takes. The lines of a list become one list.
  package func ask(_ command: ControlRequest.Command) throws(Failure) -> JSON {
    var members: [JSON.Member] = []
    try ask(command) { Self.add($0, to: &members) }
    return .object(members)
  }

  /// Asks, and hands each line of the answer out as it comes.
  package func ask(_ command: ControlRequest.Command, each: ([JSON.Member]) -> Void) throws(Failure) {
    lastID += 1
    let request = ControlRequest(id: .integer(lastID), command)
    let text = request.json.description
    guard text.utf8.count <= ControlProtocol.longestLine else {
      throw .refused(ControlError(.badLine, "the request is longer than \(ControlProtocol.longestLine) bytes"))
    }
    guard stream.write(text, within: Self.patience) else { throw .broken("the daemon takes no request") }
    while true {
      let answer = try line(within: nil)
      if let error = Self.error(in: answer) { throw .refused(error) }
      guard answer["id"] == request.id, let result = answer["result"]?.members else { throw .broken("the answer is none") }
      each(result)
      if answer["more"]?.bool != true { return }
    }
  }

  private static func error(in line: JSON) -> ControlError? {
    guard let error = line["error"] else { return nil }
    let code = error["code"]?.string.flatMap(ControlError.Code.init(rawValue:)) ?? .refused
    return ControlError(code, error["message"]?.string ?? "refused")
  }

  private static func add(_ more: [JSON.Member], to members: inout [JSON.Member]) {
    for member in more {
      guard let index = members.firstIndex(where: { $0.key == member.key }), case .array(let elements) = member.value,
        case .array(var all) = members[index].value
      else {
        members.append(member)
        continue
      }
      // Not copied: there may be many.
      members[index].value = nil
      all += elements
      members[index].value = .array(all)
    }
  }

  private func line(within time: Duration?) throws(Failure) -> JSON {
    while true {
      if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
        let line = received[..<end]
        defer { received.removeFirst(end + 1) }
        do { return try JSON(parsing: line) } catch { throw .broken("the answer is no JSON: \(error)") }
      }
      // A single element may be longer than a line.
      guard received.count <= 16 * ControlProtocol.longestLine else { throw .broken("the answer has no end") }
      switch stream.read(upTo: ControlProtocol.longestLine, within: time) {
      case .bytes(let bytes): received += bytes
      case .end: throw .broken("the daemon has ended the conversation")
      case .timeOut: throw .broken("the daemon does not answer")
      }
    }
  }
}
