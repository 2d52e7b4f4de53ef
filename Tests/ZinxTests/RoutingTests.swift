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
    table.insert(other, for: id ^ 1)
    #expect(table[id] == nil)
    table.insert(own, for: id)
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
      table.insert(route, for: id)
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
    #expect(throws: ZinxError.duplicateRoute(id: id, first: "first", second: "second")) { try registrar.makeTable() }
  }

  @Test("a plugin that takes one id twice is named twice")
  func duplicateOfOne() {
    var registrar = RouteRegistrar(owner: "echo")
    registrar.route(3) { _ in }
    registrar.route(3) { _ in }
    #expect(throws: ZinxError.duplicateRoute(id: 3, first: "echo", second: "echo")) { try registrar.makeTable() }
  }

  @Test("ids are listed in the order of registration")
  func ids() {
    var registrar = RouteRegistrar()
    for id: UInt32 in [5, 1, 2000] { registrar.route(id) { _ in } }
    #expect(registrar.ids == [5, 1, 2000])
  }
}
