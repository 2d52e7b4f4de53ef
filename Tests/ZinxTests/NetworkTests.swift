import Testing
import ZinxTestKit

@testable import Zinx

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

@Suite("A network")
struct NetworkTests {
  @Test(
    "is written the one way, however it was spelled",
    arguments: [
      ("10.0.0.0/8", "10.0.0.0/8"), ("0.0.0.0/0", "0.0.0.0/0"), ("192.0.2.1", "192.0.2.1"), ("192.0.2.1/32", "192.0.2.1"),
      ("2001:db8::/32", "2001:db8::/32"), ("2001:0DB8:0::0/32", "2001:db8::/32"), ("::/0", "::/0"), ("::1", "::1"),
      ("::1/128", "::1"),
      ("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("::ffff:0:0/96", "0.0.0.0/0"), ("::ffff:192.0.2.1", "192.0.2.1"),
      ("::/80", "::/80"),
      ("255.255.255.255", "255.255.255.255"), ("fe80::/10", "fe80::/10"), ("128.0.0.0/1", "128.0.0.0/1"),
      ("8000::/1", "8000::/1"),
    ])
  func text(written: String, expected: String) throws {
    let network = try Network(written)
    #expect(network.description == expected)
    #expect(try Network(network.description) == network)
  }

  @Test(
    "is nothing else",
    arguments: [
      "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0.0 /8",
      "10.0.0.0/ 8", " 10.0.0.0/8", "10.0.0/8", "10/8", "010.0.0.0/8", "10.0.0.256", "0x0a000000", "167772160", "localhost", "*",
      "::/129", "::/1000", "::/9999999999999999999999", ":::", "2001:db8:::/32", "fe80::1%eth0", "[::1]", "::1]",
      "10.0.0.0\u{0}/8",
      "10.0.0.0/8\u{0}", "10.0.0.0/٨", "::1/64/", "1.2.3.4:80",
    ])
  func malformed(text: String) {
    #expect(throws: NetworkError.malformed) { try Network(text) }
  }

  @Test(
    "has no bit set beyond its length",
    arguments: [
      ("10.0.0.1/8", "10.0.0.0/8"), ("10.0.0.1/31", "10.0.0.0/31"), ("1.2.3.4/0", "0.0.0.0/0"),
      ("2001:db8::1/64", "2001:db8::/64"),
      ("::1/0", "::/0"), ("::ffff:10.0.0.1/120", "10.0.0.0/24"), ("::ffff:0:0/95", "::fffe:0:0/95"),
    ])
  func hostBits(text: String, meant: String) throws {
    let expected = try Network(meant)
    #expect(throws: NetworkError.hostBits(expected)) { try Network(text) }
  }
}

@Suite("A set of networks")
struct NetworkSetTests {
  private func set(_ networks: String...) throws -> NetworkSet { NetworkSet(try networks.map { try Network($0) }) }

  @Test("has the first and the last address of each, and not their neighbours")
  func edges() throws {
    let set = try set("10.0.0.0/8", "192.0.2.7", "2001:db8::/32")
    for inside in ["10.0.0.0", "10.255.255.255", "192.0.2.7", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"] {
      #expect(try set.contains(address(inside)), "\(inside)")
    }
    for outside in [
      "9.255.255.255", "11.0.0.0", "192.0.2.6", "192.0.2.8", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::",
    ] {
      #expect(try !set.contains(address(outside)), "\(outside)")
    }
  }

  @Test("keeps the families apart, but takes an IPv4 address in an IPv6 one for what it is")
  func families() throws {
    let four = try set("0.0.0.0/0")
    let six = try set("::/0")
    for text in ["0.0.0.0", "10.1.2.3", "255.255.255.255", "::ffff:10.1.2.3"] {
      #expect(try four.contains(address(text)))
      #expect(try !six.contains(address(text)))
    }
    for text in ["::", "::1", "2001:db8::1", "::fffe:ffff:ffff", "::1:0:0:0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
      #expect(try six.contains(address(text)), "\(text)")
      #expect(try !four.contains(address(text)), "\(text)")
    }
  }

