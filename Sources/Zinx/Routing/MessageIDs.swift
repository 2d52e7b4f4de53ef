/// The messages that a route is for. An id comes before a range that holds it, and a range before ``otherwise``.
public enum MessageIDs: Hashable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
  case id(UInt32)
  /// The ids of a range; ranges do not overlap.
  case range(ClosedRange<UInt32>)
  /// Every message that has no other route.
  case otherwise

  public init(integerLiteral id: UInt32) { self = .id(id) }

  /// What an operator has written: `7`, `100-199`, `*`. Nil for anything else, also for a range that ends before it begins.
  public init?(_ text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    let ids = parts.compactMap { part in part.utf8.allSatisfy { (48...57).contains($0) } ? UInt32(part) : nil }
    switch (ids.count, parts.count) {
    case (1, 1): self = .id(ids[0])
    case (2, 2) where ids[0] <= ids[1]: self = .range(ids[0]...ids[1])
    default:
      guard text == "*" else { return nil }
      self = .otherwise
    }
  }

  /// As an operator writes them: `7`, `100-199`, `*`.
  public var description: String {
    switch self {
    case .id(let id): "\(id)"
    case .range(let ids): "\(ids.lowerBound)-\(ids.upperBound)"
    case .otherwise: "*"
    }
  }

  /// The messages that two routes would both be for, neither before the other; nil if there are none.
  func conflict(with other: MessageIDs) -> MessageIDs? {
    switch (self, other) {
    case (.range(let own), .range(let ids)): own.overlaps(ids) ? .range(own.clamped(to: ids)) : nil
    default: self == other ? self : nil
    }
  }
}
