import Zinx
import ZinxTLS

/// Reads the object `Tls` of a listener: every problem that it has. No file is opened.
struct TLSReader {
  static let allowed = "an object with a CertFile and a PrivateKeyFile"

  private(set) var configuration = TLSOption.standard
  private var object = ObjectReader("Tls", allowed: Self.allowed, TLSOption.all)

  var problems: [ConfigurationProblem] { object.problems }

  mutating func read(_ value: ConfigurationValue) {
    guard let members = object.read(value, into: &configuration) else { return }
    func find(_ name: String) -> ConfigurationMember? { members.first { asciiLowercased($0.key) == asciiLowercased(name) } }
    for option in TLSOption.all where option.isRequired && find(option.name)?.value.isEmpty != false {
      object.problem(value.position, "Tls has no \(option.name)")
    }
    guard problems.isEmpty else { return }
    let asks = configuration.clientAuth != .none
    if asks, configuration.clientCAFile.isEmpty {
      object.problem(
        find("ClientAuth")?.position,
        "ClientAuth is \"\(configuration.clientAuth.rawValue)\", and there is no ClientCAFile to check with")
    }
    for name in ["ClientCAFile", "CrlFile"] where !asks {
      guard let member = find(name), !member.value.isEmpty else { continue }
      object.problem(member.position, "\(member.key) is for clients' certificates, and ClientAuth asks for none")
    }
  }

  /// As a file would say it, in as few words as possible.
  static func written(_ configuration: TLSConfiguration) -> ConfigurationValue {
    .object(of: TLSOption.all) { $0.printed(in: configuration) }
  }
}

extension ConfigurationValue {
  /// Whether it is the string without anything in it.
  var isEmpty: Bool { content == .string("") }
}

/// Reads the array `Sni` of `Tls`.
enum IdentitiesReader {
  static let allowed = "a list of objects, each with Names, a CertFile and a PrivateKeyFile"

  static func read(_ value: ConfigurationValue) -> ([TLSConfiguration.Identity], [ConfigurationProblem]) {
    guard case .array(let elements) = value.content else {
      return ([], [ConfigurationProblem(at: value.position, "Sni is \(value.found), but must be \(allowed)")])
    }
    var (identities, problems): ([TLSConfiguration.Identity], [ConfigurationProblem]) = ([], [])
    var names: [String: Int] = [:]
    for (index, element) in elements.enumerated() {
      if let identity = identity(element) {
        problems += repeated(identity, element.position, index, before: &names)
        identities.append(identity)
      } else {
        problems.append(
          ConfigurationProblem(
            at: element.position,
            "Sni[\(index)] must be an object with Names, a list of host names such as \"a.example\" and \"*.example\", a CertFile and a PrivateKeyFile"
          ))
      }
    }
    return (identities, problems)
  }

  /// A client that asks for a name gets one certificate: which of two would be anybody's guess.
  private static func repeated(
    _ identity: TLSConfiguration.Identity, _ position: SourcePosition?, _ index: Int, before names: inout [String: Int]
  ) -> [ConfigurationProblem] {
    identity.names.compactMap { name in
      guard let first = names.updateValue(names[asciiLowercased(name)] ?? index, forKey: asciiLowercased(name)) else {
        return nil
      }
      return ConfigurationProblem(
        at: position, "Sni[\(index)] has the name \(quotedBriefly(name)), which Sni[\(first)] has already")
    }
  }

  /// Nil for what is not one.
  private static func identity(_ value: ConfigurationValue) -> TLSConfiguration.Identity? {
    guard case .object(let members) = value.content, members.count == 3 else { return nil }
    func find(_ name: String) -> ConfigurationValue.Content? {
      members.first { asciiLowercased($0.key) == asciiLowercased(name) }?.value.content
    }
    guard case .array(let elements) = find("Names"), case .string(let certFile) = find("CertFile"),
      case .string(let keyFile) = find("PrivateKeyFile"), !certFile.isEmpty, !keyFile.isEmpty
    else { return nil }
    let names = elements.compactMap { if case .string(let name) = $0.content, isName(name) { name } else { nil } }
    guard names.count == elements.count, !names.isEmpty else { return nil }
    return TLSConfiguration.Identity(names: names, certFile: certFile, privateKeyFile: keyFile)
  }

  /// A host name of RFC 1123, or one with `*` for its first label.
  private static func isName(_ name: String) -> Bool {
    let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return name.utf8.count < 254
      && labels.enumerated().allSatisfy { index, label in
        (1...63).contains(label.count)
          && (index == 0 && labels.count > 1 && Array(label) == [UInt8(ascii: "*")]
            || label.allSatisfy { (48...57).contains($0) || (97...122).contains($0 | 32) || $0 == 45 || $0 == 95 })
      }
  }

  static func written(_ identity: TLSConfiguration.Identity) -> ConfigurationValue {
    let names = identity.names.map { ConfigurationValue(.string($0)) }
    return ConfigurationValue(
      .object([
        ConfigurationMember(key: "Names", value: ConfigurationValue(.array(names))),
        ConfigurationMember(key: "CertFile", value: ConfigurationValue(.string(identity.certFile))),
        ConfigurationMember(key: "PrivateKeyFile", value: ConfigurationValue(.string(identity.privateKeyFile))),
      ]))
  }
}
