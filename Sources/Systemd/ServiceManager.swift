import Glibc
import Synchronization

/// The way to the service manager: sends notifications to `NOTIFY_SOCKET`, and does nothing when there is none.
///
/// Any thread may call it, and no call blocks: each datagram is sent as far as the manager has room for it, now or with a later
/// call.
///
/// The datagrams are ours rather than sd_notify(3)'s for two reasons. sd_notify finds the socket in the environment each time, so
/// the variable would have to stay there and every child would inherit it, and looking there is unsafe beside a setenv of another
/// thread. And it opens a blocking socket each time: a manager that is stuck, or a process out of descriptors, would hold up or
/// silence the caller. The protocol is one datagram of text, and is stable.
public final class ServiceManager: Sendable {
  /// What became of a notification.
  public enum Delivery: Sendable, Equatable {
    /// The manager has it.
    case sent
    /// There is no manager to tell.
    case notUnderSystemd
    /// The manager's queue is full; the notification goes out, in its order, with the next call.
    case delayed
    /// The manager's queue is full, and this was a status alone, which the next one outdates, or too much is delayed already.
    case dropped
    /// It cannot be sent, with this errno(3).
    case failed(Int32)
  }

  /// The longest time the manager waits between two watchdog pings; `nil` when it does not watch.
  public let watchdogTimeout: Duration?

  private let target: (socket: DatagramSocket, address: UnixAddress)?
  /// What found the manager's queue full, oldest first, none twice.
  private let delayed = Mutex<[Notification]>([])

  /// Opens the socket that all notifications use. An address systemd would not use (neither a path nor `@name`) counts as none.
  public init(environment: ServiceEnvironment) throws(SystemCallError) {
    watchdogTimeout = environment.watchdogTimeout
    if let address = environment.notifySocket.flatMap(UnixAddress.init) {
      target = (try DatagramSocket(), address)
    } else {
      target = nil
    }
  }

  /// A start, a reload and a stop with room to spare: requests for more time, each with a status of its own, could go on and on.
  static let maximumDelayed = 16

  /// Whether there is a manager that wants notifications.
  public var isUnderSystemd: Bool { target != nil }

  /// Sends `notification`, after those that are still delayed.
  @discardableResult
  public func notify(_ notification: Notification) -> Delivery {
    guard let target else { return .notUnderSystemd }
    // Held while sending, so that order is kept; the socket does not block, so neither does the lock.
    return delayed.withLock { delayed in
      Self.sendDelayed(&delayed, to: target)
      let code = delayed.isEmpty ? target.socket.send(notification.text.utf8, to: target.address) : EAGAIN
      if code == 0 { return .sent }
      guard Self.isFull(code) else { return .failed(code) }
      if delayed.contains(notification) { return .delayed }
      guard notification.mustArrive, delayed.count < Self.maximumDelayed else { return .dropped }
      delayed.append(notification)
      return .delayed
    }
  }

  /// Tries again to send what is delayed. Call it now and then, such as with each tick of the status; without need it costs a
  /// lock.
  public func retryDelayed() {
    guard let target else { return }
    delayed.withLock { Self.sendDelayed(&$0, to: target) }
  }

  /// CLOCK_MONOTONIC in microseconds, as ``Notification/reloading(monotonicMicroseconds:)`` wants it.
  public static func monotonicMicroseconds() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1_000
  }

  private static func sendDelayed(_ delayed: inout [Notification], to target: (socket: DatagramSocket, address: UnixAddress)) {
    while let next = delayed.first, !isFull(target.socket.send(next.text.utf8, to: target.address)) { delayed.removeFirst() }
  }

  private static func isFull(_ code: Int32) -> Bool { code == EAGAIN || code == ENOBUFS }
}
