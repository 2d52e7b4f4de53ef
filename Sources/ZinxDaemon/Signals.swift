import CDaemon
import Glibc
import Synchronization
import ZinxIO

/// Takes the signals of the process on a thread of its own, which nothing holds up, and has done what they mean.
final class Signals: Sendable {
  typealias Life = SignalLife<ContinuousClock.Instant>
  typealias Act = @Sendable (Life.Action) -> Void

  private struct State {
    var life = Life()
    var act: Act
  }

  private let state: Mutex<State>

  /// The signals that have been held since before the first constructor of the process, so that ``take()`` has those that came too: all that
  /// a ``Signals`` takes. A program that links this module holds them until it calls ``Daemon/main(plugins:name:version:)``.
  static var held: [Int32] {
    let set = cdaemon_held_signals()
    return (1...64).filter { set >> UInt64($0 - 1) & 1 == 1 }
  }

  /// From here on the signals of ``SignalLife/signals`` have no actions of their own; those that come before there is a ``Signals`` are
  /// kept for it. The first thing that a daemon does.
  ///
  /// Throws: ``SystemError`` without a descriptor for them.
  static func take() throws(SystemError) { try SignalPipe.open(Life.signals) }

  /// Undoes ``take()``, for a program that only answers a question.
  static func giveBack() { SignalPipe.close(Life.signals) }

  /// - Parameters:
  ///   - takesOver: the start takes over connections, and is not called off.
  ///   - act: called on the thread of the signals; must not block.
  ///
  /// Throws: ``SystemError`` without a thread for them.
  init(takesOver: Bool = false, _ act: @escaping Act) throws(SystemError) {
    var life = Life()
    life.takesOver = takesOver
    state = Mutex(State(life: life, act: act))
    _ = try Thread {
      nameThread("zinx-signals")
      self.run()
    }
  }

  /// The daemon has got so far, and from here on does this at a signal, and at those that have waited.
  func began(_ phase: Life.Phase, _ act: @escaping Act) {
    let actions = state.withLock { state in
      state.act = act
      return state.life.began(phase)
    }
    for action in actions { act(action) }
  }

  /// Whether one has come that ends.
  var haveEnded: Bool { state.withLock { $0.life.hasEnded } }

  /// A reload is done; another may be due.
  func reloaded() { perform { $0.reloaded() } }

  private func run() -> Never {
    while true {
      let deadline = state.withLock { $0.life.deadline }
      if let signal = SignalPipe.next(within: deadline.map { max(.zero, $0 - .now) }) {
        perform { $0.took(signal, at: .now) }
      } else {
        perform { $0.timeIsOver(at: .now) }
      }
    }
  }

  private func perform(_ event: (inout Life) -> Life.Action?) {
    let (action, act) = state.withLock { (event(&$0.life), $0.act) }
    if let action { act(action) }
  }
}
