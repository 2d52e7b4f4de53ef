import NIOCore
import Synchronization
import ZinxWire

/// What brings messages to users and groups of other nodes, where a plugin connects the server to some. Any thread; never waits.
package struct Elsewhere: Sendable {
  /// What this node is called there.
  package let node: String
  /// Sends a message to those elsewhere who belong to a name.
  package let send: @Sendable (_ name: String, _ id: UInt32, _ data: ByteBuffer) -> Void
  /// A user has a new connection here, in place of those elsewhere, which are told and ended.
  package let replace: @Sendable (_ user: String, _ notice: Message?) -> Void
  /// Asks where a user is elsewhere. What others answer within a time is told as it comes, and nil when no more will.
  package let find: @Sendable (_ user: String, _ time: Duration, _ found: @escaping @Sendable ([UserPlace]?) -> Void) -> Void

  package init(
    node: String, send: @escaping @Sendable (_ name: String, _ id: UInt32, _ data: ByteBuffer) -> Void,
    replace: @escaping @Sendable (_ user: String, _ notice: Message?) -> Void = { _, _ in },
    find: @escaping @Sendable (_ user: String, _ time: Duration, _ found: @escaping @Sendable ([UserPlace]?) -> Void) -> Void = {
      $2(nil)
    }
  ) {
    (self.node, self.send, self.replace, self.find) = (node, send, replace, find)
  }
}

/// The ``Elsewhere`` of users or groups, if there is one.
final class Remote: Sendable {
  // A look without the lock for the many servers that have no others.
  private let isThere = Atomic<Bool>(false)
  private let elsewhere = Mutex<Elsewhere?>(nil)

  var value: Elsewhere? { isThere.load(ordering: .acquiring) ? elsewhere.withLock { $0 } : nil }

  func set(_ new: Elsewhere?) {
    elsewhere.withLock { $0 = new }
    isThere.store(new != nil, ordering: .releasing)
  }
}

extension Groups {
  /// Tells, from here on, which groups have members here.
  package func observe(_ observer: @escaping @Sendable (_ name: String, _ hasMembers: Bool) -> Void) {
    table.withLock { $0.observe(observer) }
  }

  /// Has what is sent to a group sent to its members elsewhere too; nil: no more.
  package func sendElsewhere(_ elsewhere: Elsewhere?) { remote.set(elsewhere) }
}

extension Users {
  /// Tells, from here on, which users are here.
  package func observe(_ observer: @escaping @Sendable (_ name: String, _ hasMembers: Bool) -> Void) {
    table.withLock { $0.observe(observer) }
  }

  /// Has what is sent to a user sent to the user's connections elsewhere too; nil: no more.
  package func sendElsewhere(_ elsewhere: Elsewhere?) { remote.set(elsewhere) }
}

extension Connection {
  /// Ends it with reason ``CloseReason/replaced``, gently: its user has another one. Sends `notice` before, if there is room. Any thread.
  package func replace(notice: Message?) {
    // Who has no room for it, or has gone, ends without.
    if let notice { try? trySendBuffMsg(notice.id, notice.data) }
    stop(as: .replaced)
  }
}
