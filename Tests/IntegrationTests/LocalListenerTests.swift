import Glibc
import NIOCore
import Testing
import Zinx
import ZinxIO
import ZinxTestKit

/// UNIX sockets that the server opens itself, in a folder that goes with the test.
@Suite("A listener on a UNIX socket", .timeLimit(.minutes(1)))
final class LocalListenerTests {
  private let folder: String
  private var path: String { folder + "/clients.sock" }

  init() throws {
    var template = Array("/tmp/zinx-local-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    unlink(path)
    rmdir(folder)
  }

  private func configuration(
    _ address: ListenAddress? = nil, mode: UInt16 = 0o660, workers: Int = 0
  ) -> ServerConfiguration {
    var endpoint = Endpoint(name: "local", address ?? .unix(path: path))
    endpoint.mode = mode
    return EndpointTests.configuration([endpoint], workers: workers)
  }

  private static let echoes: @Sendable (inout RouteRegistrar) -> Void = { $0.route(7, echo) }

  /// Who has the address that a server could not have.
  private static func holder(_ error: ZinxError) -> PeerCredentials? {
    if case .addressHeld(_, let holder) = error { holder } else { nil }
  }

  /// Permissions of what is at the path; nil without anything.
  private func mode(of path: String) -> UInt32? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
  }

  /// A socket file as a process leaves it that was killed.
  private func leaveFile() throws {
    let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(socket) }
    try bind(socket)
  }

  private func bind(_ socket: Int32) throws {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let status = withUnsafeMutableBytes(of: &address) { target in
      UnsafeMutableRawBufferPointer(rebasing: target[2...]).copyBytes(from: bytes)
      return Glibc.bind(
        socket, target.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
    try #require(status == 0)
  }

  @Test("answers, knows who its peers are, and its file has the permissions asked for and goes with it", arguments: pools)
  func serves(workers: Int) async throws {
    let path = path
    try await TestServer.run(configuration(mode: 0o606, workers: workers), register: Self.echoes) { server in
      #expect(server.server.listeners.map(\.addresses) == [["unix:\(path)"]])
      #expect(mode(of: path) == 0o606)
      let peer = try RawPeer.local(path)
      #expect(try await peer.exchange(RawFrame(7, "hello")).text == "hello")
      let connection = try await server.connection()
      let credentials = try #require(connection.remoteAddress.credentials)
      #expect(credentials.pid == getpid() && credentials.uid == getuid() && credentials.gid == getgid())
      #expect(connection.remoteAddress.description == "unix:pid:\(getpid()),uid:\(getuid()),gid:\(getgid())")
      #expect(connection.listener == "local")
    }
    #expect(mode(of: path) == nil)
  }

  @Test("may have a name that is in no file system")
  func abstract() async throws {
    let name = "zinx-test-\(getpid())"
    try await TestServer.run(configuration(.abstract(name: name)), register: Self.echoes) { server in
      #expect(server.server.listeners.map(\.addresses) == [["unix:@\(name)"]])
      let peer = try RawPeer.local("@\(name)")
      #expect(try await peer.exchange(RawFrame(7, "hello")).text == "hello")
      let other = try TestServer(configuration(.abstract(name: name)))
      let error = await #expect(throws: ZinxError.self) { try await other.start() }
      #expect(error.flatMap(Self.holder)?.pid == getpid())
    }
  }

  @Test("takes the place of one whose process was killed")
  func stale() async throws {
    try leaveFile()
    try await TestServer.run(configuration(), register: Self.echoes) { server in
      let peer = try RawPeer.local(path)
      #expect(try await peer.exchange(RawFrame(7, "hello")).text == "hello")
    }
  }

  @Test("leaves one that lives alone, and says whose it is")
  func held() async throws {
    try await TestServer.run(configuration(), register: Self.echoes) { server in
      let other = try TestServer(configuration())
      let error = await #expect(throws: ZinxError.self) { try await other.start() }
      let holder = try #require(error.flatMap(Self.holder))
      #expect(holder.pid == getpid() && holder.uid == getuid())
      // The question is a connection that goes at once; who listens goes on.
      let peer = try RawPeer.local(path)
      #expect(try await peer.exchange(RawFrame(7, "hello")).text == "hello")
    }
  }

  @Test("leaves alone what is no socket")
  func noSocket() async throws {
    close(open(path, O_CREAT | O_WRONLY, 0o600))
    let test = try TestServer(configuration())
    await #expect(throws: ZinxError.cannotListen(address: "unix:\(path)", call: "bind", code: EEXIST)) { try await test.start() }
    #expect(mode(of: path) == 0o600)
  }

  @Test("leaves alone the file of another that has taken its place")
  func replaced() async throws {
    let test = try TestServer(configuration())
    try await test.start()
    unlink(path)
    try leaveFile()
    await test.server.drain(timeout: .seconds(5))
    #expect(mode(of: path) != nil)
  }

  @Test("that cannot be opened beside another leaves no file of that behind")
  func allOrNone() async throws {
    let missing = ListenAddress.unix(path: folder + "/missing/x")
    let configuration = EndpointTests.configuration([Endpoint(name: "a", .unix(path: path)), Endpoint(name: "b", missing)])
    let test = try TestServer(configuration)
    await #expect(throws: ZinxError.cannotListen(address: "\(missing)", call: "bind", code: ENOENT)) { try await test.start() }
    #expect(mode(of: path) == nil)
  }

  @Test("is not kept to Allow and Deny, nor to MaxConnPerIP, but to MaxConn")
  func rules() async throws {
    var configuration = configuration()
    configuration.deny = [try Network("0.0.0.0/0"), try Network("::/0")]
    (configuration.maxConnPerIP, configuration.maxConn) = (1, 2)
    try await TestServer.run(configuration, register: Self.echoes) { server in
      let peers = try (0..<3).map { _ in try RawPeer.local(path) }
      var served = 0
      for peer in peers where try await server.serves(peer) { served += 1 }
      #expect(served == 2)
      #expect(server.refusals == [.maxConn: 1])
    }
  }
}
