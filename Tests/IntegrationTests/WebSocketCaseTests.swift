import Testing
import Zinx
import ZinxTestKit

@Suite("A connection that is a WebSocket", .timeLimit(.minutes(2)))
struct WebSocketCaseTests {
  /// Sends a case and reads to the end; one that stays open is closed with 1000.
  private func answers(_ peer: WebSocketPeer, to rule: WebSocketCase) async throws -> [WebSocketPeer.Frame] {
    let last = rule.outcome == .open ? WebSocketCase.frame(0x88, [0x03, 0xE8]) : []
    try await peer.send(rule.bytes + last)
    var frames: [WebSocketPeer.Frame] = []
    repeat { frames.append(try await peer.frame()) } while frames.last?.first != 0x88
    #expect(try await peer.raw.receiveAll().isEmpty)
    return frames
  }

  @Test(arguments: WebSocketCase.all)
  func `answers as RFC 6455 says`(to rule: WebSocketCase) async throws {
    var configuration = ServerConfiguration.test()
    configuration.maxPacketSize = 1 << 20
    var endpoint = Endpoint(name: "web", .tcp(host: "127.0.0.1", port: 0))
    endpoint.transport = .webSocket
    configuration.endpoints = [endpoint]
    try await TestServer.run(configuration, register: { $0.route(7) { try $0.echo() } }) { server in
      let peer = WebSocketPeer(try server.connect())
      try await peer.upgrade()
      let frames = try await answers(peer, to: rule)
      let messages = frames.filter { $0.first == 0x82 }
      #expect(messages.map(\.payload) == rule.messages.map { $0.bytes() })
      // Of pings that come together the last one is answered (5.5.3).
      let pongs = frames.filter { $0.first == 0x8A }.map(\.payload)
      #expect(pongs.last == rule.pings.last && pongs.allSatisfy { rule.pings.contains($0) } && pongs.count <= rule.pings.count)
      #expect(frames.count == messages.count + pongs.count + 1)
      let close = try #require(frames.last)
      switch rule.outcome {
      case .open: #expect(close.code == 1000)
      case .closed(let code): #expect(close.code == code)
      case .failed(let code): #expect(close.code == code)
      }
      peer.raw.close()
      let reason = try await server.reason()
      if case .failed = rule.outcome {
        #expect(reason == .webSocketProtocol)
      } else {
        #expect(reason == .peerClosed || reason == .truncated)
      }
    }
  }
}
