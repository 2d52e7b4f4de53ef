import NIOCore
import Synchronization
import Testing
import ZinxClient
import ZinxTestKit
import ZinxWire

@Suite("A client whose messages nobody takes", .timeLimit(.minutes(1)))
struct BackPressureTests {
  private static let limit = 64 << 10
  private static let count: UInt32 = 2048
  private static let text = String(repeating: "x", count: 16 << 10)

  private static func flooded() async throws -> (Pair, flood: Task<Void, any Error>, isSent: FinishFlag) {
    var configuration = ClientConfiguration()
    configuration.maxUnreadBytes = limit
    let pair = try await Pair(configuration)
    let isSent = FinishFlag()
    let flood = Task {
      let bytes = (0..<count).flatMap { FakePeer.frame($0, text) }
      try await pair.peer.write(bytes)
      isSent.set()
    }
    try await until { await pair.client.isReadingPaused }
    return (pair, flood, isSent)
  }

  @Test("stops reading, so that the server cannot go on, and loses nothing once they are taken")
  func pauses() async throws {
    let (pair, flood, isSent) = try await Self.flooded()
    // What one read brings may go beyond the limit.
    #expect(await pair.client.unreadBytes < Self.limit + (80 << 10))
    #expect(!isSent.isSet)
    var next: UInt32 = 0
    for try await message in pair.client.messages {
      #expect(message.id == next && message.data.readableBytes == Self.text.utf8.count)
      next += 1
      if next == Self.count { break }
    }
    try await flood.value
    #expect(await pair.client.unreadBytes == 0)
  }

  @Test("says why a request gets no reply")
  func requestTimesOut() async throws {
    let (pair, flood, _) = try await Self.flooded()
    let request = Task { () throws -> Void in _ = try await pair.client.request(1, bytes("?"), timeout: .milliseconds(1)) }
    guard case .unreadMessages(let count) = await failure(of: request) else {
      Issue.record("another error")
      return
    }
    #expect(count >= Self.limit)
    let taking = Task { for try await _ in pair.client.messages {} }
    try await flood.value
    pair.peer.close()
    _ = await taking.result
  }

  @Test("still notices a reset")
  func reset() async throws {
    var configuration = ClientConfiguration()
    configuration.maxUnreadBytes = 1
    let pair = try await Pair(configuration)
    try await pair.peer.send(1, "stops reading")
    try await until { await pair.client.isReadingPaused }
    try pair.peer.reset()
    try await until { pair.client.state == .closed(.reset) }
    var messages = pair.client.messages.makeAsyncIterator()
    #expect(try await messages.next() == Message(1, "stops reading"))
    await #expect(throws: ClientError.closed(.reset)) { try await messages.next() }
  }

  @Test("can still be closed, and then reads and forgets what comes")
  func closes() async throws {
    let (pair, flood, _) = try await Self.flooded()
    let closing = Task { await pair.client.close() }
    _ = try await flood.value
    pair.peer.close()
    await closing.value
    #expect(pair.client.state == .closed(.closed))
    var left = 0
    for try await _ in pair.client.messages { left += 1 }
    #expect(left > 0)
  }
}

/// Something that is over, seen from another task.
final class FinishFlag: Sendable {
  private let flag = Atomic<Bool>(false)
  var isSet: Bool { flag.load(ordering: .acquiring) }
  func set() { flag.store(true, ordering: .releasing) }
}
