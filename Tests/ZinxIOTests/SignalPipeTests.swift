import Glibc
import Testing
import ZinxIO

@Suite("The pipe of signals", .serialized)
struct SignalPipeTests {
  /// Nobody else sends these.
  private static let signals = [SIGURG, SIGWINCH]

  @Test("has those that came before anybody read, in their order, and waits no longer than it is told to")
  func order() throws {
    try SignalPipe.open(Self.signals)
    defer { SignalPipe.close(Self.signals) }
    for signal in [SIGURG, SIGWINCH, SIGURG] { raise(signal) }
    #expect(SignalPipe.next() == SIGURG)
    #expect(SignalPipe.next(within: .seconds(1)) == SIGWINCH)
    #expect(SignalPipe.next() == SIGURG)
    #expect(SignalPipe.next(within: .milliseconds(1)) == nil)
  }

  @Test("takes signals that were blocked or ignored")
  func blocked() throws {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGURG)
    pthread_sigmask(SIG_BLOCK, &set, nil)
    signal(SIGWINCH, SIG_IGN)
    raise(SIGURG)
    try SignalPipe.open(Self.signals)
    defer { SignalPipe.close(Self.signals) }
    raise(SIGWINCH)
    #expect(SignalPipe.next(within: .seconds(1)) == SIGURG)
    #expect(SignalPipe.next(within: .seconds(1)) == SIGWINCH)
  }
}
