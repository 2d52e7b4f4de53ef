extension SettingRule where Value == [Network] {
  /// An array of networks, in the order of the file.
  package static var networks: Self {
    Self(
      type: "list of networks", allowed: #"a list of networks such as "10.0.0.0/8" or "2001:db8::/32" and of single addresses"#,
      read: { value in
        guard case .array(let elements) = value.content else { return nil }
        let networks = elements.compactMap { try? parsed($0).get() }
        return networks.count == elements.count ? networks : nil
      },
      write: { ConfigurationValue(.array($0.map { ConfigurationValue(.string($0.description)) })) },
      faults: { value in
        guard case .array(let elements) = value.content else { return [] }
        return elements.compactMap { element in
          guard case .failure(let error) = parsed(element) else { return nil }
          return SettingFault(value: element, reason: reason(error))
        }
      })
  }
}

extension SettingRule where Value == Network {
  /// One network, or a single address.
  package static var network: Self {
    Self(
      type: "network", allowed: #"a network such as "10.0.0.0/8" or "2001:db8::/32", or a single address"#,
      read: { try? parsed($0).get() },
      write: { ConfigurationValue(.string($0.description)) },
      faults: { value in
        guard case .failure(let error) = parsed(value), case .hostBits = error else { return [] }
        return [SettingFault(value: value, reason: reason(error))]
      })
  }
}

private func parsed(_ element: ConfigurationValue) -> Result<Network, NetworkError> {
  guard case .string(let text) = element.content else { return .failure(.malformed) }
  return Result { () throws(NetworkError) in try Network(text) }
}

private func reason(_ error: NetworkError) -> String {
  switch error {
  case .malformed: #"a network is written as "10.0.0.0/8" or "2001:db8::/32", a single address as "192.0.2.1" or "2001:db8::1""#
  case .hostBits(let network):
    "bits are set beyond its length: the network is \(quotedJSON(network.description)), a single address has no length"
  }
}
