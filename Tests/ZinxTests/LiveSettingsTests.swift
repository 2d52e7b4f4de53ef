import Testing
import ZinxIO

@testable import Zinx

@Suite("The settings of a running server")
struct LiveSettingsTests {
  @Test(
    "a peer that does not keep up has to take the least rate times the time-out, and one byte at least",
    arguments: [
      (256, Duration.seconds(10), 2560), (0, .seconds(10), 1), (1000, .milliseconds(1), 1), (1, .milliseconds(1), 1),
      (1_000_000_000, .seconds(86_400), 86_400_000_000_000), (1_000_000_000, .seconds(1 << 40), .max),
    ])
  func leastTaken(rate: Int, timeout: Duration, expected: Int) {
    var configuration = ServerConfiguration()
    configuration.minFrameRate = rate
    #expect(LiveSettings(configuration).leastTaken(within: timeout.inNanoseconds) == expected)
  }

  @Test("by default no rate is limited, and only a frame that has begun has a deadline")
  func defaults() {
    let settings = LiveSettings(ServerConfiguration())
    #expect(!settings.rates.isOn)
    let limits = settings.receiveLimits(idle: 7)
    #expect(limits.firstByte == 0)
    #expect(limits.idle == 7)
    #expect(limits.frame == 30_000_000_000)
    #expect(limits.frameRate == 256)
  }
}
