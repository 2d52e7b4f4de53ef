import Logging

@testable import Systemd

/// What a peer or a plugin can get into the log: whatever it is, the datagram to journald has the fields that it should, and the line on
/// a terminal is one that obeys nobody.
@Sendable func fuzzLog(_ input: Input) {
  var input = input
  let level = input.element(of: Logger.Level.allCases)
  let lead = input.element(of: [LogText.Lead.timeOfDay, .date, .priority])
  let time = Duration.seconds(Int64(input.word(UInt32.self)))
  let texts = input.texts()
  let fields = stride(from: 1, to: texts.count - 1, by: 2).map { LogEntry.Field(texts[$0], texts[$0 + 1]) }
  let entry = LogEntry(time: time, level: level, label: "zinx", message: texts[0], fields: fields)
  checkDatagram(entry)
  let line = LogText(lead: lead).line(entry)
  require(line.unicodeScalars.last == "\n", "a line ends")
  var isAfterBreak = false
  for (index, scalar) in line.unicodeScalars.dropLast().enumerated() {
    if isAfterBreak { require(scalar == " ", "what follows a line break is set in, at \(index)") }
    isAfterBreak = scalar == "\n"
    require(isAfterBreak || !isObeyed(scalar), "a terminal is told nothing: \(scalar.value)")
  }
}

private func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
  let obeyed: [Unicode.GeneralCategory] = [.control, .format, .lineSeparator, .paragraphSeparator]
  return obeyed.contains(scalar.properties.generalCategory) || scalar.properties.isBidiControl
}

/// Reads the datagram as journald does.
private func checkDatagram(_ entry: LogEntry) {
  var rest = JournalEntry(entry, identifier: "zinxd").bytes[...]
  var values: [[UInt8]] = []
  while let end = rest.firstIndex(where: { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: "\n") }) {
    let name = String(decoding: rest[..<end], as: UTF8.self)
    require(JournalFieldName(name) != nil, "journald takes the name \(name)")
    let isBinary = rest[end] == UInt8(ascii: "\n")
    rest = rest[(end + 1)...]
    var length = rest.firstIndex(of: UInt8(ascii: "\n")).map { $0 - rest.startIndex } ?? rest.count
    if isBinary {
      guard rest.count >= 8 else { return require(false, "a length has eight bytes") }
      length = rest.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
      rest = rest.dropFirst(8)
    }
    require(length < rest.count, "a value is inside the datagram, with its end")
    values.append(Array(rest.prefix(length)))
    require(rest.dropFirst(length).first == UInt8(ascii: "\n"), "a field ends with its line")
    rest = rest.dropFirst(length + 1)
  }
  require(rest.isEmpty, "nothing is left over")
  let expected = entry.fields.map { Array($0.value.utf8) }
  require(Array(values.suffix(expected.count)) == expected, "every field has its value")
  require(values.count == 7 + expected.count, "no value becomes a field")
}
