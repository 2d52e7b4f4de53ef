import CLinux
import Glibc
import Testing

@testable import Zinx

@Suite("What a machine says against a configuration")
struct ConfigurationCheckTests {
  @Test func `each name of a listener is asked for once, and those without an address are told`() {
    var configuration = ServerConfiguration()
    let hosts = ["good.example", "gone.example", "127.0.0.1", "gone.example", "later.example"]
    configuration.endpoints =
      hosts.enumerated().map { Endpoint(name: "\($0)", .tcp(host: $1, port: UInt16($0))) } + [
        Endpoint(name: "u", .unix(path: "/x"))
      ]
    var asked: [String] = []
    let unknown = ConfigurationCheck.unknownHosts(of: configuration) { host, _ in
      asked.append(host)
      return switch host {
      case "gone.example": .failure(.hostNotFound(host: host, reason: "there is no such name"))
      case "later.example": .failure(.hostUnresolved(host: host, reason: "for the moment"))
      default: .success([])
      }
    }
    #expect(asked == ["good.example", "gone.example", "127.0.0.1", "later.example"])
    #expect(
      unknown == [
        .init(host: "gone.example", reason: "there is no such name"), .init(host: "later.example", reason: "for the moment"),
      ])
  }

  @Test func `connections fit where files are allowed for them, the reserved ones aside`() {
    var configuration = ServerConfiguration()
    (configuration.maxConn, configuration.reservedDescriptors, configuration.ioThreads) = (1000, 64, 1)
    #expect(ConfigurationCheck.shortOfDescriptors(configuration, limit: 1064) == nil)
    #expect(ConfigurationCheck.shortOfDescriptors(configuration, limit: 1063)?.connections == 999)
    // Less than that does not start.
    #expect(ConfigurationCheck.shortOfDescriptors(configuration, limit: 65)?.connections == 1)
    #expect(ConfigurationCheck.shortOfDescriptors(configuration, limit: 64)?.connections == 0)
  }
}

@Suite("Close reasons")
struct CloseReasonTests {
  @Test("their names are those of the contract")
  func names() {
    #expect(
      CloseReason.allCases.map(\.description) == [
        "peer-closed", "reset", "stopped", "draining", "drain-timeout", "oversize", "truncated", "slow-consumer", "shed", "idle",
        "no-first-byte", "header-timeout", "body-timeout", "vanished",
        "heartbeat-lost", "unauthenticated", "replaced", "hook-failed", "tls-failed", "proxy-header",
        "websocket-protocol", "bad-frame", "killed", "handover",
      ])
  }

  @Test(
    "a socket that the kernel gave up has vanished; any other failure is a reset",
    arguments: [
      (ETIMEDOUT, CloseReason.vanished), (EHOSTUNREACH, .vanished), (ENETUNREACH, .vanished), (EHOSTDOWN, .vanished),
      (ENETDOWN, .vanished), (ECONNRESET, .reset), (EPIPE, .reset), (ENOMEM, .reset), (0, .reset),
    ])
  func socketError(error: Int32, reason: CloseReason) {
    #expect(CloseReason(socketError: error) == reason)
  }
}

@Suite("The limit of descriptors")
struct DescriptorLimitTests {
  @Test(
    "connections get what is left beside the reserve, but never more than wanted and never less than one",
    arguments: [
      (12000, 64, 1_048_576, 12000), (12000, 64, 12064, 12000), (12000, 64, 12063, 11999), (12000, 64, 1024, 960),
      (12000, 64, 64, 1), (12000, 64, 0, 1), (1, 64, 20, 1), (3, 64, UInt64.max, 3), (12000, 0, 1024, 1024),
      (12000, 100, 1024, 924),
      (12000, 1_000_000, 1024, 1), (12000, 1_000_000, 1_012_000, 12000),
    ] as [(Int, Int, UInt64, Int)])
  func connections(wanted: Int, reserved: Int, limit: UInt64, expected: Int) {
    #expect(DescriptorLimit.connections(wanted: wanted, reserved: reserved, limit: limit) == expected)
  }

