import CLinux

/// What a descriptor is ready for, or what is waited for: the bits of epoll(7).
public struct Readiness: OptionSet, Sendable {
  public let rawValue: UInt32

  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  // Not the literal `[]`, which is a generic call as well and would cost every connection hundreds of instructions.
  @inlinable package static var nothing: Readiness { Readiness(rawValue: 0) }
  package static let readable = Readiness(rawValue: EPOLLIN.rawValue)
  package static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
  /// The peer has shut down its side; comes with ``readable``.
  package static let peerShut = Readiness(rawValue: EPOLLRDHUP.rawValue)
  /// Urgent data is on its way: a read ends in front of it.
  package static let urgent = Readiness(rawValue: EPOLLPRI.rawValue)
  /// No readiness: asks to be told of each only when it comes, and not for as long as it lasts.
  package static let edgeTriggered = Readiness(rawValue: EPOLLET.rawValue)
  /// Reported whether asked for or not: both directions are shut, or the connection failed.
  package static let hangUp = Readiness(rawValue: EPOLLHUP.rawValue)
  /// Reported whether asked for or not.
  package static let failed = Readiness(rawValue: EPOLLERR.rawValue)
}

extension Readiness {
  // Tested by hand: as those of an `OptionSet` from another module the tests would be generic calls, and these run for every event.

  @inlinable package var isReadable: Bool { rawValue & EPOLLIN.rawValue != 0 }
  @inlinable package var isWritable: Bool { rawValue & EPOLLOUT.rawValue != 0 }
  /// A read does not take all there is, even if it comes back with less than it asked for: the end of the stream, a failure or urgent
  /// data stands behind the bytes.
  @inlinable package var hasMore: Bool {
    rawValue & (EPOLLRDHUP.rawValue | EPOLLERR.rawValue | EPOLLHUP.rawValue | EPOLLPRI.rawValue) != 0
  }
  /// Failed or hung up.
  @inlinable package var isBroken: Bool { rawValue & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 }
}

/// Is told when its descriptor is ready, on the thread of the loop it is registered with.
package protocol ReadinessHandler: AnyObject {
  func ready(_ readiness: Readiness)
}
