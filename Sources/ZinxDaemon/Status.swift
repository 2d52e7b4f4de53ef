import Synchronization
import Zinx

/// The one line that `systemctl status` shows.
final class Status: Sendable {
  private struct State {
    var isDraining = false
    /// What the operator should know beside the numbers, e.g. why a reload was refused.
    var note: String?
  }

  private let server: Server
  private let state = Mutex(State())

  init(_ server: Server) { self.server = server }

  var isDraining: Bool { state.withLock { $0.isDraining } }

  func drains() { state.withLock { $0.isDraining = true } }

  func note(_ text: String?) { state.withLock { $0.note = text } }

  var text: String {
    let live = server.connManager.count
    let (isDraining, note) = state.withLock { ($0.isDraining, $0.note) }
    return Self.text(live: live, maxConn: server.maxConn, isDraining: isDraining, note: note)
  }

  static func text(live: Int, maxConn: Int, isDraining: Bool, note: String?) -> String {
    let numbers = isDraining ? "Draining: \(live) connections left" : "\(live)/\(maxConn) connections"
    return note.map { "\(numbers); \($0)" } ?? numbers
  }
}
