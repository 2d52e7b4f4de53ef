@testable import Zinx
@testable import ZinxConfig

@testable import ClientText

/// What `zinx-client` reads from its command line (hexadecimal digits) and prints of what a server sent.
@Sendable func fuzzText(_ input: Input) {
  let bytes = input.bytes
  require(Bytes.parse(hex: Bytes.hexadecimal(bytes)) == bytes, "digits stand for their bytes")
  let text = String(decoding: bytes, as: UTF8.self)
  if let parsed = Bytes.parse(hex: text) {
    require(parsed.count <= text.utf8.count / 2, "two digits a byte")
    require(Bytes.parse(hex: Bytes.hexadecimal(parsed)) == parsed, "what was read is written and read again")
  }
  checkShown(Bytes(bytes), length: bytes.count)
  require(!Bytes.dump(bytes).unicodeScalars.contains { $0 != "\n" && !(" "..."~").contains($0) }, "a dump is plain ASCII")
  var line = JSONLine()
  line.add("text", .text(text))
  let back = JSONParser.parse(Array(line.line.utf8))
  guard back.problems.isEmpty, case .object(let members)? = back.value?.content,
    case .string(let same)? = members.first?.value.content
  else { return require(false, "a line is JSON: \(back.problems)") }
  require(same.unicodeScalars.elementsEqual(text.unicodeScalars), "a text reads back as the same")
}

private func checkShown(_ shown: Bytes, length: Int) {
  let line = shown.oneLine(limit: 64)
  require(line.unicodeScalars.allSatisfy(\.isPrintable), "one line, without controls")
  require(length <= 64 || !line.isEmpty, "what is there is shown")
}
