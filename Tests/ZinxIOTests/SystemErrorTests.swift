import CLinux
import Glibc
import Testing
import ZinxIO

@Suite("SystemError and interrupted calls")
struct SystemErrorTests {
  @Test("an error names the call and gives the kernel's reason")
  func description() {
    let error = SystemError("bind", code: EADDRINUSE)
    #expect(error.reason == "Address already in use")
    #expect("\(error)" == "bind: Address already in use")
  }

  @Test("without a code it is the errno of the call before it")
  func currentErrno() {
    errno = EMFILE
    let error = SystemError("accept4")
    #expect(error.code == EMFILE)
  }

  @Test("a call is repeated while it is interrupted")
  func interrupted() {
    var calls = 0
    let result = retryingOnInterrupt { () -> Int in
      calls += 1
      errno = EINTR
      return calls < 4 ? -1 : 17
    }
    #expect(result == 17)
    #expect(calls == 4)
  }

  @Test("every other result is the call's own, another error too", arguments: [(-1, EAGAIN), (0, EINTR), (-2, EINTR), (5, 0)])
  func notInterrupted(_ value: Int, _ code: Int32) {
    var calls = 0
    let result = retryingOnInterrupt { () -> Int in
      calls += 1
      errno = code
      return value
    }
    #expect(result == value)
    #expect(calls == 1)
  }

  @Test("nothing there, no room and no memory are temporary; a broken connection is not")
  func temporary() {
    #expect([EAGAIN, ENOBUFS, ENOMEM].allSatisfy(isTemporary))
    #expect(![0, EPIPE, ECONNRESET, ETIMEDOUT, EBADF, ENOTCONN].contains(where: isTemporary))
  }

  @Test("the bits of readiness are those of epoll")
  func readiness() {
    #expect(Readiness.readable.rawValue == EPOLLIN.rawValue)
    #expect(Readiness.writable.rawValue == EPOLLOUT.rawValue)
    #expect(Readiness.hangUp.rawValue == EPOLLHUP.rawValue)
    #expect(Readiness.failed.rawValue == EPOLLERR.rawValue)
  }
}
