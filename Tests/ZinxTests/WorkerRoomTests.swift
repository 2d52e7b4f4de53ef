import CLinux
import Glibc
import Testing
import ZinxIO

@testable import Zinx

@Suite("The room of a worker")
struct WorkerRoomTests {
  private let server: ServerContext
  private let context: LoopContext
  private let worker = Worker(Traffic())

  init() throws {
    server = try ServerContext(ServerConfiguration(), RouteRegistrar(), accept: systemAccept) { _ in }
    context = LoopContext(try ZinxIO.EventLoop(name: "test"), Traffic())
  }

  /// Connections without a socket, that find the worker full. Their loop does not run: who is told stays told.
  private func fill(waiting count: Int) -> [Connection] {
    for room in [2, 2, 2, 2, 2] { #expect(worker.reserve(10, limit: 10) == room) }
    let address = SocketAddress(sockaddr_storage())
    let endpoint = server.context(for: Endpoint(.abstract(name: "test")), ServerConfiguration())
    let connections = (0..<count).map {
      Connection(
        id: UInt64($0), descriptor: -1, remoteAddress: address, server: server, endpoint: endpoint, context: context,
        at: Instant(nanoseconds: 0))
    }
    for connection in connections { worker.notifyWhenRoom(connection, limit: 10) }
    return connections
  }

  @Test("a request that ends tells one connection of those that wait, and several tell as many", arguments: [1, 3, 5, 8])
  func release(count: Int) {
    let connections = fill(waiting: 5)
    worker.release(count)
    #expect(worker.waitingConnections == max(0, 5 - count))
    withExtendedLifetime(connections) {}
  }

  @Test("a connection gets a quarter of the room at once, one request at least", arguments: [(1024, 256), (3, 1), (1, 1)])
  func share(limit: Int, share: Int) {
    #expect(worker.room(limit: limit) == share)
    #expect(worker.reserve(2000, limit: limit) == share)
    #expect(worker.reserve(2000, limit: limit) == min(share, limit - share))
  }

  @Test("who was told tells the next one while there is room, and nobody when there is none")
  func passOn() {
    let connections = fill(waiting: 3)
    worker.release(1)
    worker.passOn(limit: 10)
    #expect(worker.waitingConnections == 1)
    #expect(worker.reserve(10, limit: 10) == 1)
    worker.passOn(limit: 10)
    #expect(worker.waitingConnections == 1)
    withExtendedLifetime(connections) {}
  }

  @Test("room that came before a connection began to wait is told at once")
  func lateWaiter() {
    let connections = fill(waiting: 1)
    worker.release(10)
    #expect(worker.waitingConnections == 0)
    worker.notifyWhenRoom(connections[0], limit: 10)
    #expect(worker.waitingConnections == 0)
  }
}
