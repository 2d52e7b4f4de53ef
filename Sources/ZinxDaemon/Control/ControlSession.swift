import ZinxControl
import ZinxIO

/// The life of one client of the control socket as a value: what it sends and the time go in, what to do next comes out. No socket, clock
/// or lock.
///
/// It asks for no more bytes while a whole line waits: what a client may have on the way is bounded by its socket.
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
  /// Time between requests.
  static let idleTime = Duration.seconds(600)

  private var greeting: String?
  private var input: [UInt8] = []
  /// How many bytes of it hold no end of a line.
  private var searched = 0
  /// When the line that is not whole has begun; otherwise when the last request was taken.
  private var since: Instant
  private var hasEnded = false
  private var isRefused = false

  init(greeting: String, at now: Instant) { (self.greeting, since) = (greeting, now) }

  mutating func next(at now: Instant) -> Step {
    if let greeting = greeting.take() { return .write(greeting) }
    if isRefused { return .end }
    while let line = takeLine() {
      since = now
      if line.count > ControlProtocol.longestLine { return refuseLength() }
      guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) else { continue }
      do { return .perform(try ControlRequest(parsing: line)) } catch {
        return .write(ControlProtocol.answer(error.id, error.error).description)
      }
    }
    if input.count > ControlProtocol.longestLine { return refuseLength() }
    // Half a line is no request, and nobody waits for an answer.
    if hasEnded { return .end }
    let time = input.isEmpty ? Self.idleTime : Self.lineTime
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
