import ZinxIO

/// How fast one connection is read under `MaxMsgRate` and `MaxByteRate`. Made only while one of them is on, so that it costs nothing
/// otherwise. Holds no socket and no clock.
final class Pace {
  /// Tokens a second, 0 for no limit.
  struct Rates: Equatable {
    var messages: Int64 = 0
    var bytes: Int64 = 0

    var isOn: Bool { messages > 0 || bytes > 0 }
  }

  let rates: Rates
  private var messages: TokenBucket?
  private var bytes: TokenBucket?
  /// Until when whole frames are kept back; nil: they are not.
  private(set) var messagesRestUntil: Instant?
  /// Until when the socket is not read; nil: it is.
  private(set) var bytesRestUntil: Instant?

  init(_ rates: Rates) {
    self.rates = rates
    messages = Self.bucket(rates.messages)
    bytes = Self.bucket(rates.bytes)
  }

  /// A second's worth may come at once.
  private static func bucket(_ rate: Int64) -> TokenBucket? { rate > 0 ? TokenBucket(perSecond: rate, burst: rate) : nil }

  var isResting: Bool { messagesRestUntil != nil || bytesRestUntil != nil }

  /// When the first rest is over.
  var restUntil: Instant { min(messagesRestUntil ?? .distantFuture, bytesRestUntil ?? .distantFuture) }

  /// Takes as many of `wanted` messages as may be handled now. None: a rest begins.
  func takeMessages(_ wanted: Int, at now: Instant) -> Int {
    guard let available = messages?.tokens(at: now) else { return wanted }
    let granted = min(wanted, available)
    messages?.take(granted)
    messagesRestUntil = granted > 0 ? nil : Self.nextServing(&messages, at: now)
    return granted
  }

  /// How many bytes may be read now. None: a rest begins.
  func bytesAllowed(at now: Instant) -> Int {
    guard let available = bytes?.tokens(at: now) else { return .max }
    bytesRestUntil = available > 0 ? nil : Self.nextServing(&bytes, at: now)
    return available
  }

  /// When a twentieth of a second's worth will be there, at least one token: worth going on for.
  private static func nextServing(_ bucket: inout TokenBucket?, at now: Instant) -> Instant? {
    guard let rate = bucket?.perSecond else { return nil }
    return bucket?.opening(for: max(1, rate / 20), at: now)
  }

  /// Bytes were read, no more than were allowed.
  func read(_ count: Int) { bytes?.take(count) }

  /// Ends the rests that are over. Returns whether there was one.
  func wake(at now: Instant) -> Bool {
    guard restUntil <= now else { return false }
    if let until = messagesRestUntil, until <= now { messagesRestUntil = nil }
    if let until = bytesRestUntil, until <= now { bytesRestUntil = nil }
    return true
  }
}
