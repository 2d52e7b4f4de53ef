import Logging
import NIOCore
import ServiceLifecycle
import Zinx

/// A Zinx server as one service of a program that may have others.
struct GameServer: Service {
  let server: Server

  func run() async throws {
    try await server.start()
    try? await gracefulShutdown()
    // Requests that were received are answered; connections that take longer than this are cut.
    await server.drain(timeout: .seconds(25))
  }
}

@main
struct Main {
  static func main() async throws {
    let logger = Logger(label: "game")
    var configuration = ServerConfiguration()
    configuration.host = "127.0.0.1"
    configuration.maxConn = 100
    let server = try Server(configuration) { routes in
      routes.route(3) { request in try request.echo() }
    } onEvent: { event in
      guard case .connectionEnded(let connection, let reason, let live, _) = event else { return }
      logger.info("connection \(connection.id) ended: \(reason), \(live) left")
    }
    let group = ServiceGroup(
      services: [GameServer(server: server)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    try await group.run()
  }
}
