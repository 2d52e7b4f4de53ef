import ZinxControl

/// What is shown again and again, as a value: keys and answers go in, the text of a screen comes out. No terminal, socket or clock.
protocol WatchView {
  /// What is to be asked for the next screen.
  var requests: [ControlRequest.Command] { get }
  /// The size of the screen, in characters.
  var size: ScreenSize { get set }
  /// Something to tell in a line, such as what became of a close.
  var note: String { get set }

  /// The answers to ``requests``, in their order.
  mutating func took(_ answers: [JSON])
  mutating func press(_ key: Key) -> WatchAction
  /// At most as many lines as the screen has, none of them cut.
  var lines: [StyledLine] { get }
}

struct ScreenSize: Hashable {
  var columns = 80
  var rows = 24
}

/// What a key asks for, beside another look of the screen.
enum WatchAction: Hashable {
  case none
  /// Ask now, and not when it is time.
  case look
  case close(UInt64)
  case quit
}

/// The line at the top: the daemon as a whole, and how much passes.
struct WatchHeadline: Hashable {
  private var status: JSON = [:]
  private var before: JSON = [:]

  mutating func took(_ status: JSON) { (before, self.status) = (self.status, status) }

  /// `zinxd 0.9.0  up 3m05s  12 of 12000 connections  in 10/s  out 20/s  draining`.
  var line: StyledLine {
    guard let version = status["version"]?.string else { return StyledLine("\u{2026}") }
    let isDraining = status["draining"]?.bool == true
    let parts = [
      "\(shown(status["name"]?.string ?? "")) \(shown(version))", "up \(Table.duration(status["uptimeSeconds"]?.number ?? 0))",
      "\(count("connections")) of \(count("maxConn")) connections", "in \(rate("received"))/s", "out \(rate("sent"))/s",
      isDraining ? "draining" : nil,
    ]
    return StyledLine(parts.compactMap(\.self).joined(separator: "  "), isDraining ? .warning : .plain)
  }

  private func count(_ key: String) -> Int64 { status[key]?.integer ?? 0 }

  /// By the daemon's own time: how long the answer took to come does not matter.
  private func rate(_ key: String) -> String {
    let time = (status["uptimeSeconds"]?.number ?? 0) - (before["uptimeSeconds"]?.number ?? 0)
    guard time > 0, let old = before[key]?.integer, let new = status[key]?.integer else { return "-" }
    return Table.amount(Int64((Double(max(0, new - old)) / time).rounded()))
  }
}
