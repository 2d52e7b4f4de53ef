import ZinxClient
import ZinxWire

/// What a run does: plain values, which the command line has checked.
struct Plan: Sendable, Equatable {
  enum Mode: String, Sendable {
    /// A connection sends its next request when a reply has come.
    case closed
    /// Requests are due at a fixed rate, whether replies come or not.
    case open
    /// Connect, one request, its reply, close; again and again.
    case churn
    /// Connect and keep the connections.
    case idle
  }

  enum Extent: Sendable, Equatable {
    case nanoseconds(Int64)
    /// Requests in all.
    case messages(Int)
  }

  var mode = Mode.closed
  var pack = DataPack.ltvLittleEndian
  /// Connections open at once.
  var connections = 1
  /// How many of them send requests; the others only receive.
  var speakers = 1
  /// Requests that a connection has outstanding at most.
  var inFlight = 1
  /// Bytes of data in a request.
  var size = 64
  var id: UInt32 = 3
  var replyID: UInt32 = 3
  /// Bytes of data that a reply must have, nil for any number.
  var replySize: Int? = 64
  /// Requests due each second in all; nil outside an open loop, or when nothing but the replies sets the pace.
  var rate: Double?
  var threads = 1
  var warmUp: Int64 = 0
  var extent = Extent.nanoseconds(5_000_000_000)
  /// Nanoseconds to wait for connections, and for the replies that are owed at the end.
  var timeout: Int64 = 5_000_000_000
  /// Addresses of 127/8 to connect from in turn; 0 leaves the choice to the kernel.
  var sources = 0
  /// Compare every byte of the replies, and mark each request, so that a reply to another one is noticed.
  var verifies = false
  /// Idle connections that never send anything.
  var isSilent = false
  /// What a connection sends before anything else, and the id of the message that it waits for then.
  var first: FirstMessage?
  var firstReply: UInt32?

  /// Bytes of a request on the wire.
  var frameLength: Int { DataPack.headerLength + size }

  /// The part of `total` that falls to one of the threads; the first ones take what is left over.
  func share(of total: Int, thread: Int) -> Int { total / threads + (thread < total % threads ? 1 : 0) }

  /// Whether a request that was due at `due` counts in the window from `start` to `end`.
  ///
  /// One that was due in it does, even when its reply comes later: the slowest must not be left out. At a fixed rate one that was due
  /// before and is answered in it does too: a server that falls behind would otherwise be busy with requests that count for nothing.
  @inline(__always)
  func counts(_ due: Int64, answeredAt now: Int64, from start: Int64, to end: Int64) -> Bool {
    due < end && (rate == nil ? due : now) >= start
  }

  /// The run in one line.
  var title: String {
    var parts = ["\(connections) connection\(connections == 1 ? "" : "s")\(mode == .churn ? " at once" : "")"]
    if speakers < connections, mode != .idle { parts.append("\(speakers) of them speaking") }
    if mode == .closed || mode == .open { parts.append("\(inFlight) in flight") }
    if let rate { parts.append("\(Quantity.plain(rate)) a second") }
    parts.append(mode == .idle ? (isSilent ? "silent" : "used once") : "\(size) bytes, id \(id)")
    parts.append(pack.rawValue)
    if threads > 1 { parts.append("\(threads) threads") }
    let name: String =
      switch mode {
      case .closed: "closed loop"
      case .open: "open loop"
      case .churn: "connect, one request, close"
      case .idle: "idle"
      }
    return "\(name): \(parts.joined(separator: ", "))"
  }
}
