import CLinux
import Glibc
import NIOCore
import Synchronization
import ZinxWire

@testable import Systemd
@testable import Zinx
@testable import ZinxIO

/// The server's own receive path, from the socket to the end of the connection, on one side of a socket pair: every request is answered
/// once, in order, byte for byte, and the connection ends for the reason that the stream has.
@Sendable func fuzzConnection(_ input: Input) {
  var input = input
  let setting = input.byte()
  let stream = Stream(&input)
  let name = Harness.Name(pack: stream.pack, workers: Int(setting % 2))
  guard let harness = Harness.all[name] else { return require(false, "a harness for each order") }
  harness.exchange(stream)
}

/// What a server has behind its listener, made once.
private final class Harness: Sendable {
  struct Name: Hashable {
    let pack: DataPack
    let workers: Int
  }

  static let all: [Name: Harness] = Dictionary(
    uniqueKeysWithValues: DataPack.allCases.flatMap { pack in
      [0, 1].map { (Name(pack: pack, workers: $0), Harness(pack: pack, workers: $0)) }
    })

  /// Ids that are echoed; the higher ones after a suspension, and `failing` never.
  private static let echoed: ClosedRange<UInt32> = 0...15
  private static let failing: UInt32 = 9

  private let server: ServerContext
  private let context: LoopContext
  private let turned = ThreadSemaphore()
  private let ended = ThreadSemaphore()
  private let reason = Reason()
  private let loop: Thread

  private final class Reason: Sendable { let last = Mutex<CloseReason?>(nil) }

  private init(pack: DataPack, workers: Int) {
    var configuration = ServerConfiguration()
    configuration.dataPack = pack
    configuration.workerPoolSize = workers
    configuration.maxWorkerTaskLen = 7
    let (ended, reason) = (ended, reason)
    var registrar = RouteRegistrar()
    for id in Self.echoed {
      registrar.route(id) { request in
        if id == Self.failing { throw CancellationError() }
        if id > 7 { await Task.yield() }
        try await request.connection.sendBuffMsg(request.id, request.data)
      }
    }
    do {
      server = try ServerContext(configuration, registrar, accept: systemAccept) { event in
        guard case .connectionEnded(_, let why, _, _) = event else { return }
        reason.last.withLock { $0 = why }
        ended.signal()
      }
      let loop = try ZinxIO.EventLoop(name: "fuzz")
      context = LoopContext(loop, Traffic())
      self.loop = try Thread { loop.run() }
      try server.workers.start()
    } catch { fatalError("\(error)") }
  }

  func exchange(_ stream: Stream) {
    server.settings.maxPacketSize.store(stream.limit, ordering: .relaxed)
    var pair: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    require(socketpair(AF_UNIX, type, 0, &pair) == 0, "a pair of sockets, errno \(errno)")
    _ = fcntl(pair[1], F_SETFL, O_NONBLOCK)
    let (context, server, theirs) = (context, server, pair[1])
    context.loop.execute {
      _ = server.admission.withLock { $0.enter() }
      let connection = Connection(
        id: 0, descriptor: theirs, remoteAddress: SocketAddress(sockaddr_storage()), server: server, context: context,
        at: context.loop.now)
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
    require(answers == expected(stream), "every request is answered once, in order")
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

  private func expected(_ stream: Stream) -> [UInt8] {
    var buffer = ByteBuffer()
    for frame in stream.frames where Self.echoed.contains(frame.id) && frame.id != Self.failing {
      stream.pack.encode(id: frame.id, data: UnsafeRawBufferPointer(rebasing: stream.bytes[frame.data]), into: &buffer)
    }
    return Array(buffer.readableBytesView)
  }
}
