import ZinxControl
import ZinxIO

/// The life of one client of the control socket as a value: what it sends and the time go in, what to do next comes out. No socket, clock
/// or lock.
///
/// Each line has an answer, an empty one too. It asks for no more bytes while a whole line waits: what a client may have on the way is bounded by its socket.
struct ControlSession {
  enum Step: Equatable {
    /// Send this line.
    case write(String)
    /// Do this, and send its answer.
    case perform(ControlRequest)
    /// Wait so long for bytes of the client: ``received(_:at:)``, ``ended()``, or nothing is due.
    case read(within: Duration)
    case end
  }

  /// Time for the rest of a line that has begun.
  static let lineTime = Duration.seconds(10)
  /// Time between requests: somebody may be asked a question in between.
  static let idleTime = Duration.seconds(600)
  /// Time until the first one, of somebody who has come to ask.
  static let silentTime = Duration.seconds(30)

  private var greeting: String?
  private var input: [UInt8] = []
  /// How many bytes of it hold no end of a line.
  private var searched = 0
  /// When the line that is not whole has begun; otherwise when the last request was taken.
  private var since: Instant
  private var hasAsked = false
  private var hasEnded = false
  private var isRefused = false

  init(greeting: String, at now: Instant) { (self.greeting, since) = (greeting, now) }

  mutating func next(at now: Instant) -> Step {
    if let greeting = greeting.take() { return .write(greeting) }
    if isRefused { return .end }
    if let line = takeLine() {
      since = now
      if line.count > ControlProtocol.longestLine { return refuseLength() }
      do {
        let request = try ControlRequest(parsing: line)
        hasAsked = true
        return .perform(request)
      } catch {
        return .write(ControlProtocol.answer(error.id, error.error).description)
      }
    }
    if input.count > ControlProtocol.longestLine { return refuseLength() }
    // Half a line is no request, and nobody waits for an answer.
    if hasEnded { return .end }
    let time = input.isEmpty ? hasAsked ? Self.idleTime : Self.silentTime : Self.lineTime
    let left = Duration.nanoseconds(since.nanoseconds - now.nanoseconds) + time
    return left > .zero ? .read(within: left) : .end
  }

  mutating func received(_ bytes: [UInt8], at now: Instant) {
    if input.isEmpty { since = now }
    input += bytes
  }

  /// The client sends no more; what it has sent is answered.
  mutating func ended() { hasEnded = true }

  /// A request was answered: the time until the next one begins.
  mutating func answered(at now: Instant) { since = now }

  private mutating func refuseLength() -> Step {
    isRefused = true
    let error = ControlError(.badLine, "the line is longer than \(ControlProtocol.longestLine) bytes")
    return .write(ControlProtocol.answer(nil, error).description)
  }

  private mutating func takeLine() -> [UInt8]? {
    guard let end = input[searched...].firstIndex(of: UInt8(ascii: "\n")) else {
      searched = input.count
      return nil
    }
    let line = Array(input[..<end])
    input.removeFirst(end + 1)
    searched = 0
    return line
  }
}
