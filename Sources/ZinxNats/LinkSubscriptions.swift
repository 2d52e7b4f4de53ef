import CNats

/// The subjects that a link hears, and libnats' subscriptions to them while there is a connection. Loop only.
struct LinkSubscriptions {
  /// Subscribes by the connection; nil where there is none, or it does not.
  typealias Subscribe = (_ subject: String) -> OpaquePointer?

  private var wanted: SubscriptionSet
  private var live: [String: OpaquePointer] = [:]

  init(limit: Int) { wanted = SubscriptionSet(limit: limit) }

  var count: Int { wanted.subjects.count }

  /// Hears a subject, or does so no more. Returns false where there are as many as may be.
  mutating func set(_ subject: String, _ isWanted: Bool, by subscribe: Subscribe) -> Bool {
    switch wanted.set(subject, isWanted) {
    case .nothing: return true
    case .subscribe: live[subject] = subscribe(subject)
    case .unsubscribe: if let subscription = live.removeValue(forKey: subject) { natsSubscription_Destroy(subscription) }
    case .refused: return false
    }
    return true
  }

  /// There is a new connection.
  mutating func renew(by subscribe: Subscribe) { for subject in wanted.subjects { live[subject] = subscribe(subject) } }

  /// Lets go of those of a connection that is given up.
  mutating func forget() {
    for subscription in live.values { natsSubscription_Destroy(subscription) }
    live = [:]
  }
}
