import NIOCore
import ZinxWire

@testable import ZinxClient
@testable import ZinxTLS

/// What a client makes of the replies of a server of WebSockets, from the answer to its request on: in whatever pieces they come, the
/// stream and the end are the same, and what it says itself is frames of a client.
@Sendable func fuzzTunnel(_ input: Input) {
  var input = input
  let step = Int(input.byte()) + 1
  let isLetIn = input.byte() & 1 == 0
  let bytes = input.bytes
  let whole = hear(bytes, step: max(1, bytes.count), isLetIn: isLetIn)
  let pieces = hear(bytes, step: step, isLetIn: isLetIn)
  require(whole.stream == pieces.stream && whole.end == pieces.end, "in pieces as in one")
  require(whole.stream.count <= bytes.count, "no more comes out than goes in")
}

private struct Outcome {
  var stream: [UInt8] = []
  var end: Tunnel.End?
}

private func hear(_ bytes: [UInt8], step: Int, isLetIn: Bool) -> Outcome {
  let nonce = [UInt8](repeating: 7, count: 16)
  let upgrade = WebSocketUpgrade(host: "localhost", target: "/", nonce: nonce)
  let tunnel = Tunnel(nil, upgrade)
  _ = tunnel.start()
  var (buffer, outcome) = (ByteBuffer(), Outcome())
  let request = said(by: tunnel)
  if isLetIn, case .request(let seen) = request.withUnsafeBytes(WebSocketRequest.read) {
    var answer = WebSocketRules().acceptance(of: seen, sha1: sha1)
    let progress = answer.withUnsafeMutableBytes { tunnel.receive($0, into: &buffer) }
    require(progress == .open, "a good answer lets it in")
  }
  var rest = bytes[...]
  while !rest.isEmpty, outcome.end == nil {
    // Memory of its own, so that the sanitizer sees a byte too many.
    var piece = Array(rest.prefix(step))
    rest = rest.dropFirst(step)
    if case .ended(let end) = piece.withUnsafeMutableBytes({ tunnel.receive($0, into: &buffer) }) { outcome.end = end }
    check(said(by: tunnel))
  }
  outcome.stream = Array(buffer.readableBytesView)
  return outcome
}

private func said(by tunnel: Tunnel) -> [UInt8] {
  var bytes: [UInt8] = []
  while tunnel.outputBytes > 0 {
    _ = tunnel.writeOutput {
      bytes += $0
      return $0.count
    }
  }
  return bytes
}

private func check(_ frames: [UInt8]) {
  var (frames, decoder) = (frames, WebSocketDecoder())
  let decoded = frames.withUnsafeMutableBytes { decoder.decode($0) }
  if case .failed(let fault)? = decoded.end { require(false, "it says what is no frame: \(fault)") }
  require(!decoder.isInsideFrame || decoded.end != nil, "whole frames")
}
