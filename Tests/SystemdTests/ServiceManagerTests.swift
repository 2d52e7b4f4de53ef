import Glibc
import Testing
import ZinxTestKit

@testable import Systemd

@Suite struct ServiceManagerTests {
  private func manager(_ address: String?) throws -> ServiceManager {
    var environment = ServiceEnvironment([:], processID: 1)
    environment.notifySocket = address
    return try ServiceManager(environment: environment)
  }

  @Test("without a manager nothing is sent and nothing fails")
  func alone() throws {
    let manager = try manager(nil)
    #expect(!manager.isUnderSystemd)
    #expect(manager.notify(.ready) == .notUnderSystemd)
    manager.retryDelayed()
  }

  @Test("an address systemd would not use counts as none", arguments: ["", "@", "/", "run/notify", "vsock:2:1234"])
  func badAddress(address: String) throws {
    #expect(try !manager(address).isUnderSystemd)
  }

  @Test("notifications reach a path and an abstract name, each in a datagram of its own", arguments: [false, true])
  func reaches(abstract: Bool) throws {
    let socket = try NotifySocket(abstract: abstract)
    let manager = try manager(socket.address)
    #expect(manager.isUnderSystemd)
    #expect(manager.notify(.ready.with(.status("0/10 connections"))) == .sent)
    #expect(manager.notify(.reloading(monotonicMicroseconds: 5)) == .sent)
    #expect(socket.pending() == ["READY=1\nSTATUS=0/10 connections", "RELOADING=1\nMONOTONIC_USEC=5"])
  }

  @Test("a manager that comes back at its address is found again")
  func restarted() throws {
    let receiver = try DatagramReceiver()
    let manager = try manager(receiver.address)
    try receiver.restart()
    #expect(manager.notify(.ready) == .sent)
    #expect(receiver.next()?.bytes == Array("READY=1".utf8))
  }

  @Test("a manager that is gone is an error, and no more")
  func gone() throws {
    let receiver = try DatagramReceiver()
    let manager = try manager(receiver.address)
    receiver.stop()
    #expect(manager.notify(.ready) == .failed(ENOENT))
    try receiver.start()
    #expect(manager.notify(.stopping) == .sent)
  }

  @Test("a full manager never blocks: a status is dropped, anything else goes out later, once, in order")
  func full() throws {
    let socket = try NotifySocket()
    let manager = try manager(socket.address)
    var filled = 0
    while manager.notify(.status("\(filled)")) == .sent { filled += 1 }
    #expect(filled > 0)
    #expect(manager.notify(.status("too much")) == .dropped)
    #expect(manager.notify(.ready) == .delayed)
    #expect(manager.notify(.watchdog) == .delayed)
    #expect(manager.notify(.watchdog) == .delayed)

    #expect(socket.pending() == (0..<filled).map { "STATUS=\($0)" })
    #expect(manager.notify(.stopping) == .sent)
    #expect(socket.pending() == ["READY=1", "WATCHDOG=1", "STOPPING=1"])
  }

  @Test("what is delayed is bounded, and the first to be delayed go out")
  func bounded() throws {
    let socket = try NotifySocket()
    let manager = try manager(socket.address)
    while manager.notify(.status("x")) == .sent {}
    for seconds in 1...ServiceManager.maximumDelayed { #expect(manager.notify(.extendTimeout(.seconds(seconds))) == .delayed) }
    #expect(manager.notify(.extendTimeout(.seconds(100))) == .dropped)
    #expect(manager.notify(.extendTimeout(.seconds(1))) == .delayed)
    _ = socket.pending()
    manager.retryDelayed()
    #expect(socket.pending().first == "EXTEND_TIMEOUT_USEC=1000000")
  }

  @Test("what is delayed goes out when tried again, without a new notification")
  func retried() throws {
    let socket = try NotifySocket()
    let manager = try manager(socket.address)
    while manager.notify(.status("x")) == .sent {}
    #expect(manager.notify(.ready) == .delayed)
    manager.retryDelayed()
    #expect(!socket.pending().contains("READY=1"))
    manager.retryDelayed()
    #expect(socket.pending() == ["READY=1"])
    manager.retryDelayed()
    #expect(socket.pending().isEmpty)
  }

  @Test("the time of a reload is the monotonic clock's")
  func monotonic() {
    let first = ServiceManager.monotonicMicroseconds()
    #expect(first > 0)
    #expect(ServiceManager.monotonicMicroseconds() >= first)
  }
}

@Suite struct UnixAddressTests {
  @Test("an address is as long as the kernel's field allows: 107 bytes of path, 107 of name after the @")
  func longest() {
    #expect(UnixAddress("/" + String(repeating: "a", count: 106)) != nil)
    #expect(UnixAddress("/" + String(repeating: "a", count: 107)) == nil)
    #expect(UnixAddress("@" + String(repeating: "a", count: 107)) != nil)
    #expect(UnixAddress("@" + String(repeating: "a", count: 108)) == nil)
  }

  @Test("an address with a NUL in it is none")
  func embeddedNUL() {
    #expect(UnixAddress("/run/\0notify") == nil)
    #expect(UnixAddress("@\0") == nil)
  }

  @Test("the length given to the kernel ends with the name, and for a path after its NUL")
  func length() {
    #expect(UnixAddress("/ab")?.withSockaddr { Int($1) } == 2 + 4)
    #expect(UnixAddress("@ab")?.withSockaddr { Int($1) } == 2 + 3)
  }
}
