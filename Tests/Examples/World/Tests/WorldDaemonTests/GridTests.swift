import Testing

@testable import WorldDaemon

@Suite("The grid")
struct GridTests {
  @Test func `players see those in their cell and in the eight around it`() throws {
    var grid = Grid()
    // A cell is 32.5 wide and 16.25 deep.
    #expect(try grid.insert(1, x: 200, z: 200) == [])
    #expect(try grid.insert(2, x: 230, z: 215) == [1])
    #expect(try grid.insert(3, x: 300, z: 200) == [])
    #expect(try grid.insert(4, x: 200, z: 240) == [])
    #expect(try grid.insert(5, x: 201, z: 201) == [1, 2])
  }

  @Test func `who walks loses those behind and finds those ahead`() throws {
    var grid = Grid()
    for (id, x) in [(1, 100), (2, 130), (3, 230)] as [(Int32, Float)] { _ = try grid.insert(id, x: x, z: 100) }
    #expect(try grid.move(1, x: 101, z: 100) == .init(near: [2]))
    #expect(try grid.move(1, x: 170, z: 100) == .init(near: [2]))
    #expect(try grid.move(1, x: 200, z: 100) == .init(lost: [2], found: [3], near: [3]))
    #expect(grid.remove(3) == [1])
    #expect(grid.remove(3) == [])
    #expect(try grid.move(3, x: 1, z: 1) == .init())
  }

  @Test func `the map has edges, and beyond them is the last cell`() throws {
    var grid = Grid()
    #expect(try grid.insert(1, x: 410, z: 400) == [])
    #expect(try grid.insert(2, x: .greatestFiniteMagnitude, z: .greatestFiniteMagnitude) == [1])
    // Cells have no neighbours at the other side.
    #expect(try grid.insert(3, x: -.greatestFiniteMagnitude, z: 400) == [])
    #expect(throws: NoPlace.self) { try grid.move(1, x: .nan, z: 0) }
    #expect(throws: NoPlace.self) { try grid.move(1, x: 0, z: .infinity) }
    #expect(try grid.move(2, x: 409, z: 399) == .init(near: [1]))
  }
}
