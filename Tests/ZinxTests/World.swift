import CLinux
import Synchronization
import ZinxIO

@testable import Zinx

/// A server, and connections without sockets, on a loop that does not run: what is sent to them stays in their queues.
struct World {
  let server: ServerContext
  let connections: [Connection]

  init(_ count: Int, _ change: (inout ServerConfiguration) -> Void = { _ in }) throws {
    var configuration = ServerConfiguration()
    change(&configuration)
    let server = try ServerContext(configuration, RouteRegistrar(), accept: systemAccept) { _ in }
    let endpoint = server.context(for: configuration.allEndpoints[0], configuration)
    let context = LoopContext(try ZinxIO.EventLoop(name: "test"), Traffic())
    connections = (0..<count).map { index in
      let connection = Connection(
        id: UInt64(index), descriptor: -1, remoteAddress: SocketAddress(sockaddr_storage()), server: server, endpoint: endpoint,
        context: context, at: Instant(nanoseconds: 0))
      // As if the kernel had taken all it does.
      _ = connection.outbox.withLock { $0.block(at: Instant(nanoseconds: 0), progress: false) }
      return connection
    }
    self.server = server
  }

  /// Messages in the queue of each.
  var queued: [Int] { connections.map { $0.outbox.withLock { $0.messages } } }
}
