import ZinxWire

/// The frames of a WebSocket, of a client or a server: in whatever pieces they come, the stream, the answers and the end are those that the
/// RFC gives them. And its request: more bytes take nothing back.
@Sendable func fuzzWebSocket(_ input: Input) {
  var input = input
  let step = Int(input.byte()) + 1
  let cut = Int(input.word(UInt16.self))
  let bytes = input.bytes
  for isOfClient in [true, false] {
    var plain = PlainWebSocket(isOfClient: isOfClient)
    for byte in bytes { plain.read(byte) }
    for step in [max(1, bytes.count), step, 1] {
      decode(bytes, isOfClient: isOfClient, step: step).check(against: plain, step: step)
    }
  }
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
  /// Of each piece the last.
  var pings: [[UInt8]] = []
  var end: WebSocketDecoder.End?
  var isInside = false

  func check(against plain: PlainWebSocket, step: Int) {
    require(stream == plain.stream, "the stream is the RFC's")
    require(pings.last == plain.pings.last && (step > 1 || pings == plain.pings), "the pings are the RFC's")
    switch (end, plain.end) {
    case (nil, nil): require(isInside == plain.isInside, "it knows whether something has begun")
    case (.closed(let code)?, .closed(let expected)?): require(code == expected, "it closes with the code that was sent")
    case (.failed(let fault)?, .failed(let codes)?):
      require(codes.contains(fault.closeCode), "\(fault), which is not what was broken: \(codes)")
    default: require(false, "ends with \(String(describing: end)), and by the RFC with \(String(describing: plain.end))")
    }
  }
}

private func decode(_ bytes: [UInt8], isOfClient: Bool, step: Int) -> Outcome {
  var decoder = WebSocketDecoder(of: isOfClient ? .client : .server)
  var outcome = Outcome()
  var rest = bytes[...]
  while !rest.isEmpty, outcome.end == nil {
    // Memory of its own, so that the sanitizer sees a byte too many.
    var piece = Array(rest.prefix(step))
    rest = rest.dropFirst(step)
    let decoded = piece.withUnsafeMutableBytes { decoder.decode($0) }
    require(decoded.count <= piece.count, "in place")
    outcome.stream += piece.prefix(decoded.count)
    if let ping = decoded.ping { outcome.pings.append(ping) }
    outcome.end = decoded.end
  }
  outcome.isInside = decoder.isInsideFrame
  return outcome
}
