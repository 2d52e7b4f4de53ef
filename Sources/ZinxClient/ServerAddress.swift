/// Where a server is, and what it speaks there, in one text: `127.0.0.1:7777`, `[::1]:7777`, `tls://game.example:7777`,
/// `ws://game.example:8080/ws`, `wss://game.example/ws?room=1`, `unix:/run/zinxd/clients.sock`, `unix:@zinxd`.
public struct ServerAddress: Sendable, Hashable {
  public enum Place: Sendable, Hashable {
    /// A name, with every address that it resolves to, or an address.
    case tcp(host: String, port: UInt16)
    /// A socket in the file system, by its absolute path.
    case unix(path: String)
    /// A socket of the abstract name space (unix(7)).
    case abstract(name: String)
  }

  public let place: Place
  /// Whether TLS is spoken there (`tls://`, `wss://`).
  public let isSecure: Bool
  /// The path of the WebSocket that is there, with its query, as it is sent: `/ws?room=1`; nil where none is (`ws://`, `wss://`).
  public let webSocketTarget: String?

  /// Plain TCP.
  ///
  /// - Parameter host: A name or an address, without brackets.
  public init(host: String, port: UInt16) { self.init(.tcp(host: host, port: port)) }

  private init(_ place: Place, isSecure: Bool = false, webSocketTarget: String? = nil) {
    (self.place, self.isSecure, self.webSocketTarget) = (place, isSecure, webSocketTarget)
  }

  /// Reads an address. Ports may be left out where the scheme has one of its own: 80 of `ws://`, 443 of `wss://`.
  ///
  /// Throws: ``ServerAddressError``.
  public init(_ text: String) throws(ServerAddressError) {
    if text.hasPrefix("unix:") {
      self.init(try Self.local(text.dropFirst(5)))
    } else if let end = text.firstRange(of: "://") {
      let (scheme, rest) = (text[..<end.lowerBound].lowercased(), text[end.upperBound...])
      switch scheme {
      case "tcp": self.init(try Self.tcp(rest))
      case "tls": self.init(try Self.tcp(rest), isSecure: true)
      case "ws": try self.init(web: rest, isSecure: false, port: 80)
      case "wss": try self.init(web: rest, isSecure: true, port: 443)
      default: throw .unknownScheme(String(text[..<end.lowerBound].prefix(40)))
      }
    } else {
      self.init(try Self.tcp(text[...]))
    }
  }

  private init(web text: Substring, isSecure: Bool, port: UInt16) throws(ServerAddressError) {
    let end = text.firstIndex { "/?#".contains($0) } ?? text.endIndex
    let target = text[end...]
    guard target.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }), target.utf8.count <= 4096 else {
      throw .badPath
    }
    let place = try Self.tcp(text[..<end], defaultPort: port)
    self.init(place, isSecure: isSecure, webSocketTarget: (target.hasPrefix("/") ? "" : "/") + target)
  }

  // MARK: Parts

  /// Bytes of a path or an abstract name: unix(7), without the byte that ends the one and begins the other.
  static let longestLocalName = 107

  private static func local(_ name: Substring) throws(ServerAddressError) -> Place {
    let isAbstract = name.hasPrefix("@")
    let bytes = isAbstract ? name.dropFirst() : name
    guard !bytes.isEmpty, isAbstract || bytes.hasPrefix("/") else { throw .notAbsolute }
    guard bytes.utf8.count <= longestLocalName else { throw .tooLong }
    guard bytes.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { throw .malformed }
    return isAbstract ? .abstract(name: String(bytes)) : .unix(path: String(bytes))
  }

  private static func tcp(_ text: Substring, defaultPort: UInt16? = nil) throws(ServerAddressError) -> Place {
    guard !text.isEmpty else { throw .malformed }
    let (host, digits) = try split(text)
    guard let digits else {
      guard let defaultPort else { throw .noPort }
      return .tcp(host: host, port: defaultPort)
    }
    guard let port = UInt16(digits), String(port) == digits, port > 0 else { throw .badPort }
    return .tcp(host: host, port: port)
  }

  /// The host without brackets, and what stands behind its colon.
  private static func split(_ text: Substring) throws(ServerAddressError) -> (String, Substring?) {
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { throw .malformed }
      let (host, rest) = (text[text.index(after: text.startIndex)..<end], text[text.index(after: end)...])
      guard host.contains(":"), isHost(host, "[]/?#@"), rest.isEmpty || rest.hasPrefix(":") else { throw .malformed }
      return (String(host), rest.isEmpty ? nil : rest.dropFirst())
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 2 else { throw .noBrackets }
    guard isHost(parts[0], "[]/?#@%") else { throw .malformed }
    return (String(parts[0]), parts.count > 1 ? parts[1] : nil)
  }

  /// Only what no resolver could make sense of is none, and what would be more than a host in a request of HTTP.
  private static func isHost(_ text: Substring, _ others: String) -> Bool {
    (1...255).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && !others.utf8.contains($0) }
  }
}

extension ServerAddress: CustomStringConvertible {
  /// As it is read, with its port.
  public var description: String {
    let scheme = webSocketTarget == nil ? (isSecure ? "tls://" : "") : (isSecure ? "wss://" : "ws://")
    switch place {
    case .tcp(let host, let port): return scheme + endpoint(host, port) + (webSocketTarget ?? "")
    case .unix(let path): return "unix:\(path)"
    case .abstract(let name): return "unix:@\(name)"
    }
  }

  /// What a request of HTTP asks for: without the port that is the scheme's own.
  var authority: String {
    guard case .tcp(let host, let port) = place else { return "localhost" }
    let isUsual = port == (isSecure ? 443 : 80)
    return isUsual ? (host.contains(":") ? "[\(host)]" : host) : endpoint(host, port)
  }

  /// The name or address of a machine.
  package var host: String? { if case .tcp(let host, _) = place { host } else { nil } }
}

/// Why a text is no address of a server.
public enum ServerAddressError: Error, Sendable, Hashable, CustomStringConvertible {
  case malformed
  /// There is another word in front of `://` than `tcp`, `tls`, `ws` and `wss`.
  case unknownScheme(String)
  /// There is no port behind the host, and the scheme has none of its own.
  case noPort
  /// The port is no number from 1 to 65535.
  case badPort
  /// An IPv6 address stands in brackets.
  case noBrackets
  /// The path of a UNIX socket does not begin with a slash, and its name not with `@`.
  case notAbsolute
  /// The path or name of a UNIX socket is longer than the kernel takes.
  case tooLong
  /// The path of a WebSocket has what no request can have, such as a space or a `#`, or more than 4096 bytes.
  case badPath

  public var description: String {
    switch self {
    case .malformed:
      "an address is host:port, tls://host:port, ws://host:port/path, wss://host:port/path, unix:/path or unix:@name"
    case .unknownScheme(let scheme): "\(scheme)://: the schemes are tcp, tls, ws and wss"
    case .noPort: "there is no port behind the host, as in host:7777"
    case .badPort: "a port is a number from 1 to 65535"
    case .noBrackets: "an IPv6 address stands in brackets, as in [::1]:7777"
    case .notAbsolute: "behind unix: stands the absolute path of a socket, or @ and a name"
    case .tooLong: "the path or name of a UNIX socket has at most \(ServerAddress.longestLocalName) bytes"
    case .badPath: "the path of a WebSocket is of printable ASCII, without spaces and #, and has at most 4096 bytes"
    }
  }
}
