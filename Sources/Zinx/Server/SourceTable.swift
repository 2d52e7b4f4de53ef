/// Who counts as one for `MaxConnPerIP`: an IPv4 address, or the /64 of an IPv6 address, since that is what one customer gets, who may
/// come from any address in it.
struct Source: Sendable, Hashable {
  private let network: UInt128

  init(_ address: IPAddress) { network = address.isV4 ? address.number : address.number & ~UInt128(UInt64.max) }
}

/// How many connections each source has, against `MaxConnPerIP`. It knows only those that have some, so it is never larger than
/// `MaxConn`. Peers choose the keys: the hashes of the standard library are seeded anew in each process.
struct SourceTable {
  /// 0 means none.
  var limit = 0
  private var counts: [Source: Int] = [:]

  /// Takes a place if the source has one left.
  mutating func enter(_ source: Source) -> Bool {
    let count = counts[source] ?? 0
    guard limit == 0 || count < limit else { return false }
    counts[source] = count + 1
    return true
  }

  /// Counts a connection that is in already, whatever the limit says.
  mutating func add(_ source: Source) { counts[source, default: 0] += 1 }

  /// Gives a place back.
  mutating func leave(_ source: Source) {
    guard let count = counts[source] else { return assertionFailure("a source that has no connection lost one") }
    counts[source] = count > 1 ? count - 1 : nil
  }

  /// Sources that have connections.
  var count: Int { counts.count }

  func live(_ source: Source) -> Int { counts[source] ?? 0 }
}
