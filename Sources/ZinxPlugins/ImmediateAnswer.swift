import NIOCore
import Zinx

/// Answers a request with the same id and fixed data, or the request's own; waits only while the peer's queue is full.
struct ImmediateAnswer: ImmediateRouter {
  /// Nil: the request's data.
  var data: ByteBuffer?

  func handleImmediately(_ request: Request) throws -> Bool {
    do {
      try request.connection.trySendBuffMsg(request.id, data ?? request.data)
      return true
    } catch {
      guard error == .sendBufferFull else { throw error }
      return false
    }
  }

  func handle(_ request: Request) async throws {
    try await request.connection.sendBuffMsg(request.id, data ?? request.data)
  }
}
