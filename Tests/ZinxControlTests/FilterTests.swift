import Testing

@testable import ZinxControl

@Suite("A filter of connections")
struct FilterTests {
  /// A connection of a test.
  private static func value(_ field: Field) -> FieldValue {
    switch field {
    case .id: .number(7)
    case .peer: .address("10.1.2.3:5000", IPNumber(peer: "10.1.2.3:5000"))
    case .listener: .text("public")
    case .user: .text("u42")
    case .ageSeconds: .number(600)
    case .idleSeconds: .number(90.5)
    case .received: .number(100)
    case .sent: .number(0)
    case .queued, .queuedBytes: .number(3)
    case .receivedBytes, .sentBytes: .number(4096)
    case .worker: .number(nil)
    case .groups: .texts(["lobby", "red team"])
    case .tls: .flag(true)
    case .webSocket, .busy: .flag(false)
    }
  }

  @Test(
    "is true of a connection or not",
    arguments: [
      ("id == 7", true), ("id != 7", false), ("id < 7", false), ("id <= 7", true), ("id >= 8", false), ("id > 6.5", true),
      ("age > 5m", true), ("age == 600", true), ("ageSeconds < 1h", true), ("idle > 1m30s", true), ("idle > 1m31s", false),
      ("idle > 90400ms", true), ("idle<1d", true),
      ("user == u42", true), ("user == \"u42\"", true), ("user == 'u43'", false), ("user != none", true), ("user", true),
      ("!user", false),
      ("worker == none", true), ("worker == 0", false), ("worker != 0", false), ("worker", false), ("user == 'none'", false),
      ("peer in 10.0.0.0/8", true), ("peer in 10.1.2.3", true), ("peer in 192.168.0.0/16", false),
      ("peer in ::ffff:10.0.0.0/104", true),
      ("peer in 0.0.0.0/0", true), ("peer in ::/0", true), ("peer in 2001:db8::/32", false), ("peer == 10.1.2.3:5000", true),
      ("group == lobby", true), ("groups == 'red team'", true), ("group != lobby", false), ("group != blue", true),
      ("groups", true),
      ("tls", true), ("!tls", false), ("webSocket || tls", true), ("busy", false),
      ("tls && id == 8 || listener == public", true), ("tls && (id == 8 || listener == web)", false),
      ("!(id == 8) && !busy", true),
      ("!!tls", true), ("id == 1 || id == 2 || id == 7", true), ("listener > a && listener < z", true),
    ])
  func holds(text: String, isTrue: Bool) throws {
    let filter = try Filter(text)
    #expect(filter.matches(Self.value) == isTrue)
    #expect(filter.text == text)
  }

  @Test(
    "that means nothing is refused, with what was expected",
    arguments: [
      ("", "the filter wants a field at the end"), ("bogus == 1", "there is no field \"bogus\"; there are id, peer, "),
      ("id", "the filter wants a comparison at the end"), ("id ==", "the filter wants a number at the end"),
      ("id == x", "the filter wants a number at character 7"), ("id == 5m", "the filter wants a number at character 7"),
      ("age > fast", "the filter wants seconds, or a duration such as 5m at character 7"),
      ("age > nan", "the filter wants seconds"),
      ("id == 0x10", "the filter wants a number"),
      ("peer in lan", "the filter wants a network such as 10.0.0.0/8 at character 9"),
      ("peer in 10.0.0.0/33", "the filter wants a network"), ("user in 10.0.0.0/8", "only peer can be in a network"),
      ("(id == 1", "the filter wants \")\" at the end"), ("id == 1)", "the filter wants && or || at character 8"),
      ("id == 1 id == 2", "the filter wants && or || at character 9"),
      ("user == \"x", "the text at character 9 has no closing quote"),
      ("tls == true", "tls is true or not: write tls or !tls"), ("group < a", "groups can be compared by == and != alone"),
      ("id = 1", "character 4 means nothing here"), ("id & 1", "character 4 means nothing here"),
      ("&& tls", "the filter wants a field"),
      ("\"id\" == 1", "the filter wants a field at character 1"),
    ])
  func bad(text: String, message: String) {
    let error = #expect(throws: ControlError.self) { try Filter(text) }
    #expect(error?.code == .badFilter)
    #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "")")
  }

  @Test("is bounded in depth and length")
  func bounds() throws {
    _ = try Filter(String(repeating: "!", count: 31) + "tls")
    for text in [
      String(repeating: "!", count: 40) + "tls", String(repeating: "(", count: 60_000),
      String(repeating: "tls||", count: 10_000) + "tls",
    ] {
      #expect(throws: ControlError.self) { try Filter(text) }
    }
    #expect(try Filter(Array(repeating: "tls", count: 128).joined(separator: "||")).matches(Self.value))
  }

  @Test("asks for no field that does not matter")
  func laziness() throws {
    var asked: [Field] = []
    let matches = try Filter("id == 1 && groups").matches { field in
      asked.append(field)
      return .number(2)
    }
    #expect(!matches && asked == [.id])
  }

  @Test(
    "finds the address of a peer",
    arguments: [
      ("10.0.0.1:80", "10.0.0.1"), ("[::1]:80", "::1"), ("[fe80::1%2]:80", "fe80::1"), ("[::ffff:10.0.0.1]:80", "10.0.0.1"),
      ("unix:pid:7,uid:0,gid:0", nil), ("unix", nil), ("", nil),
    ] as [(String, String?)])
  func peers(text: String, address: String?) { #expect(IPNumber(peer: text) == address.flatMap { IPNumber($0) }) }

  @Test("puts what has no value last in either order, and knows its fields by name")
  func order() throws {
    let values: [FieldValue] = [.number(nil), .number(2), .number(1)]
    #expect(try values.sorted(by: FieldOrder("worker").areInOrder) == [.number(1), .number(2), .number(nil)])
    #expect(try values.sorted(by: FieldOrder("-worker").areInOrder) == [.number(2), .number(1), .number(nil)])
    #expect(try FieldOrder("-idle").text == "-idleSeconds")
    #expect(throws: ControlError.self) { try FieldOrder("size") }
    for field in Field.allCases { #expect(Field(named: field.rawValue) == field) }
  }
}
