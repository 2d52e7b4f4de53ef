import Glibc
import Testing

@testable import ZinxDaemon

/// What signals mean, without one being sent.
@Suite("A signal")
struct SignalLifeTests {
  private typealias Life = SignalLife<ContinuousClock.Instant>

  private static let ending = [SIGTERM, SIGINT, SIGQUIT]
  private let start = ContinuousClock.now

  private func at(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

  private func serving() -> Life {
    var life = Life()
    _ = life.began(.serving)
    return life
  }

  @Test("that ends has the process end before there is a server, calls the start off, and has a server drain", arguments: ending)
  func ends(_ signal: Int32) {
    var preparing = Life()
    #expect(preparing.took(signal, at: at(0)) == .exit)
    var starting = Life()
    #expect(starting.began(.starting) == [])
    #expect(starting.took(signal, at: at(0)) == .callOff)
    var serving = serving()
    #expect(serving.took(signal, at: at(0)) == .drain)
    #expect(serving.phase == .draining)
    #expect(serving.hasEnded)
  }

  @Test("that ends is the first one again within half a second, whichever it is, and ends at once from then on")
  func second() {
    for calledOff in [false, true] {
      var life = Life()
      _ = life.began(calledOff ? .starting : .serving)
      _ = life.took(SIGTERM, at: at(0))
      #expect(life.took(SIGTERM, at: at(2)) == nil)
      #expect(life.took(SIGINT, at: at(300)) == nil)
      #expect(life.took(SIGQUIT, at: at(499)) == nil)
      #expect(life.took(SIGINT, at: at(500)) == .exit)
    }
  }

  @Test("that calls a start off gives it a second")
  func undoTime() throws {
    var life = Life()
    #expect(life.deadline == nil)
    _ = life.began(.starting)
    #expect(life.deadline == nil)
    _ = life.took(SIGTERM, at: at(0))
    #expect(life.deadline == at(1000))
    #expect(life.timeIsOver(at: at(999)) == nil)
    #expect(life.timeIsOver(at: at(1000)) == .exit)
  }

  @Test("that called off a start which was faster has the server drain, and nothing else happens first")
  func fasterStart() {
    var life = Life()
    _ = life.began(.starting)
    _ = life.took(SIGHUP, at: at(0))
    _ = life.took(SIGTERM, at: at(0))
    #expect(life.began(.serving) == [.drain])
    #expect(life.deadline == nil)
    #expect(life.timeIsOver(at: at(2000)) == nil)
    #expect(life.took(SIGTERM, at: at(499)) == nil)
    #expect(life.took(SIGTERM, at: at(500)) == .exit)
  }

  @Test("of another kind is remembered during the start, once for each kind, and acts when it serves")
  func remembered() {
    var life = Life()
    #expect(life.took(SIGHUP, at: at(0)) == nil)
    #expect(life.took(SIGUSR2, at: at(0)) == nil)
    #expect(life.began(.starting) == [])
    #expect(life.took(SIGUSR1, at: at(0)) == nil)
    #expect(life.took(SIGHUP, at: at(0)) == nil)
    #expect(life.began(.serving) == [.reload, .upgrade, .report])
    #expect(life.took(SIGUSR1, at: at(0)) == .report)
  }

  @Test("of another kind acts at once while it serves")
  func serves() {
    var life = serving()
    #expect(life.took(SIGUSR1, at: at(0)) == .report)
    #expect(life.took(SIGUSR2, at: at(0)) == .upgrade)
    #expect(life.took(SIGHUP, at: at(0)) == .reload)
    #expect(!life.hasEnded)
  }

  @Test("to reload during a reload is one more reload after it, however often it comes")
  func reloads() {
    var life = serving()
    _ = life.took(SIGHUP, at: at(0))
    #expect(life.took(SIGHUP, at: at(1)) == nil)
    #expect(life.took(SIGHUP, at: at(2)) == nil)
    #expect(life.reloaded() == .reload)
    #expect(life.reloaded() == nil)
    #expect(life.took(SIGHUP, at: at(3)) == .reload)
  }

  @Test("to reload does nothing to a server that drains, and the others go on")
  func draining() {
    var life = serving()
    _ = life.took(SIGHUP, at: at(0))
    _ = life.took(SIGHUP, at: at(0))
    _ = life.took(SIGTERM, at: at(0))
    #expect(life.reloaded() == nil)
    #expect(life.took(SIGHUP, at: at(600)) == nil)
    #expect(life.took(SIGUSR1, at: at(600)) == .report)
    #expect(life.took(SIGUSR2, at: at(600)) == .upgrade)
  }
}
