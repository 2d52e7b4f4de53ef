import Testing

@testable import Zinx

@Suite("Watching for peers that vanish")
struct KeepAliveTests {
  @Test("the default probes after a minute, every ten seconds")
  func standard() {
    let keepAlive = KeepAlive(ServerConfiguration().vanishedTimeout)
    #expect(keepAlive.isOn)
    #expect((keepAlive.idle, keepAlive.interval, keepAlive.probes) == (60, 10, 6))
    #expect(keepAlive.userTimeout == 120_000)
  }

  @Test("zero switches it off, and leaves what the kernel takes")
  func off() {
    let keepAlive = KeepAlive(.zero)
    #expect(!keepAlive.isOn)
    #expect(keepAlive.userTimeout == 0)
    #expect(keepAlive.idle >= 1 && keepAlive.interval >= 1)
  }

  @Test(
    "probes end with the time-out, to the second, and stay within what tcp(7) takes",
    arguments: [2, 3, 10, 14, 60, 119, 3600, 65_534, 86_400])
  func sum(seconds: Int32) {
    let keepAlive = KeepAlive(.seconds(seconds))
    let end = keepAlive.idle + keepAlive.interval * keepAlive.probes
    #expect((1...32767).contains(keepAlive.idle) && (1...32767).contains(keepAlive.interval))
    // With fewer than twelve seconds the user time-out ends it before the last probe.
    #expect(seconds < 14 ? end >= seconds : (seconds - 6...seconds).contains(end))
    #expect(keepAlive.userTimeout == seconds * 1000)
  }

  @Test("the shortest and the longest time", arguments: [(Duration.microseconds(1), Int32(1)), (.seconds(1 << 40), .max)])
  func extremes(timeout: Duration, userTimeout: Int32) {
    let keepAlive = KeepAlive(timeout)
    #expect(keepAlive.isOn)
    #expect(keepAlive.userTimeout == userTimeout)
    #expect((1...32767).contains(keepAlive.idle) && (1...32767).contains(keepAlive.interval))
  }
}
