/// The subjects that are subscribed to, with a bound on how many. A value: whoever has the connection does what is returned.
struct SubscriptionSet {
  enum Change: Equatable {
    case nothing
    case subscribe
    case unsubscribe
    /// There are as many as may be: it is not heard.
    case refused
  }

  private let limit: Int
  private(set) var subjects: Set<String> = []

  init(limit: Int) { self.limit = limit }

  mutating func set(_ subject: String, _ isWanted: Bool) -> Change {
    guard isWanted else { return subjects.remove(subject) == nil ? .nothing : .unsubscribe }
    guard !subjects.contains(subject) else { return .nothing }
    guard subjects.count < limit else { return .refused }
    subjects.insert(subject)
    return .subscribe
  }
}
