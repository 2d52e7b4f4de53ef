/// Who is near whom, on a map that is cut into cells: a player sees those in the same cell and in the eight around it.
struct Grid {
  /// Who somebody who has moved sees, of those who were there before.
  struct Sight: Equatable {
    var lost: Set<Int32> = []
    var found: Set<Int32> = []
    /// All who are near now.
    var near: Set<Int32> = []
  }

  private struct Cell: Hashable {
    var column, row: Int
  }

  private static let width: (from: Float, to: Float, cells: Int) = (85, 410, 10)
  private static let depth: (from: Float, to: Float, cells: Int) = (75, 400, 20)

  private var cells: [Cell: Set<Int32>] = [:]
  private var places: [Int32: Cell] = [:]

  /// Puts somebody somewhere, and returns who is near.
  ///
  /// Throws: ``NoPlace``.
  mutating func insert(_ id: Int32, x: Float, z: Float) throws(NoPlace) -> Set<Int32> {
    let cell = try Self.cell(x, z)
    put(id, in: cell)
    return near(cell, to: id)
  }

  /// Throws: ``NoPlace``, and leaves everybody where they are.
  mutating func move(_ id: Int32, x: Float, z: Float) throws(NoPlace) -> Sight {
    let cell = try Self.cell(x, z)
    guard let old = places[id] else { return Sight() }
    guard cell != old else { return Sight(near: near(cell, to: id)) }
    let (before, after) = (near(old, to: id), near(cell, to: id))
    take(id, from: old)
    put(id, in: cell)
    return Sight(lost: before.subtracting(after), found: after.subtracting(before), near: after)
  }

  /// Takes somebody away, and returns who was near.
  mutating func remove(_ id: Int32) -> Set<Int32> {
    guard let cell = places.removeValue(forKey: id) else { return [] }
    take(id, from: cell)
    return near(cell, to: id)
  }

  private func near(_ cell: Cell, to id: Int32) -> Set<Int32> {
    var near: Set<Int32> = []
    for column in cell.column - 1...cell.column + 1 {
      for row in cell.row - 1...cell.row + 1 { near.formUnion(cells[Cell(column: column, row: row)] ?? []) }
    }
    near.remove(id)
    return near
  }

  private mutating func put(_ id: Int32, in cell: Cell) {
    places[id] = cell
    cells[cell, default: []].insert(id)
  }

  private mutating func take(_ id: Int32, from cell: Cell) {
    cells[cell]?.remove(id)
    if cells[cell]?.isEmpty == true { cells[cell] = nil }
  }

  /// Who walks off the map is in the cell at its edge.
  private static func cell(_ x: Float, _ z: Float) throws(NoPlace) -> Cell {
    guard x.isFinite, z.isFinite else { throw NoPlace() }
    return Cell(column: index(x, width), row: index(z, depth))
  }

  private static func index(_ value: Float, _ side: (from: Float, to: Float, cells: Int)) -> Int {
    let share = (value - side.from) / (side.to - side.from)
    // Before it is a whole number: one that is too large for that would end the process.
    return Int(max(0, min(Float(side.cells - 1), share * Float(side.cells))))
  }
}

/// Thrown for coordinates that are no numbers.
struct NoPlace: Error {}
