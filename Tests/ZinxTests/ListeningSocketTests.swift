import Glibc
import Synchronization
import Testing
import ZinxIO

@testable import Zinx

@Suite("The sockets of a host")
struct ListeningSocketTests {
  private static let keepAlive = KeepAlive(.seconds(120))
  /// For documentation (RFC 5737): no machine has it.
  private static let foreign = "203.0.113.7"

  /// What listens, until it is let go of.
  private final class Sockets {
    let opened: ListeningSocket.Opened
    var names: [String] { get throws { try opened.sockets.map { try SocketAddress(of: $0).description } } }

    init(_ hosts: [String], port: UInt16 = 0, bind: BindCall = ListeningSocket.systemBind) async throws {
      var addresses: [BindAddress] = []
      for host in hosts { addresses += try await systemLookUp(host, port) }
      opened = try ListeningSocket.open("game.example", addresses, .init(keepAlive: keepAlive), bind: bind)
    }

    deinit { for socket in opened.sockets { close(socket) } }
  }

  @Test("are one for each address, with the port that the kernel chose for the first")
  func several() async throws {
    let sockets = try await Sockets(["127.0.0.1", "127.0.0.2", "127.0.0.3"])
    let port = try SocketAddress(of: sockets.opened.sockets[0]).port
    #expect(port > 0)
    #expect(try sockets.names == ["127.0.0.1:\(port)", "127.0.0.2:\(port)", "127.0.0.3:\(port)"])
    #expect(sockets.opened.absent == [])
  }

  @Test("are those of the addresses that are this machine's; the others are named", arguments: [0, 1])
  func foreign(place: Int) async throws {
    var hosts = ["127.0.0.1", "127.0.0.2"]
    hosts.insert(Self.foreign, at: place)
    let sockets = try await Sockets(hosts)
    let port = try SocketAddress(of: sockets.opened.sockets[0]).port
    #expect(try sockets.names == ["127.0.0.1:\(port)", "127.0.0.2:\(port)"])
    #expect(sockets.opened.absent.map(\.description) == ["\(Self.foreign):\(port)"])
  }

  @Test("when none of the addresses is this machine's are an error that names all, and the host")
  func none() async throws {
    let address = "\(Self.foreign):7777, 203.0.113.8:7777 (game.example)"
    await #expect(throws: ZinxError.cannotListen(address: address, call: "bind", code: EADDRNOTAVAIL)) {
      try await Sockets([Self.foreign, "203.0.113.8"], port: 7777)
    }
  }

  @Test("are an error when one of the addresses is taken, and the others are free again")
  func taken() async throws {
    let holder = try await Sockets(["127.0.0.2"])
    let port = try SocketAddress(of: holder.opened.sockets[0]).port
    await #expect(throws: ZinxError.cannotListen(address: "127.0.0.2:\(port) (game.example)", call: "bind", code: EADDRINUSE)) {
      try await Sockets(["127.0.0.1", "127.0.0.2"], port: port)
    }
    #expect(try await Sockets(["127.0.0.1"], port: port).names == ["127.0.0.1:\(port)"])
  }

  /// Says of the first tries at any but the first address that the port is taken.
  private static func bind(refusing count: Int) -> BindCall {
    let left = Atomic(count)
    return { socket, address in
      let port = address.socketAddress.port
      if port != 0, left.wrappingSubtract(1, ordering: .relaxed).oldValue > 0 { return EADDRINUSE }
      return ListeningSocket.systemBind(socket, address)
    }
  }

  @Test("have another port when the first that the kernel chose is taken at one of the addresses")
  func another() async throws {
    let sockets = try await Sockets(["127.0.0.1", "127.0.0.2"], bind: Self.bind(refusing: 3))
    let port = try SocketAddress(of: sockets.opened.sockets[0]).port
    #expect(try sockets.names == ["127.0.0.1:\(port)", "127.0.0.2:\(port)"])
  }

  @Test("are an error when every port is taken at one of the addresses")
  func exhausted() async throws {
    await #expect {
      try await Sockets(["127.0.0.1", "127.0.0.2"], bind: Self.bind(refusing: .max))
    } throws: { error in
      if case .cannotListen(_, "bind", EADDRINUSE) = error as? ZinxError { true } else { false }
    }
  }
}

@Suite("Looking a host up")
struct HostLookUpTests {
  @Test("takes addresses as they are", arguments: ["127.0.0.1", "0.0.0.0", "::1", "::"])
  func addresses(host: String) async throws {
    let found = try await systemLookUp(host, 7777)
    #expect(found.map(\.description) == [host.contains(":") ? "[\(host)]:7777" : "\(host):7777"])
    #expect(found.map { $0.with(port: 513).description } == [host.contains(":") ? "[\(host)]:513" : "\(host):513"])
  }

  @Test("that is cancelled ends at once, or has an answer")
  func cancelled() async {
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await systemLookUp("cancelled.invalid", 0)
    }
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  @Test(
    "fails for the moment only when the resolver has no answer, and not for a name that nobody can have",
    arguments: [
      ("game.example", EAI_AGAIN, true), ("game.example", EAI_NONAME, false), ("game.example", EAI_FAIL, false),
      ("no.such.INVALID", EAI_AGAIN, false), ("192.0.2.300", EAI_AGAIN, false), ("192.0.2.300.", EAI_AGAIN, false),
      (".", EAI_AGAIN, false), ("a1", EAI_AGAIN, true),
    ])
  func failures(host: String, status: Int32, isForTheMoment: Bool) {
    switch lookUpFailure(host, status, errno: 0) {
    case .hostUnresolved(host, _): #expect(isForTheMoment)
    case .hostNotFound(host, _): #expect(!isForTheMoment)
    case let other: Issue.record("\(other)")
    }
  }

  @Test("says when the system is short of something")
  func shortages() {
    #expect(lookUpFailure("h", EAI_SYSTEM, errno: EMFILE) == .systemCallFailed(call: "getaddrinfo", code: EMFILE))
    #expect(lookUpFailure("h", EAI_MEMORY, errno: 0) == .systemCallFailed(call: "getaddrinfo", code: ENOMEM))
  }
}
