import Zinx
import ZinxWire

/// Reads the array `Listeners`: every problem of every element, and what they cannot have in common.
struct ListenersReader {
  /// More are a slip of a script: each takes a descriptor, and a look at every accept.
  static let most = 64
  static let allowed = "a list of 1 to \(most) listeners, each an object with a Name and an Address"

  /// Codecs that a `DataPack` may name.
  private let codecs: [any FrameCodec]
  private(set) var endpoints: [Endpoint] = []
  private(set) var problems: [ConfigurationProblem] = []
  /// Where the names and addresses stand, by endpoint.
  private var places: [(name: SourcePosition?, address: SourcePosition?)] = []

  init(codecs: [any FrameCodec]) { self.codecs = codecs }

  mutating func read(_ value: ConfigurationValue) {
    guard case .array(let elements) = value.content, (1...Self.most).contains(elements.count) else {
      return problem(value.position, "Listeners is \(value.found), but must be \(Self.allowed)")
    }
    for (index, element) in elements.enumerated() { read(element, index) }
    checkPairs()
  }

  /// As a file would say it, in as few words as possible.
  static func written(_ endpoint: Endpoint) -> ConfigurationValue {
    ConfigurationValue(
      .object(
        ListenerOption.all.compactMap { option in
          option.printed(in: endpoint).map { ConfigurationMember(key: option.name, value: $0) }
        }))
  }

  private mutating func problem(_ position: SourcePosition?, _ message: String) {
    problems.append(ConfigurationProblem(at: position, message))
  }

  private mutating func read(_ element: ConfigurationValue, _ index: Int) {
    guard case .object(let members) = element.content else {
      return problem(element.position, "Listeners[\(index)] is \(element.found), but must be an object")
    }
    let label = Self.label(members, index)
    let before = problems.count
    var endpoint = ListenerOption.standard
    for member in members { read(member, label, &endpoint) }
    func find(_ name: String) -> ConfigurationMember? { members.first { asciiLowercased($0.key) == asciiLowercased(name) } }
    for option in ListenerOption.all where option.isRequired && find(option.name) == nil {
      problem(element.position, "\(label) has no \(option.name)")
    }
    if let mode = find("Mode"), find("Address") != nil, problems.count == before, !endpoint.address.isInFileSystem {
      problem(mode.position, "\(label): Mode is for a UNIX socket in the file system, and its Address is none")
    }
    if problems.count == before {
      checkProxies(of: endpoint, find("ProxyProtocol"), find("TrustedProxies"), label)
      for member in ["Path", "Origins", "Subprotocols"].compactMap(find) where endpoint.transport != .webSocket {
        problem(member.position, "\(label): \(member.key) is for \"Transport\": \"websocket\"")
      }
    }
    guard problems.count == before else { return }
    endpoints.append(endpoint)
    places.append((find("Name")?.position, find("Address")?.position))
  }

  /// A header that anybody may send would let everybody choose an address.
  private mutating func checkProxies(
    of endpoint: Endpoint, _ proxyProtocol: ConfigurationMember?, _ proxies: ConfigurationMember?, _ label: String
  ) {
    switch endpoint.proxyProtocol {
    case .off where endpoint.address.port == nil && !endpoint.trustedProxies.isEmpty:
      problem(proxies?.position, "\(label): a peer on a UNIX socket has no address that TrustedProxies could name")
    case .off:
      // Those of a WebSocket tell in its request.
      guard let proxies, !endpoint.trustedProxies.isEmpty, endpoint.transport != .webSocket else { return }
      problem(proxies.position, "\(label): TrustedProxies is for ProxyProtocol, which is \"off\"")
    case .require where endpoint.address.port == nil:
      problem(
        proxyProtocol?.position,
        "\(label): ProxyProtocol is \"require\", and a peer on a UNIX socket has no address that TrustedProxies could name")
    case .require where endpoint.trustedProxies.isEmpty:
      problem(
        proxyProtocol?.position, "\(label): ProxyProtocol is \"require\", and there are no TrustedProxies that it is taken from")
    case .require: break
    }
  }

  private mutating func read(_ member: ConfigurationMember, _ label: String, _ endpoint: inout Endpoint) {
    guard let option = ListenerOption.named(member.key) else {
      let hint = nearestName(to: member.key, among: ListenerOption.all.map(\.name)).map { "; did you mean \"\($0)\"?" } ?? ""
      return problem(member.position, "\(label): unknown key \(quotedBriefly(member.key))\(hint)")
    }
    let found = option.name == "DataPack" ? framing(member.value, &endpoint) : option.apply(member.value, to: &endpoint)
    problems += found.map { ConfigurationProblem(at: $0.position, "\(label): \($0.message)") }
  }

  private func framing(_ value: ConfigurationValue, _ endpoint: inout Endpoint) -> [ConfigurationProblem] {
    var reader = FramingReader(codecs: codecs)
    endpoint.framing = reader.read(value)
    return reader.problems
  }

  /// `the listener "web"`, or its place where it has no name.
  private static func label(_ members: [ConfigurationMember], _ index: Int) -> String {
    for member in members where asciiLowercased(member.key) == "name" {
      if case .string(let name) = member.value.content { return "the listener \(quotedBriefly(name))" }
    }
    return "Listeners[\(index)]"
  }

  private mutating func checkPairs() {
    for (later, endpoint) in endpoints.enumerated() {
      if let first = endpoints[..<later].firstIndex(where: { $0.name == endpoint.name }) {
        problem(
          places[later].name, "two listeners have the name \(quotedBriefly(endpoint.name)); \(Self.first(places[first].name))")
      }
      let clash = endpoints[..<later].firstIndex { $0.address.overlaps(endpoint.address, v6Only: ($0.v6Only, endpoint.v6Only)) }
      guard let clash else { continue }
      let (one, two) = (endpoints[clash], endpoint)
      let what =
        one.address == two.address
        ? "two listeners have the address \(quotedBriefly("\(two.address)"))"
        : "nobody can listen at \(quotedBriefly("\(two.address)")) beside \(quotedBriefly("\(one.address)"))"
      problem(places[later].address, "\(what); \(Self.first(places[clash].address))")
    }
  }

  private static func first(_ position: SourcePosition?) -> String {
    "the first is" + (position.map { " at line \($0.line), column \($0.column)" } ?? " above")
  }
}

extension ListenAddress {
  fileprivate var isInFileSystem: Bool { if case .unix = self { true } else { false } }
}
