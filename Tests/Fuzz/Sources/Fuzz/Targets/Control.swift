@testable import ZinxControl
@testable import ZinxDaemon
@testable import ZinxIO

/// The lines of the control socket: an answer for any bytes, the same however they are cut; each answer is one line that fits; what is
/// understood is written so that it is understood the same, and a filter has a word on every connection.
@Sendable func fuzzControl(_ input: Input) {
  var input = input
  let piece = Int(input.byte()) + 1
  let bytes = input.bytes
  let whole = steps(bytes, piece: max(1, bytes.count))
  require(steps(bytes, piece: piece) == whole, "cut into pieces of \(piece) it means the same")
  for step in whole {
    switch step {
    case .write(let line):
      require(line.utf8.count <= ControlProtocol.longestLine, "an answer fits into a line")
      require(!line.utf8.contains { $0 < 0x20 }, "an answer is one line")
      require((try? JSON(parsing: line.utf8)) != nil, "an answer is JSON: \(line)")
    case .perform(let request): check(request)
    case .read, .end: break
    }
  }
}

/// What a session does about the bytes, and about their end.
private func steps(_ bytes: [UInt8], piece: Int) -> [ControlSession.Step] {
  let now = Instant(nanoseconds: 0)
  var session = ControlSession(greeting: "{}", at: now)
  var rest = bytes[...]
  var steps: [ControlSession.Step] = []
  while true {
    let step = session.next(at: now)
    switch step {
    case .read:
      if rest.isEmpty { session.ended() } else { session.received(Array(rest.prefix(piece)), at: now) }
      rest = rest.dropFirst(piece)
    case .end: return steps
    case .write, .perform: steps.append(step)
    }
    require(steps.count <= bytes.count + 2, "no more answers than lines")
  }
}

private func check(_ request: ControlRequest) {
  let line = request.json.description
  require((try? ControlRequest(parsing: line.utf8)) == request, "what is understood reads back: \(line)")
  switch request.command {
  case .connections(let selection): if let filter = selection.filter { check(filter) }
  case .close(let closing): if case .matching(let filter) = closing.target { check(filter) }
  default: break
  }
}

private func check(_ filter: Filter) {
  func nothing(_ field: Field) -> FieldValue {
    switch field.kind {
    case .number: .number(nil)
    case .text: .text(nil)
    case .address: .address("unix", nil)
    case .texts: .texts([])
    case .flag: .flag(false)
    }
  }
  let isTrue = filter.matches(nothing)
  require((try? Filter("!(\(filter.text))"))?.matches(nothing) != isTrue, "not is the other one")
}
