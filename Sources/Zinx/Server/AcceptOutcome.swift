import Glibc

/// What a failed accept(2) means for those who come after it.
enum AcceptOutcome: Equatable {
  /// Nobody waits.
  case empty
  /// This one failed before it was accepted, or a signal came; the next may be fine.
  case next
  /// Nobody can be accepted for now: descriptors or memory have run out, or the cause is one that we know nothing of. It may pass, and
  /// a socket that reports readiness for ever must not keep the loop busy.
  case rest

  init(errno code: Int32) {
    switch code {
    case EAGAIN: self = .empty
    // accept(2): errors of the new connection, and what a firewall says.
    case EINTR, ECONNABORTED, EPERM, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH,
      ETIMEDOUT:
      self = .next
    default: self = .rest
    }
  }
}
