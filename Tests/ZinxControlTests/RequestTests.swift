import Testing

@testable import ZinxControl

@Suite("A request of the control protocol")
struct ControlRequestTests {
  private static func fault(_ line: String) -> ControlRequest.Fault? {
    do { _ = try ControlRequest(parsing: line.utf8) } catch { return error }
    return nil
  }

  static let all: [ControlRequest.Command] = {
    let filter = try? Filter("idle > 5m && user == \"a b\"")
    let order = try? FieldOrder("-queuedBytes")
    return [
      .status, .connections(.init()), .connections(.init(filter: filter, order: order, limit: 3)), .show(7), .closed(limit: nil),
      .closed(limit: 0), .close(.init(.ids([1, 2]))),
      .close(.init(filter.map { .matching($0) } ?? .ids([]), atOnce: true, isTrial: true)),
      .drain(.init()), .drain(.init(closing: true)), .drain(.init(closing: true, spread: 60, deadline: 90.5)), .resume, .reload,
      .set(key: "MaxConn", value: 5), .log(level: "debug", nil), .log(level: "debug", .connection(7)),
      .log(level: "info", IPNetwork("10.0.0.0/8").map { .peers($0) }),
      .plugins, .routes,
      .groups, .users, .health,
      .trace(.init(.ids([7]))),
      .trace(.init(filter.map { .matching($0) } ?? .ids([]), seconds: 0.5, count: 3, bytes: 4096)),
      .send(.init(.connections(.ids([1])), 7, [0, 255])), .broadcast(.init(.all, .max, [])),
      .broadcast(.init(.group("a \"b\""), 0, [1])), .broadcast(.init(.user("u"), 0, [1])),
    ]
  }()

  @Test("is read as it was written", arguments: all)
  func roundTrip(command: ControlRequest.Command) throws {
    for id in ["x", 7, nil] as [JSON] {
      let request = ControlRequest(id: id, command)
      #expect(try ControlRequest(parsing: request.json.description.utf8) == request)
    }
  }

  @Test("needs no id, and no blanks")
  func terse() throws {
    #expect(try ControlRequest(parsing: #"{"command":"status"}"#.utf8) == ControlRequest(.status))
  }

