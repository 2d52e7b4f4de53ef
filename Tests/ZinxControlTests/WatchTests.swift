import ArgumentParser
import Testing

@testable import ZinxControl
@testable import zinxctl

@Suite struct `Keys of a terminal` {
  @Test(
    arguments: [
      ("q", [.character("q")]), ("\u{1B}[A\u{1B}OB", [.up, .down]), ("\u{1B}[5~\u{1B}[6~", [.pageUp, .pageDown]),
      ("\r\u{7F}", [.enter, .backspace]), ("é", [.character("é")]), ("\u{1}\u{1B}[99~x", [.character("x")]), ("", []),
    ] as [(String, [Key])])
  func `are found in what it sends, and what is none is dropped`(text: String, keys: [Key]) {
    var decoder = KeyDecoder()
    #expect(decoder.keys(from: Array(text.utf8)) == keys)
    #expect(!decoder.isWaiting)
  }

  @Test func `may come a byte at a time`() {
    var decoder = KeyDecoder()
    let keys = Array("\u{1B}[Aé\u{1B}[6~".utf8).flatMap { decoder.keys(from: [$0]) }
    #expect(keys == [.up, .character("é"), .pageDown])
  }

  @Test func `have an escape that is alone once nothing more has come`() {
    var decoder = KeyDecoder()
    #expect(decoder.keys(from: [0x1B]) == [] && decoder.isWaiting)
    #expect(decoder.flush() == [.escape] && !decoder.isWaiting)
    #expect(decoder.keys(from: [0x1B, 0x1B]) == [.escape] && decoder.flush() == [.escape])
  }

  @Test func `of any bytes are some, and never wait for more than a few`() {
    var (decoder, random) = (KeyDecoder(), SystemRandomNumberGenerator())
    for _ in 0..<2000 {
      _ = decoder.keys(from: (0..<8).map { _ in UInt8.random(in: 0...255, using: &random) })
      _ = decoder.flush()
      #expect(!decoder.isWaiting)
    }
    #expect(decoder.keys(from: [0x1B, 0x5B] + Array(repeating: 0x30, count: 40)).isEmpty && !decoder.isWaiting)
  }
}

@Suite struct `The view of connections` {
  private static func row(_ id: Int64, _ more: [(String, JSON)] = []) -> JSON {
    .object([.init("id", .integer(id)), .init("peer", .string("192.0.2.\(id):1"))] + more.map { .init($0.0, $0.1) })
  }

  private static func status(_ connections: Int64, received: Int64 = 0, at seconds: Double = 1) -> JSON {
    [
      "name": "zinxd", "version": "0.9.0", "uptimeSeconds": .number(seconds), "connections": .integer(connections),
      "maxConn": 100, "received": .integer(received), "sent": 0, "draining": false,
    ]
  }

  /// One of six rows, four of them frame, that was given these connections.
  private static func view(_ ids: ClosedRange<Int64>, rows: Int = 7) throws -> ConnectionsView {
    var view = ConnectionsView(filter: nil, order: try FieldOrder("id"))
    view.size = ScreenSize(columns: 80, rows: rows)
    view.took([status(Int64(ids.count)), ["connections": .array(ids.map { row($0) })]])
    return view
  }

  private static func shownIDs(_ view: ConnectionsView) -> [Substring] {
    view.lines.dropFirst(3).dropLast().compactMap { $0.text.split(separator: " ").first }
  }

  @Test func `has as many lines as the screen, whatever there is`() throws {
    for rows in 1...12 {
      #expect(try Self.view(1...4, rows: rows).lines.count == rows)
      #expect(ConnectionsView(filter: nil, order: try FieldOrder("id")).lines.count == 24)
    }
  }

  @Test func `asks for as many as it shows and one more`() throws {
    let view = try Self.view(1...4)
    #expect(view.requests == [.status, .connections(.init(order: try FieldOrder("id"), limit: 4))])
    #expect(Self.shownIDs(view) == ["1", "2", "3"])
    #expect(view.lines[1].text == "by id, from 1, more below")
  }

  @Test func `goes down row by row, page by page, and not beyond the end`() throws {
    var view = try Self.view(1...4)
    #expect(view.selected == 1)
    #expect(view.press(.down) == .look && view.press(.down) == .look && view.selected == 3)
    #expect(view.press(.down) == .look && view.selected == 4)
    #expect(view.requests.last == .connections(.init(order: try FieldOrder("id"), limit: 5)))
    #expect(view.press(.down) == .none && view.press(.pageDown) == .none)
    #expect(view.press(.home) == .look)
    view.took([Self.status(4), ["connections": .array((1...4).map { Self.row($0) })]])
    #expect(view.press(.pageDown) == .look)
    view.took([Self.status(4), ["connections": .array((1...4).map { Self.row($0) })]])
    #expect(Self.shownIDs(view) == ["4"] && view.selected == 4)
    #expect(view.press(.pageUp) == .look)
  }

  @Test func `keeps the connection that is selected where others come and go, and the place where it has gone`() throws {
    var view = try Self.view(1...3)
    _ = view.press(.down)
    view.took([Self.status(3), ["connections": [Self.row(0), Self.row(1), Self.row(2)]]])
    #expect(view.selected == 2 && view.lines[5].style == .selected)
    view.took([Self.status(2), ["connections": [Self.row(7), Self.row(9)]]])
    #expect(view.selected == 9)
    view.took([Self.status(0), ["connections": []]])
    #expect(view.selected == nil && view.press(.character("x")) == .none && view.mode == .list)
  }

