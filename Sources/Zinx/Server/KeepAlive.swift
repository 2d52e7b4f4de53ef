import ZinxIO

/// How the kernel finds out that a peer has vanished without a word, e.g. because its line was cut: tcp(7).
///
/// A connection on which nothing moves is probed from half of the time-out on; one with bytes on their way is given up when they stay
/// unacknowledged for the time-out. The kernel counts the first in whole seconds.
struct KeepAlive: Equatable {
  /// The most that tcp(7) takes for the times of probes, in seconds.
  private static let longest: Int64 = 32767

  var isOn: Bool
  /// Seconds without traffic before the first probe.
  var idle: Int32
  /// Seconds between probes.
  var interval: Int32
  var probes: Int32 = 6
  /// Milliseconds that bytes may stay unacknowledged; 0 leaves it to the kernel.
  var userTimeout: Int32

  /// - Parameter timeout: when the peer is given up; zero means never.
  init(_ timeout: Duration) {
    let milliseconds = timeout.inNanoseconds / 1_000_000
    let seconds = (milliseconds + 999) / 1000
    isOn = timeout > .zero
    let idle = min(max(1, seconds / 2), Self.longest)
    self.idle = Int32(idle)
    interval = Int32(min(max(1, (seconds - idle) / Int64(probes)), Self.longest))
    userTimeout = isOn ? Int32(clamping: max(1, milliseconds)) : 0
  }
}
