import NIOCore
import Testing
import Zinx
import ZinxTestKit
import ZinxWire

/// Sends data on without a slice, as the bundled echo does.
private struct Echo: ImmediateRouter {
  func handleImmediately(_ request: Request) throws -> Bool {
    try request.connection.sendImmediately(request.id, dataOf: request)
  }

  func handle(_ request: Request) async throws { try await request.connection.sendBuffMsg(request.id, request.data) }
}

/// Keeps the first request, and answers the others with the data of that one.
private struct First: ImmediateRouter {
  private enum Kept: PropertyKey { typealias Value = Request }

  func handleImmediately(_ request: Request) throws -> Bool {
    let kept = request.connection[Kept.self] ?? request
    request.connection[Kept.self] = kept
    return try request.connection.sendImmediately(request.id, dataOf: kept)
  }

  func handle(_ request: Request) async throws {
    try await request.connection.sendBuffMsg(request.id, (request.connection[Kept.self] ?? request).data)
  }
}

@Suite("Data that is sent on", .timeLimit(.minutes(1)))
struct EchoTests {
  /// Frames of all sizes, among them many that are not copied on their way.
  private static func frames(_ count: Int, seed: UInt64) -> [RawFrame] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { number in
      let size = Int.random(in: 0..<20_000, using: &random) >> (number % 3 == 0 ? 8 : 0)
      return RawFrame(7, (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number) })
    }
  }

  private func configuration(_ workers: Int) -> ServerConfiguration { .test(workers: workers) { $0.maxPacketSize = 20_000 } }

  @Test("comes back byte for byte and in order, large and small in one burst", arguments: pools)
  func burst(workers: Int) async throws {
    try await TestServer.run(configuration(workers), register: { $0.route(7, to: Echo()) }) { server in
      let peer = try server.connect()
      for seed in 0..<8 as Range<UInt64> {
        let frames = Self.frames(60, seed: seed)
        async let sent: Void = peer.send(frames.flatMap { $0.bytes() })
        #expect(try await peer.frames(frames.count) == frames)
        try await sent
      }
    }
  }

  @Test("comes back byte for byte to a peer that takes it in small pieces", arguments: pools)
  func slow(workers: Int) async throws {
    try await TestServer.run(configuration(workers), register: { $0.route(7, to: Echo()) }) { server in
      let peer = try server.connect(receiveBuffer: 4096)
      let frames = Self.frames(400, seed: 99)
      async let sent: Void = peer.send(frames.flatMap { $0.bytes() })
      #expect(try await peer.frames(frames.count) == frames)
      try await sent
    }
  }

  @Test("is that of a request which the handler kept from an earlier batch", arguments: pools)
  func kept(workers: Int) async throws {
    try await TestServer.run(configuration(workers), register: { $0.route(7, to: First()) }) { server in
      let peer = try server.connect()
      let first = RawFrame(7, [UInt8](repeating: 1, count: 10_000))
      for number in 1..<40 as Range<UInt8> {
        let frame = RawFrame(7, [UInt8](repeating: number, count: 10_000))
        try await peer.send(frame.bytes() + frame.bytes())
        #expect(try await peer.frames(2) == [first, first])
      }
    }
  }
}
