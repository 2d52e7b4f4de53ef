/// The messages that a route is for. An id comes before a range that holds it, and a range before ``otherwise``.
public enum MessageIDs: Hashable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
  case id(UInt32)
  /// The ids of a range; ranges do not overlap.
  case range(ClosedRange<UInt32>)
  /// Every message that has no other route.
  case otherwise

  public init(integerLiteral id: UInt32) { self = .id(id) }

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
