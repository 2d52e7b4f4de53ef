import CLinux
import Glibc
import Testing

@testable import Zinx

@Suite("An address to listen on")
struct ListenAddressTests {
  @Test(
    "reads back as it is written",
    arguments: [
      ("127.0.0.1:7777", ListenAddress.tcp(host: "127.0.0.1", port: 7777)), ("[::]:0", .tcp(host: "::", port: 0)),
      ("[::ffff:127.0.0.1]:1", .tcp(host: "::ffff:127.0.0.1", port: 1)),
      ("[fe80::1%eth0]:1", .tcp(host: "fe80::1%eth0", port: 1)), ("game.example:65535", .tcp(host: "game.example", port: 65535)),
      ("unix:/run/zinxd/a b.sock", .unix(path: "/run/zinxd/a b.sock")), ("unix:@zinxd/x", .abstract(name: "zinxd/x")),
      ("unix:/\(String(repeating: "n", count: 106))", .unix(path: "/" + String(repeating: "n", count: 106))),
    ])
  func good(text: String, address: ListenAddress) throws {
    #expect(try ListenAddress(text) == address)
    #expect(address.description == text)
    if address.host == nil { #expect(BindAddress(local: address) != nil) }
  }

  @Test(
    "is none where something is missing or too much",
    arguments: [
      ("", ListenAddressError.noPort), ("127.0.0.1", .noPort), ("127.0.0.1:", .badPort), ("h:07", .badPort),
      ("h:65536", .badPort),
      ("h:+1", .badPort), ("::1:7777", .noBrackets), ("[::1]", .noBrackets), ("[127.0.0.1]:1", .malformed), ("[x]:1", .malformed),
      (":7777", .malformed), ("a b:1", .malformed), ("unix:", .notAbsolute), ("unix:@", .notAbsolute), ("unix:x", .notAbsolute),
      ("unix:/a\0", .malformed), ("unix:/\(String(repeating: "n", count: 107))", .tooLong),
      ("unix:@\(String(repeating: "n", count: 108))", .tooLong),
    ])
  func bad(text: String, error: ListenAddressError) {
    #expect(throws: error) { try ListenAddress(text) }
  }

  @Test(
    "is in the way of another where one socket takes what is for the other",
    arguments: [
      ("0.0.0.0:1", "127.0.0.1:1", true), ("127.0.0.1:1", "0.0.0.0:1", true), ("[::]:1", "127.0.0.1:1", true),
      ("[::]:1", "[::1]:1", true), ("0.0.0.0:1", "[::1]:1", false), ("127.0.0.1:1", "127.0.0.1:2", false),
      ("127.0.0.1:0", "127.0.0.1:0", false), ("127.0.0.1:1", "127.0.0.2:1", false), ("unix:/a", "unix:/a", true),
      ("unix:/a", "unix:@/a", false), ("a.example:1", "a.example:1", true), ("a.example:1", "b.example:1", false),
      ("127.1:1", "127.0.0.1:1", true), ("0x7f000001:1", "127.1:1", true), ("127.2:1", "127.0.0.1:1", false),
      ("unix:/tmp/../tmp/./a", "unix:/tmp/a", true), ("unix:/proc/self/root/tmp/a", "unix:/tmp/a", true),
      ("unix:/tmp/a/../b", "unix:/tmp/b", false), ("unix:/none/../a", "unix:/a", false), ("unix:/tmp/a", "unix:/tmp/b", false),
    ])
  func overlap(one: String, two: String, expected: Bool) throws {
    let addresses = (try ListenAddress(one), try ListenAddress(two))
    #expect(addresses.0.overlaps(addresses.1, v6Only: (false, false)) == expected)
    #expect(addresses.1.overlaps(addresses.0, v6Only: (false, false)) == expected)
  }

  @Test("of IPv6 alone leaves IPv4 to others")
  func v6Only() throws {
    let (six, four) = (try ListenAddress("[::]:1"), try ListenAddress("0.0.0.0:1"))
    #expect(six.overlaps(four, v6Only: (false, false)))
    #expect(!six.overlaps(four, v6Only: (true, false)))
    #expect(!four.overlaps(six, v6Only: (false, true)))
    #expect(try six.overlaps(ListenAddress("[::1]:1"), v6Only: (true, false)))
  }
}

@Suite("The credentials of a peer")
struct PeerCredentialsTests {
  @Test(
    "are kept where others have their address, and what is unknown stays unknown",
    arguments: [
      (PeerCredentials(pid: 7, uid: 0, gid: 0), "unix:pid:7,uid:0,gid:0"),
      (PeerCredentials(pid: nil, uid: 1000, gid: nil), "unix:pid:unknown,uid:1000,gid:unknown"),
      (PeerCredentials(pid: nil, uid: nil, gid: nil), "unix:pid:unknown,uid:unknown,gid:unknown"),
      (PeerCredentials(pid: .max, uid: 4_294_967_294, gid: 1), "unix:pid:2147483647,uid:4294967294,gid:1"),
    ])
  func kept(credentials: PeerCredentials, text: String) {
    let address = SocketAddress(credentials)
    #expect(address.credentials == credentials)
    #expect(address.description == text)
    #expect(address.ip == nil && address.port == 0)
  }

  @Test("are those of nobody without a UNIX socket")
  func none() {
    var storage = sockaddr_storage()
    #expect(SocketAddress(storage).credentials == nil)
    storage.ss_family = sa_family_t(AF_UNIX)
    #expect(SocketAddress(storage).credentials == nil)
    #expect(SocketAddress(storage).description == "unix")
  }
}
