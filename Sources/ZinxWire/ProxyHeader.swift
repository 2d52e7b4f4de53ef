/// The header by which a proxy tells whose connection it passes on: the PROXY protocol of HAProxy, versions 1 and 2, of which the latter
/// is told apart by its first byte. It comes once, in front of everything else.
///
/// Source of the rules: `proxy-protocol.txt` of HAProxy, sections 2.1 and 2.2.
public struct ProxyHeader: Sendable, Hashable {
  /// Bytes of the longest header that is taken. Version 2 could announce 64 KiB; what proxies add is a few hundred bytes, and a client's
  /// certificate a few thousand.
  public static let longest = 16 << 10

  /// Bytes of the header: what comes behind them is the connection's.
  public let length: Int
  /// Who has connected to the proxy, and to which address. Nil where the connection is the proxy's own, or the header does not tell of a
  /// TCP connection: then the addresses of the socket hold.
  public let ends: Ends?
  /// Whose connection it is.
  public let owner: Owner

  /// Whose connection a proxy passes on.
  public enum Owner: Sendable, Hashable {
    case client
    /// The proxy's own, as that of a health check (`LOCAL` of version 2).
    case proxy
    /// A client's without an address that could be told, or the proxy's own: version 1 has one word for both, `UNKNOWN`.
    case unknown
  }

  /// Both ends of a TCP connection.
  public struct Ends: Sendable, Hashable {
    public let source: End
    public let destination: End
  }

  /// One end.
  public struct End: Sendable, Hashable {
    public let address: Address
    public let port: UInt16

    public init(address: Address, port: UInt16) { (self.address, self.port) = (address, port) }
  }

  /// The address of an end, as a number.
  public enum Address: Sendable, Hashable {
    case v4(UInt32)
    case v6(UInt128)
  }

  /// What the first bytes of a connection are.
  public enum Reading: Sendable, Hashable {
    case header(ProxyHeader)
    /// The beginning of a header, or no bytes at all.
    case needsMore
    /// No header, whatever follows.
    case refused(Fault)
  }

  /// Why bytes are no header.
  public enum Fault: Error, Sendable, Hashable {
    /// They begin as no header does.
    case otherProtocol
    /// The line of version 1 does not end as it has to, by CR and LF within 107 bytes.
    case unendedLine
    /// The line has other fields than it has to.
    case fields
    case address
    case port
    case version
    case command
    /// A family of addresses, or a transport, that there is not.
    case family
    /// Version 2 announces so many bytes, more than ``ProxyHeader/longest``.
    case tooLong(Int)
    /// Version 2 announces fewer bytes than the addresses of the family take.
    case shortAddresses
  }

  /// Reads the first bytes of a connection, as many as there are by now: from the very first on, and more than the header if they have
  /// come already. No call looks at more than ``longest`` of them.
  public static func read(_ bytes: UnsafeRawBufferPointer) -> Reading {
    if isBeginning(bytes, of: signature) { return readBinary(bytes) }
    return isBeginning(bytes, of: lineStart) ? readLine(bytes) : .refused(.otherProtocol)
  }

  /// Whether one of them begins with the other.
  private static func isBeginning(_ bytes: UnsafeRawBufferPointer, of start: [UInt8]) -> Bool {
    zip(bytes, start).allSatisfy { $0 == $1 }
  }
}

extension ProxyHeader.Fault: CustomStringConvertible {
  /// In words, for the log.
  public var description: String {
    switch self {
    case .otherProtocol: "it began with something else than a PROXY header"
    case .unendedLine: "its PROXY line does not end by CR LF within 107 bytes"
    case .fields: "its PROXY line has other fields than it may"
    case .address: "an address of its PROXY line is none"
    case .port: "a port of its PROXY line is none"
    case .version: "its PROXY header has another version than 1 or 2"
    case .command: "its PROXY header has an unknown command"
    case .family: "its PROXY header has an unknown family of addresses"
    case .tooLong(let length): "its PROXY header is \(length) bytes long, at most \(ProxyHeader.longest) are taken"
    case .shortAddresses: "its PROXY header is too short for its addresses"
    }
  }
}
