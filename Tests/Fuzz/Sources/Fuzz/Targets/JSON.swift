@testable import Zinx

@testable import ZinxConfig

/// The parser of `zinx.json`: an answer for any bytes, whose places are in the file and whose words are fit for a terminal; what is read
/// reads back as the same when it is written.
@Sendable func fuzzJSON(_ input: Input) {
  let bytes = input.bytes
  let document = JSONParser.parse(bytes)
  require(document.value != nil || !document.problems.isEmpty, "a value or a problem")
  check(document.problems, of: bytes)
  guard let value = document.value, document.problems.isEmpty else { return }
  for text in [value.jsonText, prettyJSON(value)] {
    require(text.unicodeScalars.allSatisfy { $0.isPrintable || $0 == "\n" }, "JSON of ours is printable")
    let again = JSONParser.parse(Array(text.utf8))
    require(again.problems.isEmpty && again.value.map { isSame($0, value) } == true, "what is written reads back: \(text)")
  }
}

/// The same content, wherever it stands. Not the same text: a fault in writing it would be in both.
private func isSame(_ one: ConfigurationValue, _ other: ConfigurationValue) -> Bool {
  switch (one.content, other.content) {
  case (.array(let ours), .array(let theirs)):
    ours.count == theirs.count && zip(ours, theirs).allSatisfy { isSame($0, $1) }
  case (.object(let ours), .object(let theirs)):
    ours.count == theirs.count && zip(ours, theirs).allSatisfy { $0.key == $1.key && isSame($0.value, $1.value) }
  case (let ours, let theirs): ours == theirs
  }
}

/// Places are in the file, and what is quoted from it is harmless.
func check(_ problems: [ConfigurationProblem], of bytes: [UInt8]) {
  let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
  for problem in problems {
    require(problem.message.unicodeScalars.allSatisfy(\.isPrintable), "a problem is one printable line")
    guard let place = problem.position else { continue }
    require(lines.indices.contains(place.line - 1), "the line \(place.line) is in the file")
    // A byte order mark takes no column, and the column after the last byte is where the file ends.
    require((1...lines[place.line - 1].count + 1).contains(place.column), "the column \(place.column) is in the line")
  }
}
