import Testing
import ZinxTestKit

@testable import ZinxWire

@Suite("A WebSocket by the rules of RFC 6455")
struct WebSocketCaseTests {
  /// In pieces of so many bytes; long ones in longer pieces.
  private static let steps = [1, 2, 3, 7, 14, 64, 1000, 65_537, Int.max]

  @Test(arguments: WebSocketCase.all)
  func `has the same outcome however the bytes come in pieces`(of rule: WebSocketCase) {
    for step in Self.steps where step > 60 || rule.bytes.count < 10_000 {
      var decoder = WebSocketDecoder()
      var (stream, pings): ([UInt8], [[UInt8]]) = ([], [])
      var end: WebSocketDecoder.End?
      var rest = rule.bytes[...]
      while end == nil, !rest.isEmpty {
        var piece = Array(rest.prefix(step))
        rest = rest.dropFirst(step)
        let decoded = piece.withUnsafeMutableBytes { decoder.decode($0) }
        stream += piece.prefix(decoded.count)
        if let ping = decoded.ping { pings.append(ping) }
        end = decoded.end
      }
      #expect(stream == rule.messages.flatMap { $0.bytes() }, "\(step)")
      // Of several in one piece the last one is answered (5.5.3).
      #expect(step > 1 ? pings.last == rule.pings.last : pings == rule.pings, "\(step)")
      switch rule.outcome {
      case .open: #expect(end == nil && !decoder.isInsideFrame, "\(step)")
      case .closed(let code): #expect(end == .closed(code), "\(step)")
      case .failed(let code):
        guard case .failed(let fault)? = end else {
          Issue.record("\(step): it was taken")
          continue
        }
        #expect(fault.closeCode == code, "\(step)")
      }
    }
  }
}
