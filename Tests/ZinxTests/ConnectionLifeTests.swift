import Testing

@testable import Zinx

@Suite("The life of a connection")
struct ConnectionLifeTests {
  /// A connection that its event loop has come to see.
  static var begun: ConnectionLife {
    var life = ConnectionLife()
    life.begin()
    return life
  }

  /// A connection that serves: its OnConnStart has run, nothing is at hand.
  static func serving() -> ConnectionLife {
    var life = Self.begun
    _ = life.next(.none, isFlushed: true)
    life.userCodeEnded()
    _ = life.next(.none, isFlushed: true)
    return life
  }

  /// The actions to the end, when every piece of user code and every flush ends at once.
  static func actions(_ life: inout ConnectionLife, requests: Int = 0) -> [ConnectionLife.Action] {
    var left = requests
    var actions: [ConnectionLife.Action] = []
    while actions.count < 20 {
      let action = life.next(left > 0 ? .ready : .none, isFlushed: true)
      actions.append(action)
      switch action {
      case .runRequests: left -= 1; fallthrough
      case .runStartHook, .runStopHook: life.userCodeEnded()
      case .wait, .close: return actions
      case .flush, .shutdownWrite: break
      }
    }
    return actions
  }

  @Test("nothing happens to a connection before its event loop has come to see it, though it is to end")
  func notBegun() {
    var life = ConnectionLife()
    #expect(life.next(.ready, isFlushed: true) == .wait)
    life.cut(.drainTimeout)
    #expect(life.next(.none, isFlushed: true) == .wait)
    life.begin()
    #expect(life.next(.none, isFlushed: true) == .close(.drainTimeout))
  }

  @Test("OnConnStart runs before the first request, though requests are there")
  func startFirst() {
    var life = Self.begun
    #expect(life.next(.ready, isFlushed: true) == .runStartHook)
    #expect(life.next(.ready, isFlushed: true) == .wait)
    life.userCodeEnded()
    #expect(life.next(.ready, isFlushed: true) == .runRequests)
  }

  @Test("requests run one batch at a time")
  func oneBatch() {
    var life = Self.serving()
    #expect(life.next(.ready, isFlushed: true) == .runRequests)
    #expect(life.next(.ready, isFlushed: true) == .wait)
    life.userCodeEnded()
    #expect(life.next(.ready, isFlushed: true) == .runRequests)
  }

  @Test("a connection with nothing to do waits and reads")
  func idle() {
    var life = Self.serving()
    #expect(life.next(.none, isFlushed: true) == .wait)
    #expect(life.next(.held, isFlushed: true) == .wait)
    #expect(life.reads)
    #expect(life.phase == .serving)
  }

  @Test("a peer that closes with requests in hand has them handled, then the connection closes without lingering")
  func peerClosed() {
    var life = Self.serving()
    life.peerClosed(insideFrame: false)
    #expect(!life.reads)
    #expect(Self.actions(&life, requests: 2) == [.runRequests, .runRequests, .runStopHook(.peerClosed), .close(.peerClosed)])
  }

  @Test("a peer that closes inside a frame is told apart")
  func truncated() {
    var life = Self.serving()
    life.peerClosed(insideFrame: true)
    #expect(Self.actions(&life) == [.runStopHook(.truncated), .close(.truncated)])
  }

  @Test("an oversize header ends the connection after the requests before it, and lingers, for the peer still sends")
  func oversize() {
    var life = Self.serving()
    life.end(.oversize)
    let expected: [ConnectionLife.Action] = [.runRequests, .runStopHook(.oversize), .shutdownWrite, .wait]
    #expect(Self.actions(&life, requests: 1) == expected)
    #expect(life.phase == .lingering)
    life.peerClosed(insideFrame: true)
    #expect(Self.actions(&life) == [.close(.oversize)])
  }

  @Test("a drain handles what was received, then lingers until the peer closes")
  func drain() {
    var life = Self.serving()
    life.end(.draining)
    #expect(Self.actions(&life, requests: 3).suffix(3) == [.runStopHook(.draining), .shutdownWrite, .wait])
    life.peerClosed(insideFrame: false)
    #expect(Self.actions(&life) == [.close(.draining)])
  }

  @Test("a peer that does not close while we linger is closed when the time is over")
  func lingerExpires() {
    var life = Self.serving()
    life.end(.draining)
    _ = Self.actions(&life)
    life.lingerExpired()
    #expect(Self.actions(&life) == [.close(.draining)])
  }

  @Test("a linger time-out that comes at another time changes nothing")
  func strayLinger() {
    var life = Self.serving()
    life.lingerExpired()
    #expect(life == Self.serving())
  }

  @Test("a drain waits for requests that wait for their worker")
  func drainWaitsForWorker() {
    var life = Self.serving()
    life.end(.draining)
    #expect(life.next(.held, isFlushed: true) == .wait)
    #expect(life.next(.ready, isFlushed: true) == .runRequests)
  }

