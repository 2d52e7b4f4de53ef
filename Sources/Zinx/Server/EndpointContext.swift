import Synchronization
import ZinxIO
import ZinxTLS
import ZinxWire

/// What the connections of one listener have in common, and what it asks of those who come. It outlives the listener for as long as
/// there are connections of it, and follows the settings of the server until then.
final class EndpointContext: Sendable {
  let name: String
  let framing: Framing
  /// The order of the header, nil where frames are not Zinx's: a copy of ``framing`` counts references, and each connection asks.
  let dataPack: DataPack?
  let handler: MsgHandler
  private let plugins: [String]?
  let places: Places
  /// Nil where connections are plain.
  let tls: TLSDoor?
  /// Nil where connections are no WebSockets.
  let webSocketRules: WebSocketRules?
  let maxPacketSize = Atomic<UInt32>(0)
  private let settings: LiveSettings
  private let headerLength: Int
  /// Nanoseconds; 0 means never.
  private let idleTimeout = Atomic<Int64>(0)
  private let hasRules = Atomic<Bool>(false)
  private let rules = Mutex(AccessRules())
  private let hasProxies = Atomic<Bool>(false)
  private let proxies = Mutex(NetworkSet([]))
  private let endpoint: Mutex<Endpoint>

  /// - Parameters:
  ///   - tls: what sessions are made of; nil for plain connections.
  ///   - places: those of a listener of the same name that this one follows on; nil for a new one.
  init(
    _ endpoint: Endpoint, _ configuration: ServerConfiguration, _ settings: LiveSettings, _ handler: MsgHandler,
    tls: TLSContext? = nil, places: Places? = nil
  ) {
    self.tls = tls.map(TLSDoor.init)
    name = endpoint.name
    webSocketRules = endpoint.webSocketRules
    framing = endpoint.framing ?? configuration.framing
    dataPack = framing.dataPack
    headerLength = framing.headerLength
    self.settings = settings
    self.handler = handler
    plugins = endpoint.plugins
    self.places = places ?? Places()
    self.endpoint = Mutex(endpoint)
    apply(endpoint, configuration)
  }

  /// Whether connections that come in under a changed configuration are of the same kind.
  func suits(_ endpoint: Endpoint, _ configuration: ServerConfiguration) -> Bool {
    name == endpoint.name && framing == endpoint.framing ?? configuration.framing && plugins == endpoint.plugins
      && (tls != nil) == (endpoint.tls != nil) && webSocketRules == endpoint.webSocketRules
  }

  /// Puts the listener's own rules into force. Any thread.
  func apply(_ endpoint: Endpoint, _ configuration: ServerConfiguration) {
    self.endpoint.withLock { $0 = endpoint }
    apply(configuration)
  }

  /// Puts the server's settings into force wherever the listener has none of its own. Any thread.
  func apply(_ configuration: ServerConfiguration) {
    let endpoint = endpoint.withLock { $0 }
    maxPacketSize.store(endpoint.maxPacketSize ?? configuration.maxPacketSize, ordering: .relaxed)
    idleTimeout.store((endpoint.idleTimeout ?? configuration.idleTimeout).inNanoseconds, ordering: .relaxed)
    places.limit(to: endpoint.maxConn)
    let (allow, deny) = (endpoint.allow ?? configuration.allow, endpoint.deny ?? configuration.deny)
    rules.withLock { $0 = AccessRules(allow: allow, deny: deny) }
    hasRules.store(!allow.isEmpty || !deny.isEmpty, ordering: .releasing)
    proxies.withLock { $0 = NetworkSet(endpoint.trustedProxies) }
    hasProxies.store(endpoint.proxyProtocol == .require, ordering: .releasing)
  }

  /// By when a peer has to send something.
  @inline(__always)
  var receiveLimits: ReceiveDeadline.Limits {
    var limits = settings.receiveLimits(idle: idleTimeout.load(ordering: .relaxed))
    limits.header = headerLength
    return limits
  }

  /// Whether a PROXY header stands in front of what a peer sends.
  @inline(__always)
  var expectsProxyHeader: Bool { hasProxies.load(ordering: .acquiring) }

  /// Whether a peer may say on whose behalf it comes.
  func trusts(_ peer: SocketAddress) -> Bool { peer.ip.map(trusts) ?? false }

  private func trusts(_ address: IPAddress) -> Bool { proxies.withLock { $0.contains(address) } }

  /// On whose behalf a proxy asks: the last of the addresses that is none of ours. What comes before it anybody may have written.
  func client(in forwardedFor: [String]) -> IPAddress? {
    for text in forwardedFor.reversed() {
      guard let address = IPAddress(text) ?? Self.withoutPort(text) else { return nil }
      if !trusts(address) { return address }
    }
    return nil
  }

  /// Of `192.0.2.1:80` and `[2001:db8::1]:80`, as some proxies write.
  private static func withoutPort(_ text: String) -> IPAddress? {
    guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
    let host = text[..<colon]
    return IPAddress(String(host.hasPrefix("[") && host.hasSuffix("]") ? host.dropFirst().dropLast() : host))
  }

  /// Why the lists keep a peer out; nil lets it in. One without an address, on a local socket, is let in: files guard that.
  @inline(__always)
  func refusal(of peer: SocketAddress) -> RefusalReason? {
    guard hasRules.load(ordering: .acquiring), let address = peer.ip else { return nil }
    return rules.withLock { $0.refusal(of: address) }
  }
}

/// How many connections of a listener are live, against a `MaxConn` of its own. A place is taken before the connection exists, and given
/// back after its descriptor is closed.
final class Places: Sendable {
  private let most = Atomic<Int>(.max)
  private let taken = Atomic<Int>(0)
  private let begun = Atomic<UInt64>(0)

  /// Connections that are live.
  var live: Int { taken.load(ordering: .relaxed) }

  /// The limit; `Int.max` without one.
  var limit: Int { most.load(ordering: .relaxed) }

  var hasRoom: Bool { live < limit }

  func limit(to most: Int?) { self.most.store(most ?? .max, ordering: .relaxed) }

  /// Takes a place if one is free. Never more than there are, whoever asks at once.
  func enter() -> Bool {
    if taken.wrappingAdd(1, ordering: .relaxed).oldValue < limit { return true }
    leave()
    return false
  }

  /// Takes one for a connection that is there already, whether it is free or not.
  func takeOver() { taken.wrappingAdd(1, ordering: .relaxed) }

  /// So many had begun when another program had the listener.
  func goOn(from accepted: UInt64) { begun.wrappingAdd(accepted, ordering: .relaxed) }

  /// A connection has begun that has a place.
  func countAccepted() { begun.count() }

  /// Connections that have begun, of all listeners that had these places one after the other.
  var accepted: UInt64 { begun.load(ordering: .relaxed) }

  /// Gives a place back.
  func leave() { taken.wrappingSubtract(1, ordering: .relaxed) }
}
