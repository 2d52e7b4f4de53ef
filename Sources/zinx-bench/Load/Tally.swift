import Histogram
import ZinxClient
import ZinxIO

/// What may go wrong in a run, counted.
enum Fault: Int, CaseIterable, Sendable {
  case connect, closed, reset, unanswered, unsent, wrongSize, wrongData, unrequested, nonsense

  /// The key in JSON.
  var name: String {
    switch self {
    case .connect: "connect"
    case .closed: "closed"
    case .reset: "reset"
    case .unanswered: "unanswered"
    case .unsent: "unsent"
    case .wrongSize: "wrong_size"
    case .wrongData: "wrong_data"
    case .unrequested: "unrequested"
    case .nonsense: "nonsense"
    }
  }

  /// The words in the table, with what to look at.
  var text: String {
    switch self {
    case .connect: "connects failed"
    case .closed: "connections closed by the server"
    case .reset: "connections broken"
    case .unanswered: "requests without a reply"
    case .unsent: "requests due and never sent: the server did not keep up, see --in-flight and --connections"
    case .wrongSize: "replies of another size: see --reply-size"
    case .wrongData: "replies with other data than the request"
    case .unrequested: "replies to no request"
    case .nonsense: "streams that are no messages: see --pack"
    }
  }
}

/// Why a connection did not come about.
enum ConnectFault: Error, Hashable, Sendable {
  case system(SystemError)
  case handshake(HandshakeFault)

  var reason: String {
    switch self {
    case .system(let error): error.reason
    case .handshake(let fault): fault.description
    }
  }
}

/// What one thread has counted, or all of them together. Times are in nanoseconds.
struct Tally: Sendable {
  /// Longer times count as this one: ten minutes.
  private static let longest: Int64 = 600_000_000_000

  /// Answered requests that count: ``Plan/counts(_:answeredAt:from:to:)``.
  private(set) var messages = 0
  /// Replies of the whole run, and their bytes with headers.
  private(set) var replies = 0
  private(set) var bytes = 0
  /// Messages with another id than that of the replies.
  private(set) var others = 0
  private(set) var connected = 0
  /// Connections that were open at the end.
  var open = 0
  /// All faults together.
  private(set) var errors = 0
  private(set) var faults = [Int](repeating: 0, count: Fault.allCases.count)
  /// Why the first connect failed that did.
  private(set) var connectError: ConnectFault?
  /// When the last reply came.
  private(set) var lastReply: Int64 = 0
  private(set) var latency = Self.histogram()
  private(set) var connectLatency = Self.histogram()

  private static func histogram() -> Histogram<UInt64> {
    Histogram(lowestDiscernibleValue: 1, highestTrackableValue: UInt64(longest), numberOfSignificantValueDigits: .three)
  }

  subscript(_ fault: Fault) -> Int { faults[fault.rawValue] }

  mutating func count(_ fault: Fault, _ number: Int = 1) {
    faults[fault.rawValue] += number
    errors += number
  }

  mutating func failedToConnect(_ error: SystemError) { failedToConnect(.system(error)) }

  mutating func failedToConnect(_ error: ConnectFault) {
    count(.connect)
    if connectError == nil { connectError = error }
  }

  mutating func hasConnected(after time: Int64) {
    connected += 1
    connectLatency.record(Self.clamped(time))
  }

  /// Requests were answered at `now`.
  @inline(__always)
  mutating func answered(_ run: SentLog.Run, at now: Int64) {
    messages += run.count
    lastReply = now
    latency.record(Self.clamped(now - run.time), count: UInt64(run.count))
  }

  mutating func read(_ found: ReplyReader.Found) {
    replies += found.replies
    bytes += found.bytes
    // None of these is likely, and this runs once for every read.
    guard found.others + found.wrongSize + found.wrongData > 0 || found.isNonsense else { return }
    others += found.others
    count(.wrongSize, found.wrongSize)
    count(.wrongData, found.wrongData)
    if found.isNonsense { count(.nonsense) }
  }

  /// Messages came that nobody asked for, with the id of the replies.
  mutating func pushed(_ number: Int) {
    others += number
    replies -= number
  }

  /// Messages came before there was a request.
  mutating func saw(others number: Int) { others += number }

  mutating func add(_ other: Tally) {
    messages += other.messages
    replies += other.replies
    bytes += other.bytes
    others += other.others
    connected += other.connected
    open += other.open
    errors += other.errors
    for index in faults.indices { faults[index] += other.faults[index] }
    connectError = connectError ?? other.connectError
    lastReply = max(lastReply, other.lastReply)
    latency.add(other.latency)
    connectLatency.add(other.connectLatency)
  }

  private static func clamped(_ time: Int64) -> UInt64 { UInt64(max(0, min(time, longest))) }
}
