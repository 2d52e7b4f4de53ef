import ZinxIO

/// Who is in at the control socket, as a value: no socket, clock or lock.
///
/// An operator comes in however many clients sit there: who has asked nothing for a while makes room, the one that has been idle for the
/// longest time first, and root has places beyond those of all others. Traces, which may last an hour, leave some to others.
struct ControlPlaces {
  /// Clients at once.
  static let limit = 16
  /// As many more, for root alone.
  static let limitOfRoot = 20
  /// Clients that trace at once.
  static let limitOfTraces = 12
  /// Idle clients stay for so long whoever comes: one that has just come in has its chance to ask.
  static let grace = Duration.seconds(1)

  enum Admission: Equatable {
    /// Come in as this one.
    case enter(UInt64)
    /// The same, and that one, which is out already, is to be told.
    case replace(UInt64, evicted: UInt64)
    case refuse
  }

  private struct Client {
    let id: UInt64
    let isRoot: Bool
    /// Nil while it is served.
    var idleSince: Instant?
    var isTracing = false
  }

  private var clients: [Client] = []
  /// Those that were told to go and have not gone: they have threads still.
  private var leaving: Set<UInt64> = []
  private var lastID: UInt64 = 0

  mutating func admit(isRoot: Bool, at now: Instant) -> Admission {
    // Each has a thread until it has gone.
    guard leaving.count < Self.limit else { return .refuse }
    guard clients.count >= (isRoot ? Self.limitOfRoot : Self.limit) else { return .enter(enter(isRoot, now)) }
    guard let index = leastNeeded(isRoot, now) else { return .refuse }
    let evicted = clients.remove(at: index).id
    leaving.insert(evicted)
    return .replace(enter(isRoot, now), evicted: evicted)
  }

  private mutating func enter(_ isRoot: Bool, _ now: Instant) -> UInt64 {
    lastID += 1
    clients.append(Client(id: lastID, isRoot: isRoot, idleSince: now))
    return lastID
  }

  /// Others before root, who makes room for root alone.
  private func leastNeeded(_ isRoot: Bool, _ now: Instant) -> Int? {
    let idle = clients.indices.filter { index in
      guard let since = clients[index].idleSince, isRoot || !clients[index].isRoot else { return false }
      return .nanoseconds(now.nanoseconds - since.nanoseconds) >= Self.grace
    }
    return idle.min { one, other in
      (clients[one].isRoot ? 1 : 0, clients[one].idleSince?.nanoseconds ?? 0)
        < (clients[other].isRoot ? 1 : 0, clients[other].idleSince?.nanoseconds ?? 0)
    }
  }

  /// It asks for something. Returns false when it has made room for another one meanwhile.
  mutating func isServed(_ id: UInt64) -> Bool {
    set(id, nil)
    return !leaving.contains(id)
  }

  /// It was answered.
  mutating func isIdle(_ id: UInt64, at now: Instant) { set(id, now) }

  private mutating func set(_ id: UInt64, _ since: Instant?) {
    guard let index = clients.firstIndex(where: { $0.id == id }) else { return }
    clients[index].idleSince = since
    clients[index].isTracing = false
  }

  /// It asks for a trace, which lasts until it is idle. Returns false when as many as may be run already.
  mutating func traces(_ id: UInt64) -> Bool {
    guard let index = clients.firstIndex(where: { $0.id == id }), clients.count(where: \.isTracing) < Self.limitOfTraces else {
      return false
    }
    clients[index].isTracing = true
    return true
  }

  /// Whether somebody waits for an answer.
  var isAnyServed: Bool { clients.contains { $0.idleSince == nil } }

  /// It has gone.
  mutating func leave(_ id: UInt64) {
    clients.removeAll { $0.id == id }
    leaving.remove(id)
  }

  /// Whether it has made room for another one.
  func isEvicted(_ id: UInt64) -> Bool { leaving.contains(id) }
}
