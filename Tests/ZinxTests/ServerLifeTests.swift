import Testing

@testable import Zinx

@Suite("The life of a server, as a value")
struct ServerLifeTests {
  private static func life(_ phase: ServerLife.Phase) -> ServerLife {
    var life = ServerLife()
    switch phase {
    case .new: break
    case .starting: try? life.start()
    case .undoing:
      try? life.start()
      _ = life.startFailed()
    case .serving:
      try? life.start()
      _ = life.started()
    case .draining:
      life = Self.life(.serving)
      _ = life.drain()
    case .stopped:
      life = Self.life(.draining)
      life.ended(cut: 3)
    }
    return life
  }

  @Test("starts once", arguments: [ServerLife.Phase.starting, .undoing, .serving, .draining, .stopped])
  func startsOnce(_ phase: ServerLife.Phase) {
    var life = Self.life(phase)
    #expect(throws: ZinxError.alreadyStarted) { try life.start() }
    #expect(life == Self.life(phase))
  }

  @Test("a start that nobody calls off serves")
  func serves() throws {
    var life = ServerLife()
    try life.start()
    let serves = life.started()
    #expect(serves)
    #expect(life.phase == .serving)
  }

  @Test(
    "a drain has one outcome in each phase",
    arguments: [
      (ServerLife.Phase.new, ServerLife.Drain.nothing, ServerLife.Phase.stopped), (.starting, .callOff, .undoing),
      (.undoing, .callOff, .undoing), (.serving, .begin, .draining), (.draining, .join, .draining),
      (.stopped, .nothing, .stopped),
    ])
  func drain(_ before: ServerLife.Phase, _ drain: ServerLife.Drain, _ after: ServerLife.Phase) {
    var life = Self.life(before)
    #expect(life.drain() == drain)
    #expect(life.phase == after)
  }

  @Test("a drain before the start keeps it from ever starting")
  func drainBeforeStart() {
    var life = ServerLife()
    _ = life.drain()
    #expect(throws: ZinxError.alreadyStarted) { try life.start() }
  }

  @Test("a start that is called off does not serve, though all its work was done, and knows that a drain waits")
  func calledOff() {
    var life = Self.life(.starting)
    _ = life.drain()
    let serves = life.started()
    let drains = life.startFailed()
    #expect(!serves)
    #expect(drains)
    #expect(life.phase == .undoing)
  }

  @Test("a start that fails by itself has nobody who waits, and a drain that comes meanwhile waits for the undoing")
  func fails() {
    var life = Self.life(.starting)
    let drains = life.startFailed()
    #expect(!drains)
    #expect(life.drain() == .callOff)
    life.ended(cut: 0)
    #expect(life.phase == .stopped)
  }

  @Test("what was cut is known to all who ask afterwards")
  func cut() {
    var life = Self.life(.stopped)
    #expect(life.drain() == .nothing)
    #expect(life.cut == 3)
  }
}
