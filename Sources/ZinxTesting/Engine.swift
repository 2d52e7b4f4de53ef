import Synchronization
import Zinx
import ZinxIO

/// What a ``TestServer`` and its peers share: the event loop, on which both ends of each connection are, and what has happened there.
final class Engine: Sendable {
  /// Rounds after which nobody waits any longer for the kernel to bring what was sent, as when it has no room for it.
  private static let patience = 2000

  let server: Server
  let journal: Journal
  let loop: ZinxIO.EventLoop
  /// Without a network nothing is ever on its way.
  private let isMemory: Bool
  private let peers = Mutex<[TestPeer]>([])
  private let isStopped = Atomic<Bool>(false)

  init(_ server: Server, _ journal: Journal, _ loop: ZinxIO.EventLoop, isMemory: Bool) {
    (self.server, self.journal, self.loop, self.isMemory) = (server, journal, loop, isMemory)
  }

  /// Takes in a peer whose socket is connected. Returns once the server has let it in or refused it.
  func add(_ peer: TestPeer) async {
    peers.withLock { $0.append(peer) }
    await doOnLoop { peer.begin() }
    await settle()
    // It is in the backlog when the call that connects it returns, unless the kernel is very busy.
    for _ in 0..<Self.patience where !isMemory && journal.connection(peer.address) == nil && peer.refusal == nil {
      await Task.yield()
      await settle()
    }
  }

  /// When something is due next.
  var nextTimer: Instant? { get async { await doOnLoop { [loop] in loop.nextTimer } } }

  func settle() async {
    var still = 0
    for round in 0... {
      guard !isStopped.load(ordering: .acquiring), still < 2 else { return }
      // Twice: what the loop writes at the end of a wake-up shows in the next.
      still = await doOnLoop { [self] in isStill(round) } ? still + 1 : 0
      if still == 0 { await Task.yield() }
    }
  }

  private func isStill(_ round: Int) -> Bool {
    guard server.isStill else { return false }
    return isMemory || round >= Self.patience || peers.withLock { $0 }.allSatisfy { $0.isStill() }
  }

  func stop(timeout: Duration) async -> Int {
    await settle()
    for peer in peers.withLock({ $0 }) { await peer.resume() }
    let cut = await server.drain(timeout: timeout)
    isStopped.store(true, ordering: .releasing)
    let peers = peers.withLock { peers in
      defer { peers = [] }
      return peers
    }
    for peer in peers { peer.finish() }
    return cut
  }

  /// Has something done on the loop, or here once that has ended.
  func onLoop(_ work: @escaping @Sendable () -> Void) {
    if isStopped.load(ordering: .acquiring) { work() } else { loop.execute(work) }
  }

  func doOnLoop<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
    await withCheckedContinuation { done in onLoop { done.resume(returning: work()) } }
  }
}
