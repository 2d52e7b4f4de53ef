import NIOCore
import ZinxClient
import ZinxTestKit
import ZinxWire

/// A client and the server's end of its connection.
struct Pair {
  let server: FakeServer
  let client: Client
  let peer: FakePeer

  init(_ configuration: ClientConfiguration = ClientConfiguration()) async throws {
    server = try FakeServer()
    client = try await Client.connect(host: "127.0.0.1", port: server.port, configuration: configuration)
    peer = try await server.accept()
  }
}

func bytes(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

extension Message {
  init(_ id: UInt32, _ text: String) { self.init(id: id, data: ByteBuffer(string: text)) }
}

/// What a task ended with, as a client's error.
func failure<Value>(of task: Task<Value, any Error>) async -> ClientError? {
  do {
    _ = try await task.value
    return nil
  } catch {
    return error as? ClientError
  }
}