  @Test(
    "has no IPv4 address by an IPv6 network that ends where those do", arguments: ["::/80", "::8000:0:0/81", "::fffe:0:0/95"])
  func endsWithIPv4(network: String) throws {
    let six = try set(network)
    #expect(try six.contains(address("::fffe:ffff:ffff")))
    for text in ["0.0.0.0", "255.255.255.255", "::1:0:0:0"] { #expect(try !six.contains(address(text)), "\(text)") }
  }

  @Test("joins networks that overlap or touch")
  func joined() throws {
    #expect(try set("10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8").count == 1)
    #expect(try set("10.0.0.0/9", "10.128.0.0/9").count == 1)
    #expect(try set("10.0.0.0/9", "11.0.0.0/9").count == 2)
    #expect(try set("8000::/1", "::/1").count == 2, "the two halves of IPv6, and IPv4 is the gap")
    #expect(try set("0.0.0.0/0", "::/0").count == 1)
    #expect(try set("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "8000::/1").count == 1)
  }

  @Test("without any has nobody")
  func empty() throws {
    #expect(try !set().contains(address("10.0.0.1")))
    #expect(try !set().contains(address("::1")))
  }

  @Test("at random has exactly the addresses that one of its networks has", arguments: 0..<20)
  func model(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    // Few distinct bits, so that networks overlap and addresses hit.
    func number() -> UInt32 { UInt32.random(in: 0...255, using: &generator) << 24 | UInt32.random(in: 0...3, using: &generator) }
    func host(_ number: UInt32) -> String { (0..<4).map { "\(number >> (24 - 8 * $0) & 255)" }.joined(separator: ".") }
    let networks = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
      let length = Int.random(in: 1...32, using: &generator)
      let base = number() & ~UInt32((UInt64(1) << UInt64(32 - length)) - 1)
      return (base: base, length: length)
    }
    let set = NetworkSet(try networks.map { try Network("\(host($0.base))/\($0.length)") })
    for _ in 0..<500 {
      let number = number()
      let expected = networks.contains { number >> (32 - UInt32($0.length)) == $0.base >> (32 - UInt32($0.length)) }
      #expect(set.contains(IPAddress(v4: number)) == expected, "\(host(number))")
    }
  }
}

@Suite("Allow and Deny")
struct AccessRulesTests {
  private func rules(allow: [String] = [], deny: [String] = []) throws -> AccessRules {
    AccessRules(allow: try allow.map { try Network($0) }, deny: try deny.map { try Network($0) })
  }

  @Test("that are empty let everybody in")
  func empty() throws {
    for text in ["127.0.0.1", "::1", "10.0.0.1"] { #expect(try rules().refusal(of: address(text)) == nil) }
  }

  @Test("a denied address is refused, whether it is allowed or not")
  func denied() throws {
    let rules = try rules(allow: ["10.0.0.0/8"], deny: ["10.1.0.0/16", "192.0.2.1"])
    #expect(try rules.refusal(of: address("10.0.0.1")) == nil)
    #expect(try rules.refusal(of: address("10.1.0.1")) == .denied)
    #expect(try rules.refusal(of: address("192.0.2.1")) == .denied)
    #expect(try rules.refusal(of: address("192.0.2.2")) == .notAllowed)
    #expect(try rules.refusal(of: address("2001:db8::1")) == .notAllowed)
  }

  @Test("without Allow all but the denied are let in")
  func denyOnly() throws {
    let rules = try rules(deny: ["2001:db8::/32"])
    #expect(try rules.refusal(of: address("2001:db8::1")) == .denied)
    #expect(try rules.refusal(of: address("2001:db9::1")) == nil)
    #expect(try rules.refusal(of: address("10.0.0.1")) == nil)
  }
}
