import Testing
import ZinxTestKit

@testable import Zinx

@Suite("Routes")
struct RoutingTests {
  private static func route() -> Route { Route(one: { _ in }, all: { _ in }) }
  private static func route(_ id: UInt32, _ table: RouteTable) -> Route? { table[id]?.takeUnretainedValue() }

  @Test("an id finds its own route in the dense and in the sparse part", arguments: [0, 1, 1023, 1024, 70_000, UInt32.max])
  func lookup(id: UInt32) {
    var table = RouteTable()
    let (own, other) = (Self.route(), Self.route())
    table.insert(other, for: .id(id ^ 1))
    #expect(table[id] == nil)
    table.insert(own, for: .id(id))
    #expect(Self.route(id, table) === own)
    #expect(Self.route(id ^ 1, table) === other)
  }

  @Test("an empty table has no route", arguments: [0, 1023, 1024, UInt32.max])
  func empty(id: UInt32) {
    #expect(RouteTable()[id] == nil)
  }

  @Test("a table agrees with a dictionary over random ids")
  func model() {
    var generator = SplitMix64(seed: 1)
    var table = RouteTable()
    var model: [UInt32: Route] = [:]
    for _ in 0..<500 {
      let highest: UInt32 = Bool.random(using: &generator) ? 1100 : .max
      let id = UInt32.random(in: 0...highest, using: &generator)
      let route = Self.route()
      table.insert(route, for: .id(id))
      model[id] = route
    }
    for id in Array(model.keys) + Array(0...1100) { #expect(Self.route(id, table) === model[id]) }
  }

  @Test("two routes for one id are an error that names both owners", arguments: [2, 90_000])
  func duplicate(id: UInt32) {
    var registrar = RouteRegistrar(owner: "first")
    registrar.route(id) { _ in }
    registrar.owner = "second"
    registrar.route(7) { _ in }
    registrar.route(id) { _ in }
    #expect(throws: ZinxError.duplicateRoute(ids: .id(id), first: "first", second: "second")) { try registrar.makeTable() }
  }

  @Test("a plugin that takes one id twice is named twice")
  func duplicateOfOne() {
    var registrar = RouteRegistrar(owner: "echo")
    registrar.route(3) { _ in }
    registrar.route(3) { _ in }
    #expect(throws: ZinxError.duplicateRoute(ids: 3, first: "echo", second: "echo")) { try registrar.makeTable() }
  }

  @Test("ids are listed in the order of registration")
  func ids() {
    var registrar = RouteRegistrar()
    for id: UInt32 in [5, 1, 2000] { registrar.route(id) { _ in } }
    #expect(registrar.ids == [5, 1, 2000])
  }

  @Test(
    "an id comes before a range, and a range before everything else", arguments: [0, 99, 100, 150, 199, 200, 70_000, UInt32.max])
  func precedence(id: UInt32) {
    var table = RouteTable()
    let (own, range, otherwise) = (Self.route(), Self.route(), Self.route())
    table.insert(otherwise, for: .otherwise)
    table.insert(own, for: 150)
    table.insert(range, for: .range(100...199))
    let expected = id == 150 ? own : (100...199).contains(id) ? range : otherwise
    #expect(table.route(id)?.takeUnretainedValue() === expected)
  }

  @Test("a table agrees with a list over random ranges that do not overlap")
  func rangeModel() {
    var generator = SplitMix64(seed: 2)
    var bounds = Set((0..<400).map { _ in UInt32.random(in: 0...5000, using: &generator) }).sorted()
    if !bounds.count.isMultiple(of: 2) { bounds.removeLast() }
    let ranges = stride(from: 0, to: bounds.count, by: 2).map { bounds[$0]...bounds[$0 + 1] }.shuffled(using: &generator)
    let routes = ranges.map { ($0, Self.route()) }
    var table = RouteTable()
    for (ids, route) in routes { table.insert(route, for: .range(ids)) }
    for id in 0...5001 as ClosedRange<UInt32> {
      #expect(table.range(id)?.takeUnretainedValue() === routes.first { $0.0.contains(id) }?.1)
    }
    #expect(table.range(.max) == nil)
  }

  @Test("a range up to the highest id is found", arguments: [UInt32.max - 1, .max])
  func highest(id: UInt32) {
    var table = RouteTable()
    let route = Self.route()
    table.insert(route, for: .range(UInt32.max - 1...UInt32.max))
    #expect(table.range(id)?.takeUnretainedValue() === route)
    #expect(table.range(UInt32.max - 2) == nil)
  }

  private static let overlaps: [(ClosedRange<UInt32>, ClosedRange<UInt32>, ClosedRange<UInt32>)] = [
    (1...5, 5...9, 5...5), (5...9, 1...5, 5...5), (1...9, 3...4, 3...4), (3...4, 1...9, 3...4), (2...3, 2...3, 2...3),
  ]

  @Test("ranges that overlap are an error that names both owners and what both want", arguments: overlaps)
  func overlap(first: ClosedRange<UInt32>, second: ClosedRange<UInt32>, both: ClosedRange<UInt32>) {
    var registrar = RouteRegistrar(owner: "first")
    registrar.route(first) { _ in }
    registrar.owner = "second"
    registrar.group { $0.route(second) { _ in } }
    #expect(throws: ZinxError.duplicateRoute(ids: .range(both), first: "first", second: "second")) { try registrar.makeTable() }
  }

  @Test("only one route can be for everything else")
  func secondOtherwise() {
    var registrar = RouteRegistrar(owner: "first")
    registrar.otherwise { _ in }
    registrar.owner = "second"
    registrar.otherwise { _ in }
    #expect(throws: ZinxError.duplicateRoute(ids: .otherwise, first: "first", second: "second")) { try registrar.makeTable() }
  }

  @Test("neighbouring ranges, an id in a range, and a route for everything else get along")
  func noConflict() throws {
    var registrar = RouteRegistrar()
    registrar.route(1...5) { _ in }
    registrar.route(6...9) { _ in }
    registrar.route(3) { _ in }
    registrar.otherwise { _ in }
    _ = try registrar.makeTable()
  }

  @Test("ids, ranges and the rest are written as operators write them")
  func texts() {
    var registrar = RouteRegistrar()
    registrar.route(7) { _ in }
    registrar.group { $0.route(100...199) { _ in } }
    registrar.otherwise { _ in }
    registrar.sends(2)
    #expect(registrar.ids.map(\.description) == ["7", "100-199", "*", "2"])
  }
}
