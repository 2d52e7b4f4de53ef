import CLinux
import Glibc
import Testing
import ZinxIO
import ZinxTestKit

@testable import Zinx

@Suite("The table of connections")
struct ConnectionTableTests {
  private let server: ServerContext
  private let context: LoopContext
  private let endpoint: EndpointContext
  private let address = SocketAddress(sockaddr_storage())

  init() throws {
    server = try ServerContext(ServerConfiguration(), RouteRegistrar(), accept: systemAccept) { _ in }
    endpoint = server.context(for: Endpoint(.abstract(name: "test")), ServerConfiguration())
    context = LoopContext(try ZinxIO.EventLoop(name: "test"), Traffic())
  }

  /// A connection without a socket.
  private func connection(_ id: UInt64) -> Connection {
    Connection(
      id: id, descriptor: -1, remoteAddress: address, server: server, endpoint: endpoint, context: context,
      at: Instant(nanoseconds: 0))
  }

  @Test("has small connections: an idle one takes at most 700 bytes, of which some 70 are its place here and elsewhere")
  func size() {
    let connection = connection(0)
    #expect(malloc_usable_size(Unmanaged.passUnretained(connection).toOpaque()) <= 616)
    #expect(MemoryLayout<Outbox>.size <= 144)
    withExtendedLifetime(connection) {}
  }

  @Test("finds what was added until it is removed, and nothing else")
  func basics() {
    var table = ConnectionTable()
    #expect(table.isEmpty && table.all.isEmpty && table[0] == nil)
    let (first, second) = (connection(0), connection(1))
    table.insert(first)
    table.insert(second)
    #expect(table[0] === first && table[1] === second && table[2] == nil)
    #expect(table.count == 2)
    #expect(table.remove(0) === first)
    #expect(table.remove(0) == nil && table[0] == nil && table[1] === second)
    #expect(table.count == 1 && table.all.map(\.id) == [1])
  }

  @Test("lets go of what is removed")
  func letsGo() {
    var table = ConnectionTable()
    weak var removed: Connection?
    do {
      let connection = connection(7)
      removed = connection
      table.insert(connection)
      _ = table.remove(7)
    }
    #expect(removed == nil)
    #expect(table.isEmpty)
  }

  /// Small tables wrap around within a few steps; ids come from the counter, and from anywhere.
  @Test("at random holds what a dictionary holds", arguments: 0..<60)
  func model(seed: Int) {
    var random = SplitMix64(seed: UInt64(seed))
    var table = ConnectionTable()
    var model: [UInt64: Connection] = [:]
    let most = [11, 12, 23, 24, 200][seed % 5]
    var counter: UInt64 = 0
    for _ in 0..<1500 {
      if model.count < most, Bool.random(using: &random) {
        var id = UInt64.random(in: 0..<(.max), using: &random)
        if seed % 2 == 0 {
          id = counter
          counter += 1
        }
        let connection = connection(id)
        table.insert(connection)
        model[id] = connection
      } else {
        let id = model.keys.sorted().randomElement(using: &random) ?? 5
        let removed = table.remove(id)
        #expect(removed === model.removeValue(forKey: id))
      }
      #expect(table.count == model.count)
      guard model.allSatisfy({ table[$0.key] === $0.value }) else {
        Issue.record("a connection is not found")
        return
      }
    }
    #expect(Set(table.all.map(\.id)) == Set(model.keys))
  }

  @Test("keeps searches short for ids that are counted, from whichever on", arguments: [0, 1 << 32, 7_654_321] as [UInt64])
  func spread(start: UInt64) {
    var table = ConnectionTable()
    for index in 0..<6000 { table.insert(connection(start + UInt64(index))) }
    #expect(table.longestSearch <= 16)
  }
}
