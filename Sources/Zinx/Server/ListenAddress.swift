import CLinux
import Glibc

/// Where a listener listens: `127.0.0.1:7777`, `[::]:7777`, `game.example:7777`, `unix:/run/zinxd/clients.sock`, `unix:@zinxd`.
public enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
  /// An address, or a name with every address that it resolves to; port 0 asks the kernel for one.
  case tcp(host: String, port: UInt16)
  /// A socket in the file system, by its absolute path.
  case unix(path: String)
  /// A socket of the abstract name space (unix(7)), which every user of the machine may reach.
  case abstract(name: String)

  /// Bytes of a path or an abstract name: unix(7), without the byte that ends the one and begins the other.
  package static let longestLocalName = 107

  /// Reads an address as it stands in `zinx.json`.
  ///
  /// Throws: ``ListenAddressError``.
  public init(_ text: String) throws(ListenAddressError) {
    self = if text.hasPrefix("unix:") { try Self.local(text.dropFirst(5)) } else { try Self.tcp(text) }
  }

  public var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    case .abstract(let name): "unix:@\(name)"
    }
  }

  /// The address or name of a machine; nil for a UNIX socket.
  package var host: String? { if case .tcp(let host, _) = self { host } else { nil } }

  /// The port; nil for a UNIX socket.
  package var port: UInt16? { if case .tcp(_, let port) = self { port } else { nil } }

  private static func local(_ name: Substring) throws(ListenAddressError) -> ListenAddress {
    let isAbstract = name.hasPrefix("@")
    let bytes = isAbstract ? name.dropFirst() : name
    guard !bytes.isEmpty, isAbstract || bytes.hasPrefix("/") else { throw .notAbsolute }
    guard bytes.utf8.count <= longestLocalName else { throw .tooLong }
    guard bytes.unicodeScalars.allSatisfy(\.isPrintable) else { throw .malformed }
    return isAbstract ? .abstract(name: String(bytes)) : .unix(path: String(bytes))
  }

  private static func tcp(_ text: String) throws(ListenAddressError) -> ListenAddress {
    guard let colon = text.lastIndex(of: ":") else { throw .noPort }
    let (host, digits) = (text[..<colon], text[text.index(after: colon)...])
    if host.hasPrefix("["), host.hasSuffix("]") {
      let inner = String(host.dropFirst().dropLast())
      guard inner.contains(":"), isHost(inner) else { throw .malformed }
      return .tcp(host: inner, port: try port(digits))
    }
    guard !host.contains(":") else { throw .noBrackets }
    guard isHost(String(host)) else { throw .malformed }
    return .tcp(host: String(host), port: try port(digits))
  }

  private static func port(_ digits: Substring) throws(ListenAddressError) -> UInt16 {
    guard let port = UInt16(digits), String(port) == digits else { throw .badPort }
    return port
  }

  /// Only what no resolver could make sense of is none, such as an address with a port; whether a name resolves is known when it is
  /// bound.
  package static func isHost(_ text: String) -> Bool {
    let isClean = text.unicodeScalars.allSatisfy { $0.isPrintable && !$0.properties.isWhitespace && $0 != "[" && $0 != "]" }
    guard isClean, (1...255).contains(text.utf8.count) else { return false }
    // An address of a link has an interface behind it.
    return !text.contains(":") || IPAddress(String(text.prefix { $0 != "%" })) != nil
  }

  /// Whether nobody can listen at both: the same, or one of them takes the other's connections too. Names are not looked up, but for
  /// `localhost`, which has one address wherever else it may have another (RFC 6761). Links in a path and `..` are followed as far as its
  /// directory is there: asks the file system.
  ///
  /// - Parameter v6Only: of each, whether `[::]` leaves IPv4 alone.
  package func overlaps(_ other: ListenAddress, v6Only: (Bool, Bool)) -> Bool {
    if case .unix(let path) = self, case .unix(let otherPath) = other { return Self.isOneFile(path, otherPath) }
    guard case .tcp(let host, let port) = self, case .tcp(let otherHost, let otherPort) = other else { return self == other }
    guard port == otherPort, port != 0 else { return false }
    if asciiLowercased(host) == asciiLowercased(otherHost) { return true }
    guard let one = Self.address(host), let two = Self.address(otherHost) else { return false }
    return one == two || one.takesIn(two, v6Only: v6Only.0) || two.takesIn(one, v6Only: v6Only.1)
  }
}

extension ListenAddress {
  private static func isOneFile(_ path: String, _ other: String) -> Bool {
    let (parts, otherParts) = (parts(path), parts(other))
    return parts == otherParts || parts.last == otherParts.last && place(parts) == place(otherParts)
  }

  /// `/run/./x` and `/run//x` are `/run/x`. What `..` leads to is the file system's to say.
  private static func parts(_ path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }

  /// The directory without links; as it is written where there is none, and nothing can be bound.
  private static func place(_ parts: [Substring]) -> String {
    let directory = "/" + parts.dropLast().joined(separator: "/")
    guard let real = realpath(directory, nil) else { return directory }
    defer { free(real) }
    return String(cString: real)
  }

  /// Also of what resolvers take for one (inet_aton(3)): `127.1`, `0x7f000001`.
  private static func address(_ host: String) -> IPAddress? {
    if ["localhost", "localhost."].contains(asciiLowercased(host)) { return IPAddress("127.0.0.1") }
    if let address = IPAddress(host) { return address }
    var four = in_addr()
    return inet_aton(host, &four) == 1 ? IPAddress(v4: UInt32(bigEndian: four.s_addr)) : nil
  }
}

extension IPAddress {
  /// Whether a socket on this address takes what is for the other.
  fileprivate func takesIn(_ other: IPAddress, v6Only: Bool) -> Bool {
    if number == 0 { return !other.isV4 || !v6Only }
    return self == IPAddress(v4: 0) && other.isV4
  }
}

/// Why a text is no address to listen on.
public enum ListenAddressError: Error, Sendable, Hashable {
  case malformed
  /// There is no port behind the host.
  case noPort
  /// The port is no number from 0 to 65535.
  case badPort
  /// An IPv6 address with a port behind it stands in brackets.
  case noBrackets
  /// The path of a UNIX socket does not begin with a slash, and its name not with `@`.
  case notAbsolute
  /// The path or name of a UNIX socket is longer than the kernel takes.
  case tooLong
}
