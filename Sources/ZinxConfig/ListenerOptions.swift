import Zinx
import ZinxTLS
import ZinxWire

extension ListenerOption {
  /// Every key of an element of `Listeners`, in the order of the manual.
  public static var all: [ListenerOption] { listenerOptions }

  /// The key, in any case.
  public static func named(_ key: String) -> ListenerOption? {
    listenerOptions.first { asciiLowercased($0.name) == asciiLowercased(key) }
  }

  /// The default as JSON; nil for those whose default is not to be there: see ``absence``.
  public var defaultText: String? { isRequired ? nil : value(in: Self.standard)?.jsonText }

  /// Whether a listener has to have it.
  public var isRequired: Bool { name == "Name" || name == "Address" }

  /// The value, where it is not what a listener has that says nothing.
  func printed(in endpoint: Endpoint) -> ConfigurationValue? {
    isRequired || !isEqual(in: endpoint, and: Self.standard) ? value(in: endpoint) : nil
  }

  static let standard = Endpoint(.tcp(host: "0.0.0.0", port: 7777))
}

private let listenerOptions: [ListenerOption] = [
  ListenerOption(
    "Name", \.name, .string("printable text of 1 to 64 bytes without a colon") { isName($0) && !$0.contains(":") }, reload: true,
    "Unique name, in the log, and matched by systemd's FileDescriptorName= of a passed socket"),
  ListenerOption(
    "Address", \.address, .listenAddress, reload: true,
    "Where it listens; a name with all its addresses that are this machine's; port 0 asks the kernel for one"),
  ListenerOption(
    "V6Only", \.v6Only, .bool, reload: true, "Whether an address such as [::]:7777 leaves IPv4 alone; else it takes both"),
  ListenerOption("Mode", \.mode, .permissions, reload: true, "Permissions of a UNIX socket in the file system"),
  .framing,
  ListenerOption(
    "MaxConn", \.maxConn, .optional(.integer(in: 1...1_000_000)), unit: "connections", reload: true, absence: "the general one",
    "Connections of this listener at once, a part of the general MaxConn"),
  ListenerOption(
    "Backlog", \.backlog, .integer(in: 1...65535), unit: "connections", reload: true,
    "Connections that the kernel completes before they are accepted, net.core.somaxconn at most"),
  ListenerOption(
    "MaxPacketSize", \.maxPacketSize, .optional(.integer(in: 1...1_073_741_824)), unit: "bytes", reload: true,
    absence: "the general one", "Data in one message from a peer, in place of the general one"),
  ListenerOption(
    "IdleTimeout", \.idleTimeout, .optional(.seconds(in: .zero...year)), unit: "seconds", reload: true,
    absence: "the general one",
    "Time without a byte from the peer after which its connection is closed, in place of the general one; 0 means never"),
  ListenerOption(
    "Allow", \.allow, .optional(.networks), reload: true, absence: "the general one",
    "Networks that may connect here, in place of the general ones; an empty list means everybody"),
  ListenerOption(
    "Deny", \.deny, .optional(.networks), reload: true, absence: "the general one",
    "Networks that may not connect here, in place of the general ones"),
  ListenerOption(
    "Transport", \.transport, .choice, reload: true, "What carries the bytes of messages; WebSocket is that of RFC 6455"),
  ListenerOption(
    "Path", \.path, .path, reload: true, "Path at which clients become WebSockets; another one is answered by 404"),
  ListenerOption(
    "Origins", \.origins, .origins, reload: true,
    "Origins of web pages whose scripts may connect by WebSocket; an empty list means those of the host that they ask"),
  ListenerOption(
    "Subprotocols", \.subprotocols, .subprotocols, reload: true,
    "Subprotocols of WebSocket that are spoken; the first that a client offers and that is here is agreed on"),
  ListenerOption(
    "ProxyProtocol", \.proxyProtocol, .choice, reload: true,
    "Whether proxies that connect here have to tell whose connection it is (PROXY protocol 1 or 2), before TLS if there is any"),
  ListenerOption(
    "TrustedProxies", \.trustedProxies, .networks, reload: true,
    "Networks of those proxies, whose word is taken for the address of the peer; nobody else may connect. Of a WebSocket without that X-Forwarded-For is believed"
  ),
  ListenerOption(
    "Tls", \.tls, .tls, reload: true, absence: "plain connections",
    "TLS; a reload reads its files anew, for handshakes from then on"
  ) { value, endpoint in
    var reader = TLSReader()
    reader.read(value)
    if reader.problems.isEmpty { endpoint.tls = reader.configuration }
    return reader.problems
  },
  ListenerOption(
    "Plugins", \.plugins, .optional(.pluginNames), reload: true, absence: "all that are on",
    "Plugins, of those that are on, whose routes and hooks there are here; two may have one message id if no listener has both"),
]

extension Option {
  /// All of them, told as one option.
  static let listeners = Option(
    "Listeners", \.server.endpoints, .listeners, reload: true, absence: "those of Host and Mode",
    "Several listeners, in place of Host, TcpPort, Mode and WsPort; open connections stay when one goes"
  ) { value, configuration in
    var reader = ListenersReader(codecs: configuration.codecs.all)
    reader.read(value)
    if reader.problems.isEmpty { configuration.server.endpoints = reader.endpoints }
    return reader.problems
  }
}

extension SettingRule {
  /// A rule for what need not be there.
  static func optional<Wrapped>(_ rule: SettingRule<Wrapped>) -> Self where Value == Wrapped? {
    Self(
      type: rule.type, allowed: rule.allowed, read: { value in rule.read(value).map { .some($0) } },
      write: { $0.flatMap(rule.write) }, faults: rule.faults)
  }
}

