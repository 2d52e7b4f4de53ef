import CLinux
import Glibc
import NIOCore
import Synchronization
import ZinxWire

@testable import Systemd
@testable import Zinx
@testable import ZinxIO

/// What a server has behind its listener, one for each order of the header, without workers and with; made once.
struct Harnesses: Sendable {
  private struct Name: Hashable {
    let pack: DataPack
    let workers: Int
  }

  private let all: [Name: Harness]

  init(_ register: (inout RouteRegistrar) -> Void) {
    all = Dictionary(
      uniqueKeysWithValues: DataPack.allCases.flatMap { pack in
        [0, 1].map { (Name(pack: pack, workers: $0), Harness(pack: pack, workers: $0, register)) }
      })
  }

  /// Has a server answer a stream. `expected`: the frames of the answers.
  func exchange(_ stream: Stream, workers: Int, expected: (Stream.Frame, inout ByteBuffer) -> Void) {
    guard let harness = all[Name(pack: stream.pack, workers: workers)] else { return require(false, "a harness for each order") }
    var answers = ByteBuffer()
    for frame in stream.frames { expected(frame, &answers) }
    harness.exchange(stream, expected: Array(answers.readableBytesView))
  }
}

private final class Harness: Sendable {
  private let server: ServerContext
  private let endpoint: EndpointContext
  private let context: LoopContext
  private let turned = ThreadSemaphore()
  private let ended = ThreadSemaphore()
  private let reason = Reason()
  private let loop: Thread

  private final class Reason: Sendable { let last = Mutex<CloseReason?>(nil) }

  init(pack: DataPack, workers: Int, _ register: (inout RouteRegistrar) -> Void) {
    var configuration = ServerConfiguration()
    configuration.dataPack = pack
    configuration.workerPoolSize = workers
    configuration.maxWorkerTaskLen = 7
    let (ended, reason) = (ended, reason)
    var registrar = RouteRegistrar()
    register(&registrar)
    do {
      server = try ServerContext(configuration, registrar, accept: systemAccept) { event in
        guard case .connectionEnded(_, let why, _, _) = event else { return }
        reason.last.withLock { $0 = why }
        ended.signal()
      }
      endpoint = server.context(for: configuration.allEndpoints[0], configuration)
      let loop = try ZinxIO.EventLoop(name: "fuzz")
      context = LoopContext(loop, Traffic())
      self.loop = try Thread { loop.run() }
      try server.workers.start()
    } catch { fatalError("\(error)") }
  }

  func exchange(_ stream: Stream, expected: [UInt8]) {
    endpoint.maxPacketSize.store(stream.limit, ordering: .relaxed)
    var pair: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    require(socketpair(AF_UNIX, type, 0, &pair) == 0, "a pair of sockets, errno \(errno)")
    _ = fcntl(pair[1], F_SETFL, O_NONBLOCK)
    let (context, server, endpoint, theirs) = (context, server, endpoint, pair[1])
    context.loop.execute {
      _ = endpoint.places.enter() && server.admission.withLock { $0.enter() }
      let connection = Connection(
        id: 0, descriptor: theirs, remoteAddress: SocketAddress(sockaddr_storage()), server: server, endpoint: endpoint,
        context: context, at: context.loop.now)
      server.added(connection, isCounted: false)
      connection.begin()
    }
    for chunk in stream.chunks where !chunk.isEmpty {
      // Fails when the server has closed already, which what it answered will tell.
      _ = send(pair[0], chunk.baseAddress, chunk.count, Int32(MSG_NOSIGNAL))
      waitForTurn()
    }
    shutdown(pair[0], Int32(SHUT_WR))
    let answers = readAll(pair[0])
    close(pair[0])
    ended.wait()
    require(answers == expected, "every request is answered once, in order")
    let reason = self.reason.last.withLock { $0 }
    let expectedReason: CloseReason = stream.error != nil ? .oversize : stream.isInsideFrame ? .truncated : .peerClosed
    require(reason == expectedReason, "ends with \(expectedReason), not \(String(describing: reason))")
  }

  /// Twice around: the first turn may have been past its descriptors when it was asked.
  private func waitForTurn() {
    for _ in 0..<2 {
      context.loop.execute { [turned] in turned.signal() }
      turned.wait()
    }
  }

  private func readAll(_ socket: Int32) -> [UInt8] {
    var all: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16384)
    while true {
      let count = recv(socket, &piece, piece.count, 0)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return all }
      all += piece[..<count]
    }
  }
}
