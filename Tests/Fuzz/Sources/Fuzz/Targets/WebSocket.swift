import ZinxWire

/// The frames of a WebSocket: in whatever pieces they come, the stream, the answers and the end are the same. And its request: more bytes
/// take nothing back.
@Sendable func fuzzWebSocket(_ input: Input) {
  var input = input
  let step = Int(input.byte()) + 1
  let cut = Int(input.word(UInt16.self))
  let bytes = input.bytes
  let whole = decode(bytes, step: max(1, bytes.count))
  require(decode(bytes, step: step).isSame(as: whole), "in pieces as in one")
  require(whole.stream.count <= bytes.count, "no more comes out than goes in")
  let seen = bytes.withUnsafeBytes(WebSocketRequest.read)
  let part = bytes.prefix(cut % (bytes.count + 1)).withUnsafeBytes(WebSocketRequest.read)
  if case .request = part { require(part == seen, "what follows changes nothing") }
  guard case .request(let request) = seen else { return }
  require(request.length <= bytes.count && request.length <= WebSocketRequest.longest, "a request that has come")
  require(bytes[..<request.length].suffix(4) == [13, 10, 13, 10], "it ends where it ends")
  require(request.path.utf8.first == UInt8(ascii: "/"), "it has a path")
  var rules = WebSocketRules()
  rules.path = request.path
  if rules.refusal(of: request) == nil {
    let answer = rules.acceptance(of: request) { _ in [UInt8](repeating: 7, count: 20) }
    require(answer.starts(with: "HTTP/1.1 101 ".utf8) && answer.count < 512, "an answer")
  }
}

private struct Outcome {
  var stream: [UInt8] = []
  var lastPing: [UInt8]?
  var end: WebSocketDecoder.End?
  var isInside = false

  func isSame(as other: Outcome) -> Bool {
    stream == other.stream && lastPing == other.lastPing && end == other.end && (end != nil || isInside == other.isInside)
  }
}

private func decode(_ bytes: [UInt8], step: Int) -> Outcome {
  var decoder = WebSocketDecoder()
  var outcome = Outcome()
  var rest = bytes[...]
  while !rest.isEmpty, outcome.end == nil {
    // Memory of its own, so that the sanitizer sees a byte too many.
    var piece = Array(rest.prefix(step))
    rest = rest.dropFirst(step)
    let decoded = piece.withUnsafeMutableBytes { decoder.decode($0) }
    require(decoded.count <= piece.count, "in place")
    outcome.stream += piece.prefix(decoded.count)
    outcome.lastPing = decoded.ping ?? outcome.lastPing
    outcome.end = decoded.end
  }
  outcome.isInside = decoder.isInsideFrame
  return outcome
}
