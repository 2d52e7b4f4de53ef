import Testing
import ZinxTestKit
import Zinx
import ZinxConfig

private let good = Array(
  """
  {
    "Name": "zinxd \\u00e4 \\ud83d\\ude00 Grüße", "Host": "127.0.0.1", "TcpPort": 7777, "MaxConn": 3,
    "IdleTimeout": 2.5e0, "LogDir": "./log", "Nothing": [null, true, false, -1.25E-3, [], {}],
    "Plugins": {"ping": {"MsgID": 4}, "echo": {"Delay": 0.1, "Blocking": true}}
  }
  """.utf8)

/// What holds for any bytes: an answer, whose places are in the file, or a value without a problem of syntax.
private func check(_ bytes: [UInt8]) {
  let document = JSONParser.parse(bytes)
  #expect(document.value != nil || !document.problems.isEmpty)
  let lines = bytes.count { $0 == 0x0A } + 1
  for problem in document.problems {
    let inside = problem.position.map { (1...lines).contains($0.line) && (1...(bytes.count + 1)).contains($0.column) }
    #expect(inside == true)
    #expect(problem.message.unicodeScalars.allSatisfy { $0.isPrintable })
  }
  let parsed = Configuration.parse(bytes, knownPlugins: ["ping", "echo"])
  #expect((parsed.configuration == nil) == !parsed.problems.isEmpty)
}

@Suite("The JSON parser, on any bytes")
struct JSONFuzzTests {
  @Test("a good file cut off at any byte is refused, with one problem")
  func truncation() {
    #expect(JSONParser.parse(good).problems.isEmpty)
    for length in 0..<good.count {
      let document = JSONParser.parse(Array(good.prefix(length)))
      #expect(document.value == nil)
      #expect(document.problems.count == 1)
      check(Array(good.prefix(length)))
    }
  }

  @Test("no change of some bytes of a good file is too much", arguments: 1...20 as ClosedRange<UInt64>)
  func mutation(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let telling = Array("{}[]\",:\\u0123dD8eE+-.\n \u{0}/tfn".utf8)
    for _ in 0..<200 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[place] = telling.randomElement(using: &random) ?? 0
        case 2: bytes.insert(telling.randomElement(using: &random) ?? 0, at: place)
        default: bytes.remove(at: place)
        }
      }
      check(bytes)
    }
  }

  @Test("random bytes and random tokens are answered", arguments: 100...110 as ClosedRange<UInt64>)
  func noise(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let tokens = [
      "{", "}", "[", "]", ",", ":", "\"a\"", "\"", "\\u", "12", "-", "1e9", "true", "null", " ", "\n", "\u{FEFF}", "é",
    ]
    for length in 0..<150 {
      check((0..<length).map { _ in UInt8.random(in: 0...255, using: &random) })
      check((0..<length).flatMap { _ in Array((tokens.randomElement(using: &random) ?? "").utf8) })
    }
  }

  @Test("a value that is read and written again is the same value")
  func roundTrip() throws {
    let value = try #require(JSONParser.parse(good).value)
    let again = try #require(JSONParser.parse(Array(value.jsonText.utf8)).value)
    #expect(again.jsonText == value.jsonText)
  }
}