  @Test("user code that stops the connection drops the requests behind")
  func stopDrops() {
    var life = Self.serving()
    life.end(.stopped, handlingRest: false)
    let expected: [ConnectionLife.Action] = [.runStopHook(.stopped), .shutdownWrite, .wait]
    #expect(Self.actions(&life, requests: 5) == expected)
    #expect(life.next(.held, isFlushed: true) == .wait)
  }

  @Test("replies are flushed before OnConnStop, and what it sends before the write side is shut")
  func flushes() {
    var life = Self.serving()
    life.end(.draining)
    #expect(life.next(.none, isFlushed: false) == .flush)
    #expect(life.next(.none, isFlushed: false) == .flush)
    #expect(life.next(.none, isFlushed: true) == .runStopHook(.draining))
    #expect(life.next(.none, isFlushed: true) == .wait)
    life.userCodeEnded()
    #expect(life.next(.none, isFlushed: false) == .flush)
    #expect(life.next(.none, isFlushed: true) == .shutdownWrite)
  }

  @Test("a connection that is cut runs and flushes nothing but OnConnStop")
  func cut() {
    var life = Self.serving()
    life.cut(.slowConsumer)
    #expect(life.next(.ready, isFlushed: false) == .runStopHook(.slowConsumer))
    life.userCodeEnded()
    #expect(life.next(.none, isFlushed: false) == .close(.slowConsumer))
  }

  @Test("a connection that is cut while user code runs waits for it to end")
  func cutWhileBusy() {
    var life = Self.serving()
    _ = life.next(.ready, isFlushed: true)
    life.cut(.drainTimeout)
    #expect(life.next(.ready, isFlushed: false) == .wait)
    life.userCodeEnded()
    #expect(life.next(.ready, isFlushed: false) == .runStopHook(.drainTimeout))
  }

  @Test("of several reasons the first stays")
  func firstReason() {
    var life = Self.serving()
    life.end(.idle)
    life.end(.stopped)
    life.peerClosed(insideFrame: true)
    life.broke()
    #expect(Self.actions(&life).last == .close(.idle))
  }

  @Test("a cut replaces the reason until OnConnStop has been told one")
  func cutReplaces() {
    var life = Self.serving()
    life.end(.draining)
    life.cut(.drainTimeout)
    #expect(life.next(.none, isFlushed: false) == .runStopHook(.drainTimeout))
    life.cut(.slowConsumer)
    life.userCodeEnded()
    #expect(life.next(.none, isFlushed: false) == .close(.drainTimeout))
  }

  @Test("a socket that breaks ends the connection with what broke it", arguments: [CloseReason.reset, .vanished])
  func brokenBy(reason: CloseReason) {
    var life = Self.serving()
    life.broke(reason)
    #expect(Self.actions(&life).last == .close(reason))
  }

  @Test("a socket that breaks has received requests handled, and nothing flushed")
  func broke() {
    var life = Self.serving()
    life.broke()
    #expect(life.next(.ready, isFlushed: false) == .runRequests)
    life.userCodeEnded()
    #expect(life.next(.none, isFlushed: false) == .runStopHook(.reset))
    life.userCodeEnded()
    #expect(life.next(.none, isFlushed: false) == .close(.reset))
  }

  @Test("a socket that breaks while we linger closes at once")
  func brokeLingering() {
    var life = Self.serving()
    life.end(.stopped)
    _ = Self.actions(&life)
    life.broke()
    #expect(Self.actions(&life) == [.close(.stopped)])
  }

  @Test("a connection that ends before OnConnStart ran has no OnConnStop")
  func neverStarted() {
    var life = Self.begun
    life.broke()
    #expect(life.next(.none, isFlushed: true) == .close(.reset))
    #expect(life.next(.ready, isFlushed: true) == .wait)
  }

  @Test("an OnConnStart that fails is followed by OnConnStop, and no request is handled")
  func hookFailed() {
    var life = Self.begun
    _ = life.next(.none, isFlushed: true)
    life.userCodeEnded()
    life.end(.hookFailed, handlingRest: false)
    #expect(Self.actions(&life, requests: 1) == [.runStopHook(.hookFailed), .shutdownWrite, .wait])
  }

  @Test("an end that comes while OnConnStart runs waits for it, then handles what was received")
  func endWhileStarting() {
    var life = Self.begun
    _ = life.next(.none, isFlushed: true)
    life.peerClosed(insideFrame: false)
    #expect(!life.reads)
    #expect(life.next(.ready, isFlushed: true) == .wait)
    life.userCodeEnded()
    #expect(Self.actions(&life, requests: 1) == [.runRequests, .runStopHook(.peerClosed), .close(.peerClosed)])
  }
}
