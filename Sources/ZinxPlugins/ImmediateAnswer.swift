import NIOCore
import Zinx

/// Answers a request with the same id and the same data.
struct ImmediateEcho: ImmediateRouter {
  func handleImmediately(_ request: Request) throws -> Bool {
    try request.connection.sendImmediately(request.id, dataOf: request)
  }

  func handle(_ request: Request) async throws {
    try await request.connection.sendBuffMsg(request.id, request.data)
  }
}

/// Answers a request with the same id and data that never change.
struct ImmediateAnswer: ImmediateRouter {
  let data: ByteBuffer

  func handleImmediately(_ request: Request) throws -> Bool {
    try request.connection.sendImmediately(request.id, data)
  }

  func handle(_ request: Request) async throws {
    try await request.connection.sendBuffMsg(request.id, data)
  }
}