  @Test func `shows the last page where the rest has gone`() throws {
    var view = try Self.view(1...4)
    _ = view.press(.pageDown)
    view.took([Self.status(1), ["connections": [Self.row(1)]]])
    #expect(Self.shownIDs(view) == ["1"] && view.lines[1].text == "by id, from 1")
  }

  @Test func `is put in order by keys, column by column`() throws {
    var view = try Self.view(1...2)
    #expect(view.press(.right) == .look && view.order.text == "peer")
    #expect(view.press(.character("r")) == .look && view.order.text == "-peer")
    #expect(view.press(.left) == .look && view.press(.left) == .look && view.order.field == ConnectionsCommand.fields.last)
  }

  @Test func `takes a filter, and says what is wrong with one`() throws {
    var view = try Self.view(1...2)
    func write(_ text: String) { for character in text { _ = view.press(.character(character)) } }
    _ = view.press(.character("/"))
    write("age >q")
    #expect(view.lines.last?.text == "where: age >q_")
    #expect(view.press(.enter) == .none && view.mode == .filter("age >q"))
    #expect(view.lines.last?.text.hasPrefix("where: age >q_   ") == true)
    _ = view.press(.backspace)
    write(" 5m")
    #expect(view.press(.enter) == .look && view.mode == .list)
    #expect(view.requests.last == .connections(.init(filter: try Filter("age > 5m"), order: try FieldOrder("id"), limit: 4)))
    _ = view.press(.character("/"))
    write("x")
    #expect(view.press(.escape) == .none && view.filter?.text == "age > 5m" && view.note.isEmpty)
    _ = view.press(.character("/"))
    for _ in 0..<20 { _ = view.press(.backspace) }
    #expect(view.press(.enter) == .look && view.filter == nil)
  }

  @Test func `closes the selected one when that was said twice, and no other that came to its place`() throws {
    var view = try Self.view(1...3)
    _ = view.press(.down)
    #expect(view.press(.character("x")) == .none)
    #expect(view.lines.last?.text == "Close connection 2 of 192.0.2.2:1? [y/N]")
    view.took([Self.status(2), ["connections": [Self.row(1), Self.row(3)]]])
    #expect(view.press(.character("y")) == .close(2))
    _ = view.press(.character("x"))
    #expect(view.press(.enter) == .none && view.lines.last?.text == "nothing was closed")
    #expect(view.press(.character("q")) == .quit)
  }

  @Test func `says what passes by the daemon's own time, and marks what waits and what ends`() throws {
    var view = try Self.view(1...1)
    #expect(view.lines[0].text == "zinxd 0.9.0  up 1s  1 of 100 connections  in -/s  out -/s")
    let rows: JSON = ["connections": [Self.row(1), Self.row(2, [("queued", 3)]), Self.row(3, [("ending", true)])]]
    view.took([Self.status(3, received: 50_000, at: 3), rows])
    #expect(view.lines[0].text == "zinxd 0.9.0  up 3s  3 of 100 connections  in 25.0k/s  out 0/s")
    #expect(view.lines[3...5].map(\.style) == [.selected, .warning, .dim])
  }

  @Test func `shows nothing that a terminal would obey`() throws {
    var view = try Self.view(1...1)
    view.took([Self.status(1), ["connections": [Self.row(1, [("user", "\u{1B}[2J\u{9B}x")])]]])
    view.note = "\u{7}\u{1B}c"
    #expect(view.lines.allSatisfy { !$0.text.unicodeScalars.contains(where: JSON.isHidden) })
  }
}

@Suite struct `The view of the status` {
  @Test func `scrolls, and not beyond its ends`() {
    var view = StatusView()
    view.size = ScreenSize(columns: 80, rows: 4)
    view.took([["version": "1", "name": "n", "a": 1, "b": 2]])
    #expect(view.lines.count == 4 && view.lines[1].text == "version  1")
    for _ in 0..<9 { _ = view.press(.pageDown) }
    #expect(view.lines[1...2].map(\.text) == ["a        1", "b        2"])
    for _ in 0..<9 { _ = view.press(.up) }
    #expect(view.lines[1].text == "version  1" && view.press(.character("q")) == .quit)
  }
}

@Suite struct `A line with looks` {
  @Test func `has no colours where they are not wanted, and shows the selected one all the same`() {
    #expect(StyledLine("a", .warning).rendered(colours: false) == "a")
    #expect(StyledLine("a", .warning).rendered(colours: true) == "\u{1B}[33ma\u{1B}[0m")
    #expect(StyledLine("a", .selected).rendered(colours: false) == "\u{1B}[7ma\u{1B}[0m")
  }
}

@Suite struct `What can be watched` {
  @Test(arguments: [["--watch", "--json"], ["--watch", "--limit", "3"], ["--watch", "--every", "10ms"], ["--every", "x"]])
  func `takes no options that mean nothing then`(arguments: [String]) {
    #expect(throws: (any Error).self) { try ConnectionsCommand.parse(arguments) }
  }

  @Test func `is looked at each second, or as often as is said`() throws {
    #expect(try ConnectionsCommand.parse(["--watch"]).watching.interval == .seconds(1))
    #expect(try StatusCommand.parse(["--watch", "--every", "250ms"]).watching.interval == .milliseconds(250))
  }

  @Test(
    arguments: [(9999, "9999"), (10_000, "10.0k"), (999_949, "999.9k"), (999_950, "1.0M"), (Int64.max, "9.2E")]
      as [(Int64, String)])
  func `has large numbers as short ones`(number: Int64, text: String) { #expect(Table.amount(number) == text) }
}
