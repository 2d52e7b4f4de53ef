import CLinux
import Glibc
import Synchronization
import ZinxControl
import ZinxIO

/// A conversation on a thread of its own: whoever waits for keys is not kept by a daemon that does not answer.
final class Asker: Sendable {
  typealias Answers = Result<[JSON], ControlClient.Failure>

  private struct State {
    var commands: [ControlRequest.Command]?
    var answers: Answers?
    /// Since the last question was taken.
    var isAsking = false
  }

  private let paths: [String]
  private let state = Mutex(State())
  private let isAsked = Parker()
  private let wakeUp: Descriptor

  init(_ paths: [String]) throws {
    self.paths = paths
    wakeUp = try Descriptor(eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)), from: "eventfd")
    _ = try Thread { [self] in run() }
  }

  /// Readable while there are answers.
  var descriptor: Int32 { wakeUp.number }

  /// Asks all of these. Returns false, with nothing done, while others are being asked.
  func ask(_ commands: [ControlRequest.Command]) -> Bool {
    let isTaken = state.withLock { state in
      guard !state.isAsking else { return false }
      (state.commands, state.isAsking) = (commands, true)
      return true
    }
    if isTaken { isAsked.unpark() }
    return isTaken
  }

  /// The answers to what was asked last, once.
  func takeAnswers() -> Answers? {
    var count: UInt64 = 0
    _ = read(wakeUp.number, &count, MemoryLayout.size(ofValue: count))
    return state.withLock { $0.answers.take() }
  }

  private func run() {
    var client: ControlClient?
    while true {
      isAsked.park()
      guard let commands = state.withLock({ $0.commands.take() }) else { continue }
      let answers = Self.answers(to: commands, &client, paths)
      state.withLock { ($0.answers, $0.isAsking) = (answers, false) }
      var one: UInt64 = 1
      _ = write(wakeUp.number, &one, MemoryLayout.size(ofValue: one))
    }
  }

  private static func answers(
    to commands: [ControlRequest.Command], _ client: inout ControlClient?, _ paths: [String]
  ) -> Answers {
    do throws(ControlClient.Failure) {
      let open = if let client { client } else { try Conversation.open(paths) }
      client = open
      var answers: [JSON] = []
      for command in commands { answers.append(try open.ask(command)) }
      return .success(answers)
    } catch { return .failure(error) }
  }
}
