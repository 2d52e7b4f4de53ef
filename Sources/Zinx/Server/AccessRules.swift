/// `Allow` and `Deny`: which addresses may come in.
struct AccessRules: Sendable {
  /// Nil admits everybody.
  private let allowed: NetworkSet?
  private let denied: NetworkSet

  init(allow: [Network] = [], deny: [Network] = []) {
    allowed = allow.isEmpty ? nil : NetworkSet(allow)
    denied = NetworkSet(deny)
  }

  /// Why an address may not come in; nil when it may. `Deny` stands above `Allow`.
  func refusal(of address: IPAddress) -> RefusalReason? {
    if denied.contains(address) { return .denied }
    return allowed?.contains(address) ?? true ? nil : .notAllowed
  }
}

/// The addresses of some networks, which may overlap. A look-up takes as many steps as their number has binary digits.
struct NetworkSet: Sendable {
  /// In order, with a gap between any two.
  private var intervals: [ClosedRange<UInt128>] = []

  init(_ networks: [Network]) {
    for next in networks.flatMap(\.intervals).sorted(by: { $0.lowerBound < $1.lowerBound }) { append(next) }
  }

  private mutating func append(_ next: ClosedRange<UInt128>) {
    // The second test leaves room for the addition.
    guard let last = intervals.last, last.upperBound >= next.lowerBound || last.upperBound + 1 == next.lowerBound else {
      return intervals.append(next)
    }
    intervals[intervals.count - 1] = last.lowerBound...max(last.upperBound, next.upperBound)
  }

  /// How many intervals there are.
  var count: Int { intervals.count }

  func contains(_ address: IPAddress) -> Bool {
    var (low, high) = (0, intervals.count)
    while low < high {
      let middle = (low + high) / 2
      if intervals[middle].upperBound < address.number { low = middle + 1 } else { high = middle }
    }
    return low < intervals.count && intervals[low].contains(address.number)
  }
}
