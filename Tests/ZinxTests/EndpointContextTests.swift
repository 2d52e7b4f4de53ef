import CLinux
import Glibc
import Synchronization
import Testing
import ZinxWire

@testable import Zinx

@Suite("What the connections of a listener share")
struct EndpointContextTests {
  private static func context(_ endpoint: Endpoint, _ configuration: ServerConfiguration) throws -> EndpointContext {
    let server = try ServerContext(configuration, RouteRegistrar(), accept: systemAccept) { _ in }
    return server.context(for: endpoint, configuration)
  }

  private static func general(_ change: (inout ServerConfiguration) -> Void = { _ in }) -> ServerConfiguration {
    var configuration = ServerConfiguration()
    change(&configuration)
    return configuration
  }

  /// An IPv4 peer.
  private static func peer(_ text: String) throws -> SocketAddress {
    let number = UInt32(truncatingIfNeeded: try #require(IPAddress(text)).number)
    var storage = sockaddr_storage()
    storage.ss_family = sa_family_t(AF_INET)
    // sockaddr_in(3type): family and port take four bytes.
    withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: number.bigEndian, toByteOffset: 4, as: UInt32.self) }
    return SocketAddress(storage)
  }

  @Test func `believes the proxies that it names, nobody without an address, and others after a change`() throws {
    var endpoint = Endpoint(.tcp(host: "h", port: 1))
    endpoint.trustedProxies = [try Network("10.0.0.0/24")]
    let context = try Self.context(endpoint, Self.general())
    #expect(!context.expectsProxyHeader)
    endpoint.proxyProtocol = .require
    context.apply(endpoint, Self.general())
    #expect(context.expectsProxyHeader)
    #expect(context.trusts(try Self.peer("10.0.0.9")))
    #expect(!context.trusts(try Self.peer("10.0.1.1")))
    #expect(!context.trusts(SocketAddress(PeerCredentials(pid: 1, uid: 0, gid: 0))))
    endpoint.trustedProxies = []
    context.apply(endpoint, Self.general())
    #expect(!context.trusts(try Self.peer("10.0.0.9")))
  }

  @Test func `takes an address that a proxy tells as if the peer had come from there itself`() throws {
    let four = SocketAddress(ProxyHeader.End(address: .v4(0x0A00_0009), port: 7))
    #expect(four.description == "10.0.0.9:7" && four.ip == IPAddress("10.0.0.9"))
    let six = SocketAddress(ProxyHeader.End(address: .v6(0x2001_0DB8 << 96 | 1), port: 65535))
    #expect(six.description == "[2001:db8::1]:65535" && six.ip == IPAddress("2001:db8::1"))
    let mapped = SocketAddress(ProxyHeader.End(address: .v6(0xFFFF_0A00_0009), port: 7))
    #expect(mapped.ip == four.ip)
  }

  @Test("follows the server's settings where it has none of its own")
  func general() throws {
    let context = try Self.context(Endpoint(.abstract(name: "a")), Self.general())
    #expect(context.maxPacketSize.load(ordering: .relaxed) == 4096)
    #expect(context.framing == .zinx(.ltvLittleEndian) && context.receiveLimits.idle == 0)
    context.apply(
      Self.general {
        $0.maxPacketSize = 7
        $0.idleTimeout = .seconds(1)
      })
    #expect(context.maxPacketSize.load(ordering: .relaxed) == 7)
    #expect(context.receiveLimits.idle == 1_000_000_000)
  }

  @Test("keeps its own rules whatever becomes of the server's, until they change")
  func own() throws {
    var endpoint = Endpoint(.abstract(name: "a"))
    endpoint.maxPacketSize = 5
    endpoint.idleTimeout = .zero
    endpoint.dataPack = .tlvBigEndian
    endpoint.maxConn = 1
    let context = try Self.context(endpoint, Self.general { $0.idleTimeout = .seconds(1) })
    context.apply(
      Self.general {
        $0.maxPacketSize = 7
        $0.idleTimeout = .seconds(2)
      })
    #expect(context.maxPacketSize.load(ordering: .relaxed) == 5)
    #expect(context.receiveLimits.idle == 0 && context.framing == .zinx(.tlvBigEndian) && context.places.limit == 1)
    endpoint.maxPacketSize = nil
    endpoint.maxConn = nil
    context.apply(endpoint, Self.general { $0.maxPacketSize = 7 })
    #expect(context.maxPacketSize.load(ordering: .relaxed) == 7)
    #expect(context.places.limit == .max)
  }

  @Test("has lists of its own in place of each of the server's")
  func lists() throws {
    let (here, there) = (try Network("192.0.2.0/24"), try Network("198.51.100.0/24"))
    func refusals(_ change: (inout Endpoint) -> Void) throws -> [RefusalReason?] {
      var endpoint = Endpoint(.abstract(name: "a"))
      change(&endpoint)
      let context = try Self.context(endpoint, Self.general { ($0.allow, $0.deny) = ([here], []) })
      return try ["192.0.2.1", "198.51.100.1"].map { context.refusal(of: try Self.peer($0)) }
    }
    #expect(try refusals { _ in } == [nil, .notAllowed])
    #expect(try refusals { $0.allow = [] } == [nil, nil])
    #expect(try refusals { $0.allow = [there] } == [.notAllowed, nil])
    #expect(try refusals { $0.deny = [here] } == [.denied, .notAllowed])
  }

  @Test("is of another kind for those who come once the name or the order of the header is another")
  func suits() throws {
    let endpoint = Endpoint(name: "a", .abstract(name: "a"))
    let context = try Self.context(endpoint, Self.general())
    #expect(context.suits(endpoint, Self.general { $0.maxConn = 1 }))
    #expect(!context.suits(endpoint, Self.general { $0.dataPack = .tlvBigEndian }))
    #expect(!context.suits(Endpoint(name: "b", endpoint.address), Self.general()))
  }
}
