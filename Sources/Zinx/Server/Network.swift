/// A network of IPv4 or IPv6 addresses, or a single address: `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1`.
public struct Network: Sendable, Hashable, CustomStringConvertible {
  /// The lowest address.
  private let base: IPAddress
  /// Leading bits that all addresses of the network share, of 128.
  private let length: Int

  /// Reads a network. Bits beyond its length must be zero: `10.1.2.3/8` may mean the network or the host, and a list that keeps
  /// people out is no place to guess.
  ///
  /// Throws: ``NetworkError``.
  public init(_ text: String) throws(NetworkError) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = parts.first.flatMap({ IPAddress(String($0)) }) else { throw .malformed }
    // In IPv4's own notation 32 bits are the whole address; the number has 96 more in front.
    let offset = text.contains(":") ? 0 : 96
    let length = parts.count > 1 ? Self.length(parts[1]).map { $0 + offset } : 128
    guard let length, length <= 128 else { throw .malformed }
    let network = Network(base: IPAddress(number: address.number & ~Self.hostBits(length)), length: length)
    guard network.base == address else { throw .hostBits(network) }
    self = network
  }

  private init(base: IPAddress, length: Int) {
    self.base = base
    self.length = length
  }

  /// One to three digits, written the one way.
  private static func length(_ text: Substring) -> Int? {
    guard text.utf8.count <= 3, let number = Int(text), String(number) == text, number >= 0 else { return nil }
    return number
  }

  /// Set where a network of this length has addresses of its own.
  private static func hostBits(_ length: Int) -> UInt128 { length == 0 ? .max : (1 << UInt128(128 - length)) - 1 }

  /// Its addresses, as intervals of their numbers. An IPv6 network that is shorter than `::ffff:0:0/96`, and has it inside, means no
  /// IPv4 address: `::/0` is every peer that speaks IPv6.
  var intervals: [ClosedRange<UInt128>] {
    let all = base.number...(base.number | Self.hostBits(length))
    guard length < 96, all.contains(Self.v4.lowerBound) else { return [all] }
    let below = all.lowerBound...Self.v4.lowerBound - 1
    // `::/80` ends with the last IPv4 address.
    guard all.upperBound > Self.v4.upperBound else { return [below] }
    return [below, Self.v4.upperBound + 1...all.upperBound]
  }

  private static let v4 = IPAddress(v4: 0).number...IPAddress(v4: .max).number

  /// As it would be written; a single address without its length.
  public var description: String {
    let isV4 = length >= 96 && base.isV4
    return length == 128 ? base.description : "\(base)/\(isV4 ? length - 96 : length)"
  }
}

/// Why a text is no network.
public enum NetworkError: Error, Sendable, Hashable {
  /// It is no address, or the length is none.
  case malformed
  /// Bits are set beyond the length; what it has is this network.
  case hostBits(Network)
}
