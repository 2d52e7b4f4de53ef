import Testing
import ZinxWire

@testable import Zinx

@Suite("What becomes of the open listeners")
struct ListenerPlanTests {
  private static func endpoint(_ name: String, _ address: String) throws -> Endpoint {
    Endpoint(name: name, try ListenAddress(address))
  }

  private static func plan(_ current: [ListenerPlan.Current], _ wanted: [Endpoint]) -> ([Int?], [Int]) {
    let plan = ListenerPlan(from: current, to: wanted)
    return (plan.sources, plan.closed)
  }

  @Test("is nothing where names and addresses stay, whatever the order")
  func same() throws {
    let (a, b) = (try Self.endpoint("a", "h:1"), try Self.endpoint("b", "unix:/b"))
    var changed = a
    (changed.maxConn, changed.dataPack, changed.backlog) = (3, .tlvBigEndian, 7)
    let current = [a, b].map { ListenerPlan.Current(endpoint: $0) }
    #expect(Self.plan(current, [a, b]) == ([0, 1], []))
    #expect(Self.plan(current, [b, changed]) == ([1, 0], []))
  }

  @Test("is to open what is new, and to close what is gone")
  func comeAndGo() throws {
    let current = [ListenerPlan.Current(endpoint: try Self.endpoint("a", "h:1"))]
    let moved = try Self.endpoint("a", "h:2")
    #expect(Self.plan(current, [moved]) == ([nil], [0]))
    #expect(try Self.plan(current, [Self.endpoint("b", "h:3"), Self.endpoint("a", "h:1")]) == ([nil, 0], []))
    var narrow = try Self.endpoint("a", "h:1")
    narrow.v6Only = true
    #expect(Self.plan(current, [narrow]) == ([nil], [0]))
  }

  @Test("is to go on with the sockets where only the name is another, and where two exchange their names")
  func renamed() throws {
    let current = [("a", "h:1"), ("b", "h:2")]
    let open = try current.map { ListenerPlan.Current(endpoint: try Self.endpoint($0, $1)) }
    #expect(try Self.plan(open, [Self.endpoint("x", "h:2"), Self.endpoint("a", "h:1")]) == ([1, 0], []))
    #expect(try Self.plan(open, [Self.endpoint("b", "h:1"), Self.endpoint("a", "h:2")]) == ([0, 1], []))
    let free = ListenerPlan.Current(endpoint: try Self.endpoint("a", "h:0"))
    #expect(try Self.plan([free], [Self.endpoint("b", "h:0")]) == ([nil], [0]))
    #expect(try Self.plan([free], [Self.endpoint("a", "h:0")]) == ([0], []))
  }

  @Test("is never to give up passed sockets while their listener is wanted, nor to give them to another")
  func passed() throws {
    let current = [ListenerPlan.Current(endpoint: try Self.endpoint("a", "h:1"), isPassed: true)]
    #expect(try Self.plan(current, [Self.endpoint("a", "h:2")]) == ([0], []))
    #expect(try Self.plan(current, [Self.endpoint("b", "h:1")]) == ([nil], [0]))
  }
}

@Suite("The places of a listener")
struct PlacesTests {
  @Test("are without a limit until there is one, and count those who came before")
  func limits() {
    let places = Places()
    for _ in 0..<3 { #expect(places.enter()) }
    places.limit(to: 3)
    #expect(!places.enter() && !places.hasRoom && places.live == 3)
    places.leave()
    #expect(places.hasRoom && places.enter() && !places.enter())
    places.limit(to: 1)
    places.leave()
    #expect(!places.enter())
    places.limit(to: nil)
    #expect(places.enter() && places.live == 3)
  }
}