extension SettingRule where Value == [Endpoint] {
  /// For the table: how they are read is the work of ``ListenersReader``.
  fileprivate static var listeners: Self {
    Self(
      type: "list of listeners", allowed: ListenersReader.allowed,
      read: { _ in nil },
      write: { endpoints in
        endpoints.isEmpty ? nil : ConfigurationValue(.array(endpoints.map(ListenersReader.written)))
      })
  }
}

extension SettingRule where Value == ListenAddress {
  fileprivate static var listenAddress: Self {
    address(#"an address such as "127.0.0.1:7777", "[::]:7777", "name:7777", "unix:/run/zinxd/clients.sock" or "unix:@name""#)
  }

  /// - Parameter forms: completes the sentence "must be …".
  static func address(_ forms: String) -> Self {
    Self(
      type: "string", allowed: forms,
      read: { if case .string(let text) = $0.content { try? ListenAddress(text) } else { nil } },
      write: { ConfigurationValue(.string($0.description)) },
      faults: { value in
        guard case .string(let text) = value.content else { return [] }
        do throws(ListenAddressError) {
          _ = try ListenAddress(text)
          return []
        } catch { return reason(error).map { [SettingFault(value: value, reason: $0)] } ?? [] }
      })
  }

  private static func reason(_ error: ListenAddressError) -> String? {
    switch error {
    case .malformed: nil
    case .noPort: "there is no port behind it, as in \"127.0.0.1:7777\""
    case .badPort: "a port is a whole number from 0 to 65535"
    case .noBrackets: "an IPv6 address stands in brackets, as in \"[::1]:7777\""
    case .notAbsolute: "a UNIX socket has a path that begins with \"/\", or a name that begins with \"@\""
    case .tooLong: "the kernel takes no path or name of a UNIX socket that is longer than 107 bytes"
    }
  }
}

extension SettingRule where Value == String {
  static var path: Self {
    string("a path that begins with \"/\", without a query, of at most 256 bytes") { path in
      path.hasPrefix("/") && path.utf8.count <= 256
        && path.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x23 && $0 != 0x3F }
    }
  }
}

extension SettingRule where Value == [String] {
  fileprivate static var origins: Self {
    list(
      #"a list of origins such as "https://game.example" or "http://localhost:3000", or ["*"] for all"#,
      faults: { origin in
        // Nothing would match it, and its operator would find that out from a page that cannot connect.
        origin.contains("*") && origin != "*" ? "an origin has no wildcard in it: name each one, or \"*\" alone for all" : nil
      }
    ) { origin in
      guard !origin.contains("*") else { return origin == "*" }
      let parts = origin.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
      return parts.count == 2 && !parts[0].isEmpty && !parts[1].isEmpty
        && origin.utf8.allSatisfy { (0x21...0x7E).contains($0) } && !parts[1].contains { "/?#@".contains($0) }
    }
  }

  fileprivate static var subprotocols: Self {
    list(#"a list of names such as ["zinx.v1"]"#) { name in
      !name.isEmpty && name.utf8.count <= 64
        && name.utf8.allSatisfy { (0x21...0x7E).contains($0) } && !name.contains { "()<>@,;:\\\"/[]?={}".contains($0) }
    }
  }

  /// - Parameter hidden: what is shown in place of an element that has a fault, where it may hold a secret.
  static func list(
    _ allowed: String, count: ClosedRange<Int> = 0...64, hidden: String? = nil,
    faults: @escaping @Sendable (String) -> String? = { _ in nil }, where isGood: @escaping @Sendable (String) -> Bool
  ) -> Self {
    Self(
      type: "list of strings", allowed: allowed,
      read: { value in
        guard case .array(let elements) = value.content, count.contains(elements.count) else { return nil }
        let texts = elements.compactMap { if case .string(let text) = $0.content, isGood(text) { text } else { nil } }
        return texts.count == elements.count ? texts : nil
      },
      write: { ConfigurationValue(.array($0.map { ConfigurationValue(.string($0)) })) },
      faults: { value in
        guard case .array(let elements) = value.content else { return [] }
        return elements.compactMap { element in
          guard case .string(let text) = element.content else { return nil }
          let shown = hidden.map { ConfigurationValue(.string($0), at: element.position) } ?? element
          return faults(text).map { SettingFault(value: shown, reason: $0) }
        }
      })
  }

  /// Whether the names are known is checked where the plugins are: see ``ParsedConfiguration``.
  fileprivate static var pluginNames: Self {
    Self(
      type: "list of plugins", allowed: #"a list of names of plugins such as ["ping", "echo"]"#,
      read: { value in
        guard case .array(let elements) = value.content, !elements.isEmpty else { return nil }
        let names = elements.compactMap { if case .string(let name) = $0.content { name } else { nil } }
        return names.count == elements.count ? names : nil
      },
      write: { ConfigurationValue(.array($0.map { ConfigurationValue(.string($0)) })) },
      faults: { value in
        guard case .array(let elements) = value.content else { return [] }
        return elements.compactMap { element in
          if case .string = element.content { return nil }
          return SettingFault(value: element, reason: "the name of a plugin is a string")
        }
      })
  }
}

extension SettingRule where Value == UInt16 {
  /// Permissions as chmod(1) takes them.
  fileprivate static var permissions: Self {
    Self(
      type: "string", allowed: #"permissions in octal, such as "0660""#,
      read: { value in
        guard case .string(let text) = value.content, (3...4).contains(text.utf8.count), let mode = UInt16(text, radix: 8),
          mode <= 0o777, !text.hasPrefix("+")
        else { return nil }
        return mode
      },
      write: { ConfigurationValue(.string("0" + String($0, radix: 8))) })
  }
}
