import Synchronization
import ZinxIO

/// Reading no faster than `MaxMsgRate` and `MaxByteRate`: TCP slows the peer down, nothing is dropped and order is kept. Event loop only.
extension Connection {
  /// Begins or ends to limit the rate, as the settings say. A connection that ends is not slowed down any more.
  func setPace() {
    let rates = server.settings.rates
    guard rates.isOn, life.reads, drainRest == nil else { return pace = nil }
    if pace?.rates != rates { pace = Pace(rates) }
  }

  /// The socket has bytes, and a rate is limited. Returns whether all bytes that there were are read.
  func readPaced(_ pace: Pace, isBroken: Bool) -> Bool {
    let isNew = !pace.isResting
    let allowed = pace.bytesAllowed(at: loop.now)
    if allowed > 0 { return read(upTo: allowed, isBroken: isBroken) }
    if isNew { server.counters.readPauses.count() }
    advance()
    return false
  }

  /// How many of `frames` whole frames may be handled now.
  func paceFrames(_ frames: Int, _ pace: Pace) -> Int {
    let isNew = !pace.isResting
    let granted = pace.takeMessages(frames, at: loop.now)
    if granted == 0, isNew { server.counters.readPauses.count() }
    if granted < frames { worker?.release(frames - granted) }
    return granted
  }
}