  @Test(
    "that is none is refused under its id, with what is wrong",
    arguments: [
      ("", "bad-line", "the line is no JSON: a value expected at byte 1"), ("[]", "bad-line", "the line is no object"),
      ("{}", "bad-request", "the line has no command"), (#"{"command":"fly"}"#, "bad-request", "there is no command \"fly\""),
      (#"{"command":1}"#, "bad-request", "command is no string"),
      (#"{"command":"status","all":1}"#, "bad-request", "status takes no \"all\""),
      (#"{"command":"show"}"#, "bad-request", "connection is missing"),
      (#"{"command":"drain","spreadSeconds":5}"#, "bad-request", "spreadSeconds and deadlineSeconds go with close"),
      (#"{"command":"drain","close":true,"deadlineSeconds":-1}"#, "bad-request", "seconds of a drain are at most 86400"),
      (#"{"command":"log","level":"info","peers":"10.0.0.0/33"}"#, "bad-request", "peers is no network such as 10.0.0.0/8"),
      (#"{"command":"log","level":"info","peers":"::1","connection":1}"#, "bad-request", "log takes either connection or peers"),
      (#"{"command":"show","connection":-1}"#, "bad-request", "connection is no id of a connection"),
      (#"{"command":"connections","limit":-1}"#, "bad-request", "limit is no count"),
      (#"{"command":"connections","where":"x"}"#, "bad-filter", "there is no field"),
      (#"{"command":"connections","sort":"size"}"#, "bad-filter", "there is no field"),
      (#"{"command":"close"}"#, "bad-request", "close takes either connections or where"),
      (#"{"command":"close","connections":[1],"where":"tls"}"#, "bad-request", "close takes either"),
      (#"{"command":"close","connections":[1,"2"]}"#, "bad-request", "connections is no list of ids"),
      (#"{"command":"close","connections":[1],"now":1}"#, "bad-request", "now is neither true nor false"),
      (#"{"command":"drain","command":"status"}"#, "bad-line", "the line is no JSON: a key that is there twice at byte 20"),
      (#"{"command":"set","key":"Custom","value":{"a":1,"a":2}}"#, "bad-line", "the line is no JSON: a key that is there twice"),
      (#"{"command":"set","key":"MaxConn"}"#, "bad-request", "value is missing"),
      (#"{"command":"trace"}"#, "bad-request", "trace takes either connections or where"),
      (#"{"command":"trace","connections":[1],"seconds":0}"#, "bad-request", "seconds are more than 0, and at most 3600"),
      (#"{"command":"trace","connections":[1],"seconds":3601}"#, "bad-request", "seconds are more than 0, and at most 3600"),
      (#"{"command":"trace","connections":[1],"count":0}"#, "bad-request", "count is at least 1"),
      (#"{"command":"trace","connections":[1],"bytes":4097}"#, "bad-request", "bytes are at most 4096"),
      (#"{"command":"send","connections":[1]}"#, "bad-request", "msgId is missing"),
      (#"{"command":"send","connections":[1],"msgId":4294967296}"#, "bad-request", "msgId is no id of a message"),
      (#"{"command":"broadcast","msgId":1,"data":"abc"}"#, "bad-request", "data is no text of hexadecimal digits"),
      (#"{"command":"broadcast","msgId":1,"group":"a","user":"b"}"#, "bad-request", "broadcast takes either group or user"),
    ])
  func bad(line: String, code: String, message: String) {
    let fault = Self.fault(line)
    #expect(fault?.error.code.rawValue == code)
    #expect(fault?.error.message.hasPrefix(message) == true, "\(fault?.error.message ?? "")")
    let named = Self.fault(line.replacing("{", with: "{\"id\":9,", maxReplacements: 1).replacing(",}", with: "}"))
    if line.hasPrefix("{"), code != "bad-line" { #expect(named?.id == 9) }
  }

  @Test(
    "has an id that is a short string or a whole number",
    arguments: ["1.5", "[]", "{}", "true", "\"\(String(repeating: "x", count: 65))\""])
  func badID(id: String) { #expect(Self.fault("{\"id\":\(id),\"command\":\"status\"}")?.error.code == .badRequest) }

  @Test("changes what runs, or looks at it", arguments: all)
  func changes(command: ControlRequest.Command) {
    let request = ControlRequest(command)
    let names: Set = ["close", "send", "broadcast", "drain", "resume", "reload", "set", "log"]
    if case .close(let closing) = command, closing.isTrial { return #expect(!request.changes) }
    #expect(request.changes == names.contains(request.name))
  }
}

@Suite struct `Bytes as hexadecimal digits` {
  @Test(arguments: [("", []), ("00ff", [0, 255]), ("0A 1b\n2C", [10, 27, 44])] as [(String, [UInt8])])
  func `are read in either case, with blanks between bytes`(text: String, bytes: [UInt8]) { #expect(Hex.bytes(text) == bytes) }

  @Test(arguments: ["0", "0g", "0 0", "0x00", "é", "00 0"])
  func `are none with half a byte or another sign`(text: String) { #expect(Hex.bytes(text) == nil) }

  @Test func `come back as they were written`() {
    let all = Array(UInt8.min...UInt8.max)
    #expect(Hex.bytes(Hex.text(all)) == all)
  }

  @Test func `of the longest message fit into a line`() {
    let data = [UInt8](repeating: 7, count: ControlRequest.Sending.longest)
    let request = ControlRequest(id: 1, .send(.init(.connections(.ids([1])), 7, data)))
    #expect(request.json.description.utf8.count < ControlProtocol.longestLine - 4096)
  }
}

@Suite("A list of the control protocol")
struct ControlPagesTests {
  private static func pages(_ elements: [JSON]) -> [String] {
    var rest = elements[...]
    return Array(ControlPages(7, "things") { rest.popFirst() })
  }

  @Test("that is empty is a line all the same")
  func empty() { #expect(Self.pages([]) == [#"{"id":7,"result":{"things":[]}}"#]) }

  @Test(
    "comes in lines that are as full as they may be, and of which all but the last say that there is more",
    arguments: [1, 3, 5000, 20_000])
  func split(count: Int) throws {
    let elements = (0..<count).map { JSON.string("element \($0)") }
    let lines = Self.pages(elements)
    #expect(lines.allSatisfy { $0.utf8.count <= ControlProtocol.longestLine })
    #expect(lines.dropLast().allSatisfy { $0.utf8.count > ControlProtocol.longestLine - 64 })
    let values = try lines.map { try JSON(parsing: $0.utf8) }
    #expect(values.flatMap { $0["result"]?["things"]?.array ?? [] } == elements)
    #expect(values.map { $0["more"] == true } == values.indices.map { $0 < values.count - 1 })
  }

  @Test("asks for its elements when they are due alone")
  func laziness() {
    var asked = 0
    var pages = ControlPages(1, "things") {
      asked += 1
      return .string(String(repeating: "x", count: 40_000))
    }
    _ = pages.next()
    #expect(asked == 2)
  }

  @Test("gives an element that is longer than a line one to itself")
  func long() {
    let long = JSON.string(String(repeating: "x", count: 70_000))
    #expect(Self.pages([1, long, 2]).count == 3)
  }
}