  @Test("what is kept is what the configuration says, but never less than the process and its event loops take")
  func reserved() {
    var configuration = ServerConfiguration()
    configuration.ioThreads = 2
    #expect(DescriptorLimit.reserved(configuration) == 64)
    configuration.ioThreads = 256
    #expect(DescriptorLimit.reserved(configuration) == 532)
    configuration.reservedDescriptors = 0
    configuration.ioThreads = 1
    #expect(DescriptorLimit.reserved(configuration) == 22)
  }

  @Test("a limit that leaves no connection is an error that names it and what is needed")
  func tooLow() throws {
    var configuration = ServerConfiguration()
    try DescriptorLimit.check(configuration)
    configuration.reservedDescriptors = 1_000_000_000
    let limit = UInt64(sysconf(Int32(_SC_OPEN_MAX)))
    #expect(throws: ZinxError.limitTooLow(name: "RLIMIT_NOFILE", limit: limit, needed: 1_000_000_001)) {
      try DescriptorLimit.check(configuration)
    }
  }

  @Test("making room raises the soft limit to the hard one")
  func raises() {
    var configuration = ServerConfiguration()
    configuration.maxConn = 1
    #expect(DescriptorLimit.makeRoom(for: configuration) == 1)
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    #expect(limit.rlim_cur == limit.rlim_max)
  }
}

@Suite("The text of an address")
struct SocketAddressTests {
  /// An address as ip(7) and ipv6(7) lay it out: family, port, what stands between the two, address, what follows.
  private func address(_ family: Int32, _ port: UInt16, flow: [UInt8] = [], _ text: String, _ rest: [UInt8] = []) -> SocketAddress
  {
    var number = [UInt8](repeating: 0, count: family == AF_INET ? 4 : 16)
    #expect(inet_pton(family, text, &number) == 1)
    return address(Self.bytes(UInt16(family)) + Self.bytes(port.bigEndian) + flow + number + rest)
  }

  private func address(_ bytes: [UInt8]) -> SocketAddress {
    var storage = sockaddr_storage()
    withUnsafeMutableBytes(of: &storage) { $0.copyBytes(from: bytes) }
    return SocketAddress(storage)
  }

  private static func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

  private func ipv4(_ text: String, port: UInt16) -> SocketAddress { address(AF_INET, port, text) }

  private func ipv6(_ text: String, port: UInt16, scope: UInt32 = 0) -> SocketAddress {
    address(AF_INET6, port, flow: [0, 0, 0, 0], text, Self.bytes(scope))
  }

  @Test("IPv4 is written as address and port", arguments: ["127.0.0.1", "255.254.253.252", "0.0.0.0"])
  func four(text: String) {
    #expect(ipv4(text, port: 7777).description == "\(text):7777")
    #expect(ipv4(text, port: 65535).port == 65535)
  }

  @Test("IPv6 stands in brackets", arguments: ["::1", "2001:db8::8:800:200c:417a", "::ffff:192.0.2.33", "::"])
  func six(text: String) {
    #expect(ipv6(text, port: 1).description == "[\(text)]:1")
  }

  @Test("a link-local address names its interface")
  func scope() {
    #expect(ipv6("fe80::1", port: 80, scope: 3).description == "[fe80::1%3]:80")
  }

  @Test("a local socket has no address, and an unknown family says so")
  func others() {
    #expect(address(Self.bytes(UInt16(AF_UNIX))).description == "unix")
    #expect(SocketAddress(sockaddr_storage()).description == "unknown")
  }

  @Test("addresses are equal when address and port are")
  func equality() {
    #expect(ipv4("10.0.0.1", port: 1) == ipv4("10.0.0.1", port: 1))
    #expect(ipv4("10.0.0.1", port: 1) != ipv4("10.0.0.1", port: 2))
    #expect(ipv4("10.0.0.1", port: 1) != ipv4("10.0.0.2", port: 1))
    #expect(ipv6("::1", port: 1) != ipv6("::2", port: 1))
  }

  @Test("the address alone is the same whether an IPv4 or an IPv6 socket brought it")
  func alone() {
    #expect(ipv4("192.0.2.33", port: 1).ip == IPAddress("192.0.2.33"))
    #expect(ipv6("::ffff:192.0.2.33", port: 2).ip == IPAddress("192.0.2.33"))
    #expect(ipv6("2001:db8::1", port: 1, scope: 3).ip == IPAddress("2001:db8::1"))
    #expect(SocketAddress(sockaddr_storage()).ip == nil)
  }
}
