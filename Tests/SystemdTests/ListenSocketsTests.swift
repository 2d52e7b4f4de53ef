import Glibc
import Testing

@testable import Systemd

@Suite struct ListenSocketsTests {
  private func environment(_ count: String?, _ names: String? = nil) -> ServiceEnvironment {
    var environment = ServiceEnvironment([:], processID: 1)
    environment.listenCount = count
    environment.listenNames = names
    return environment
  }

  @Test("started without sockets there are none")
  func none() throws {
    #expect(try ListenSockets.claim(environment(nil)) == [])
    #expect(try ListenSockets.claim(environment("0", "")) == [])
  }

  @Test("sockets are numbered from 3 and named in order")
  func named() throws {
    let sockets = try ListenSockets.parse(environment("3", "tcp::admin"))
    #expect(sockets.map(\.descriptor) == [3, 4, 5])
    #expect(sockets.map(\.name) == ["tcp", "", "admin"])
  }

  @Test("sockets without names are unknown")
  func unnamed() throws {
    #expect(try ListenSockets.parse(environment("2")).map(\.name) == ["unknown", "unknown"])
  }

  @Test("a count that is no count is an error that shows it", arguments: ["", "x", "-1", "65537", "99999999999"])
  func badCount(text: String) {
    let error = #expect(throws: ListenSocketError.badCount(text)) { try ListenSockets.parse(environment(text)) }
    #expect(error?.description == "LISTEN_FDS=\(text): not a number of passed sockets")
  }

  @Test("as many names as sockets, or it is an error with both numbers")
  func badNames() {
    #expect(throws: ListenSocketError.badNames(count: 2, names: 3)) { try ListenSockets.parse(environment("2", "a:b:c")) }
  }

  @Test("a listening stream socket is taken, and children do not inherit it")
  func listening() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    #expect(listen(descriptor, 1) == 0)
    try ListenSockets.check(ListenSocket(descriptor: descriptor, name: "tcp"))
    #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
  }

  @Test("a stream socket that does not listen, a datagram socket and a file are refused by name")
  func notListening() {
    let others = [
      socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0), socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0),
      open("/dev/null", O_RDONLY),
    ]
    for descriptor in others {
      let passed = ListenSocket(descriptor: descriptor, name: "tcp")
      let error = #expect(throws: ListenSocketError.notListening(passed)) { try ListenSockets.check(passed) }
      #expect(error?.description.contains("descriptor \(descriptor) (tcp) is not a listening stream socket") == true)
      close(descriptor)
    }
  }

  @Test("a descriptor that is not open is an error that says so")
  func closed() {
    let passed = ListenSocket(descriptor: 1_000_000, name: "tcp")
    let error = #expect(throws: ListenSocketError.unusable(passed, EBADF)) { try ListenSockets.check(passed) }
    #expect(error?.description == "passed descriptor 1000000 (tcp): Bad file descriptor")
  }
}
