import Testing

@testable import ZinxControl

@Suite("JSON of the control protocol")
struct ControlJSONTests {
  @Test(
    "reads what it has written",
    arguments: [
      nil, true, false, 0, -7, .integer(.max), .integer(.min), .number(0.25), "", "a\"\\\n\r\t\u{1}\u{7F}é😀\u{202E}", [],
      [1, "x", [nil]], [:], ["a": 1, "b": ["c": [true]]],
    ] as [JSON])
  func roundTrip(value: JSON) throws {
    #expect(try JSON(parsing: value.description.utf8) == value)
    #expect(!value.description.contains("\n"))
  }

  @Test(
    "reads what others write",
    arguments: [
      (#" { "a" : [ 1 , 2.5e1 ] } "#, ["a": [1, .number(25)]]), (#""\u00e9\ud83d\ude00\/""#, "é😀/"),
      ("18446744073709551615", .number(0x1p64)), ("-0", 0),
    ] as [(String, JSON)])
  func foreign(text: String, value: JSON) throws { #expect(try JSON(parsing: text.utf8) == value) }

  @Test(
    "refuses what is no JSON, and never more than it reads",
    arguments: [
      "", " ", "{", "}", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "01", "1.", "-", "+1", "1e", "nan", "tru", "\"", "\"\\",
      "\"\\u12", "\"\\ud800\"",
      "\"\\ud800\\u0041\"", "\"\u{1}\"", "1 2", "1e999", "'a'", "{\"a\":1,}",
    ])
  func bad(text: String) { #expect(throws: JSONFault.self) { try JSON(parsing: text.utf8) } }

  @Test("refuses a text that is not UTF-8")
  func utf8() { #expect(throws: JSONFault.self) { try JSON(parsing: [0x22, 0xFF, 0x22]) } }

  @Test("reads what is nested as deep as it may be, and no deeper")
  func depth() throws {
    func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    _ = try JSON(parsing: nested(JSON.maximumDepth).utf8)
    #expect(throws: JSONFault.self) { try JSON(parsing: nested(JSON.maximumDepth + 1).utf8) }
    #expect(throws: JSONFault.self) { try JSON(parsing: nested(60_000).utf8) }
  }

  @Test("says seconds to the millisecond, and whole ones without a fraction")
  func seconds() {
    #expect(JSON.seconds(.milliseconds(1234)).description == "1.234")
    #expect(JSON.seconds(.milliseconds(2562)).description == "2.562")
    #expect(JSON.seconds(.seconds(12)).description == "12")
  }
}
