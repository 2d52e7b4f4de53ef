@testable import Zinx

/// `Allow` and `Deny`: texts between zero bytes, the first half of them in `Allow`.
@Sendable func fuzzNetworks(_ input: Input) {
  let networks = input.texts().compactMap(checkedNetwork)
  let (allow, deny) = (Array(networks.prefix(networks.count / 2)), Array(networks.dropFirst(networks.count / 2)))
  let rules = AccessRules(allow: allow, deny: deny)
  // Where an answer changes: at both ends of each network, and one beyond.
  for end in networks.flatMap(\.intervals).flatMap({ [$0.lowerBound, $0.upperBound] }) + [0, .max] {
    for number in [end &- 1, end, end &+ 1] {
      let address = IPAddress(number: number)
      require(rules.refusal(of: address) == refusal(of: address, allow, deny), "\(address) is where the lists say")
    }
  }
}

private func checkedNetwork(_ text: String) -> Network? {
  do throws(NetworkError) {
    let network = try Network(text)
    let again = try? Network(network.description)
    require(again == network, "\(network) reads back as the same")
    return network
  } catch {
    guard case .hostBits(let network) = error else { return nil }
    let meant = try? Network(network.description)
    require(meant == network, "the network that is proposed is one")
    return nil
  }
}

/// One network after the other.
private func refusal(of address: IPAddress, _ allow: [Network], _ deny: [Network]) -> RefusalReason? {
  func isIn(_ networks: [Network]) -> Bool { networks.contains { $0.intervals.contains { $0.contains(address.number) } } }
  return isIn(deny) ? .denied : allow.isEmpty || isIn(allow) ? nil : .notAllowed
}
