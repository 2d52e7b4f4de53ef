import CSystemd
import Glibc
import Synchronization
import Testing

@testable import Systemd

@Suite struct RequestSocketTests {
  /// A path of its own for each test; the directory is removed with the test.
  private final class Place {
    let directory: String
    var path: String { directory + "/ask" }

    init() throws {
      var template = Array("/tmp/requests-XXXXXX".utf8CString)
      directory = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit {
      unlink(path)
      rmdir(directory)
    }

    /// Connects, and asks nothing more.
    func connect() throws -> Int32 {
      let address = try #require(UnixAddress(path))
      let descriptor = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0)
      #expect(address.withSockaddr { Glibc.connect(descriptor, $0, $1) } == 0)
      return descriptor
    }
  }

  private let place: Place

  init() throws { place = try Place() }

  @Test("who asks hears the outcome and its lines", arguments: [true, false])
  func answers(isSuccess: Bool) throws {
    let answer = RequestSocket.Answer(isSuccess: isSuccess, text: "zinx.json:3:5: error: „x“\nand one more")
    let socket = try RequestSocket(path: place.path) { answer }
    defer { socket.close() }
    #expect(try RequestSocket.ask(path: place.path) == answer)
    #expect(try RequestSocket.ask(path: place.path) == answer)
  }

  @Test("an answer without text is an answer")
  func empty() throws {
    let socket = try RequestSocket(path: place.path) { .init(isSuccess: true, text: "") }
    defer { socket.close() }
    #expect(try RequestSocket.ask(path: place.path) == .init(isSuccess: true, text: ""))
  }

  @Test("a text that is too long for a packet is cut")
  func long() throws {
    let text = String(repeating: "x", count: RequestSocket.maximumBytes + 1)
    let socket = try RequestSocket(path: place.path) { .init(isSuccess: false, text: text) }
    defer { socket.close() }
    #expect(try RequestSocket.ask(path: place.path).text.utf8.count == RequestSocket.maximumBytes)
  }

  @Test("requests are answered one at a time, however many come at once")
  func oneAtATime() async throws {
    let running = Mutex((now: 0, most: 0, all: 0))
    let socket = try RequestSocket(path: place.path) {
      running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1), $0.all + 1) }
      sched_yield()
      running.withLock { $0.now -= 1 }
      return .init(isSuccess: true, text: "")
    }
    defer { socket.close() }
    let path = place.path
    try await withThrowingTaskGroup { group in
      for _ in 0..<8 { group.addTask { _ = try RequestSocket.ask(path: path) } }
      try await group.waitForAll()
    }
    #expect(running.withLock { $0.most } == 1)
    #expect(running.withLock { $0.all } == 8)
  }

  @Test("who goes away without waiting, or waits without reading, holds up nobody")
  func rude() throws {
    let socket = try RequestSocket(path: place.path) { .init(isSuccess: true, text: "done") }
    defer { socket.close() }
    Glibc.close(try place.connect())
    let silent = try place.connect()
    defer { Glibc.close(silent) }
    #expect(try RequestSocket.ask(path: place.path).text == "done")
  }

  @Test("what an earlier process left at the path is replaced")
  func stale() throws {
    Glibc.close(open(place.path, O_CREAT, 0o600))
    let socket = try RequestSocket(path: place.path) { .init(isSuccess: true, text: "new") }
    defer { socket.close() }
    #expect(try RequestSocket.ask(path: place.path).text == "new")
  }

  @Test("where nobody listens, asking is an error that says so")
  func nobody() throws {
    #expect(throws: SystemCallError("connect", code: ENOENT)) { try RequestSocket.ask(path: place.path) }
    let socket = try RequestSocket(path: place.path) { .init(isSuccess: true, text: "") }
    socket.close()
    socket.close()
    // The path may be gone already, or not yet.
    let error = #expect(throws: SystemCallError.self) { try RequestSocket.ask(path: place.path) }
    #expect([ENOENT, ECONNREFUSED].contains(error?.code))
  }

  @Test("who is asked and closes without an answer has ended: an error")
  func noAnswer() async throws {
    let address = try #require(UnixAddress(place.path))
    let listener = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0)
    defer { close(listener) }
    #expect(address.withSockaddr { bind(listener, $0, $1) } == 0)
    #expect(listen(listener, 1) == 0)
    async let closed: Void = { close(accept(listener, nil, nil)) }()
    #expect(throws: SystemCallError("recv", code: ECONNRESET)) { try RequestSocket.ask(path: place.path) }
    _ = await closed
  }

  @Test(
    "a path that is too long, or no path, is an error", arguments: ["", "relative", "/" + String(repeating: "x", count: 200)])
  func badPath(path: String) {
    #expect(throws: SystemCallError("bind", code: EINVAL)) { try RequestSocket(path: path) { .init(isSuccess: true, text: "") } }
    #expect(throws: SystemCallError("connect", code: EINVAL)) { try RequestSocket.ask(path: path) }
  }
}
