import NIOCore
import NIOEmbedded
import NIOHTTP1
import Zinx

@testable import ZinxDaemon

/// A visitor of the metrics: whatever it sends, and however that is cut, it gets one answer at most, which is whole, and says what the
/// same bytes in one piece would have got.
@Sendable func fuzzHTTP(_ input: Input) {
  var input = input
  let piece = Int(input.byte()) + 1
  let bytes = input.bytes
  let whole = answer(to: bytes, piece: max(1, bytes.count))
  let cut = answer(to: bytes, piece: piece)
  require(status(whole) == status(cut), "cut into pieces of \(piece) it is answered the same: \(status(whole)), \(status(cut))")
  for text in [whole, cut] where !text.isEmpty { check(text) }
}

private let site = MetricsSite(families: { [] }, health: { Health() }, connections: { _, _ in [] })

/// All that the visitor gets.
private func answer(to bytes: [UInt8], piece: Int) -> [UInt8] {
  let channel = EmbeddedChannel()
  do {
    try MetricsPipeline.set(up: channel, site)
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 9117)).wait()
  } catch { require(false, "a visitor comes in: \(error)") }
  var rest = bytes[...]
  // What fails closes the channel: a socket has nobody to tell it.
  while !rest.isEmpty, channel.isActive {
    _ = try? channel.writeInbound(ByteBuffer(bytes: rest.prefix(piece)))
    rest = rest.dropFirst(piece)
    channel.embeddedEventLoop.run()
  }
  var answer: [UInt8] = []
  while let part = try? channel.readOutbound(as: IOData.self) {
    guard case .byteBuffer(let buffer) = part else { continue }
    answer += Array(buffer: buffer)
  }
  _ = try? channel.finish(acceptAlreadyClosed: true)
  return answer
}

/// `200`, or nothing without an answer.
private func status(_ answer: [UInt8]) -> String { String(decoding: answer.dropFirst(9).prefix(3), as: UTF8.self) }

private func check(_ answer: [UInt8]) {
  let text = String(decoding: answer, as: UTF8.self)
  require(text.hasPrefix("HTTP/1.1 "), "an answer is one of HTTP/1.1: \(text.prefix(40))")
  let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
  require(parts.count == 2, "an answer has its whole head")
  let length = parts[0].split(separator: "\r\n").compactMap { line in
    line.hasPrefix("Content-Length: ") ? Int(line.dropFirst(16)) : nil
  }
  require(length.count == 1, "an answer says once how long it is")
  // Of HEAD there is no more than that.
  require(parts[1].isEmpty || parts[1].utf8.count == length[0], "an answer is one, and has what it says")
  let known = ["200", "400", "403", "404", "405", "413", "431", "503"]
  require(known.contains(status(answer)), "an answer is one that is known: \(status(answer))")
}
