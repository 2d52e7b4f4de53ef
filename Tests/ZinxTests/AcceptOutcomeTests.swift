import Glibc
import Testing

@testable import Zinx

@Suite("A failed accept")
struct AcceptOutcomeTests {
  @Test("because nobody waits is none")
  func empty() {
    #expect(AcceptOutcome(errno: EAGAIN) == .empty)
    #expect(AcceptOutcome(errno: EWOULDBLOCK) == .empty)
  }

  @Test(
    "of one connection is passed over, as accept(2) says",
    arguments: [
      EINTR, ECONNABORTED, EPERM, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH,
      ETIMEDOUT,
    ])
  func next(code: Int32) { #expect(AcceptOutcome(errno: code) == .next) }

  @Test("for want of descriptors or memory makes accepting rest", arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM])
  func rest(code: Int32) { #expect(AcceptOutcome(errno: code) == .rest) }

  @Test("of whatever other cause makes accepting rest too: it must not keep the loop busy")
  func others() {
    for code in [EBADF, EINVAL, ENOTSOCK, EFAULT, ENOSYS, EACCES, ENOSR, 0, 4095] {
      #expect(AcceptOutcome(errno: code) == .rest, "\(code)")
    }
  }
}
