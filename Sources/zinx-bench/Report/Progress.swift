/// What is said while a run goes on.
struct Progress {
  private var messages = 0
  private var at: Int64

  /// `now`: nanoseconds, of any clock.
  init(at now: Int64) { at = now }

  /// While connections are opened.
  static func connecting(open: Int, of total: Int, errors: Int) -> String {
    "\(Quantity.grouped(open)) of \(Quantity.grouped(total)) connections open\(Self.errors(errors))"
  }

  /// While messages go back and forth. The rate is that since the last line.
  mutating func running(at now: Int64, since start: Int64, messages: Int, open: Int, errors: Int) -> String {
    let rate = now > at ? Double(messages - self.messages) * 1e9 / Double(now - at) : 0
    (self.messages, at) = (messages, now)
    let seconds = Quantity.decimal(Double(now - start) / 1e9, 0)
    return
      "\(seconds) s: \(Quantity.grouped(Int(rate))) messages a second, \(Quantity.grouped(open)) connections\(Self.errors(errors))"
  }

  private static func errors(_ count: Int) -> String { count == 0 ? "" : ", \(Quantity.grouped(count)) errors" }
}
