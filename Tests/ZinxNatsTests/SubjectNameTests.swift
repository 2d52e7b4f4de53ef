import Testing

@testable import ZinxNats

@Suite("A name in a subject")
struct SubjectNameTests {
  @Test(arguments: [
    ("u42", "u42"), ("Anna_B-1", "Anna_B-1"), ("a.b", "a%2Eb"), ("*", "%2A"), (">", "%3E"), ("a b", "a%20b"), ("100%", "100%25"),
    ("\r\nPUB x 1", "%0D%0APUB%20x%201"), ("é", "%C3%A9"), ("\u{0}", "%00"),
  ])
  func `has only letters, digits, underscores and hyphens as they are`(name: String, token: String) {
    #expect(SubjectName.encode(name) == token)
    #expect(SubjectName.decode(token) == name)
  }

  @Test(arguments: ["", "a.b", "*", ">", "a b", "%", "%2", "%2e", "%41", "%G0", "%FF", "a\n"])
  func `is not read from what no name is written as`(token: String) {
    #expect(SubjectName.decode(token) == nil)
  }

  @Test func `of any bytes is one token that is read back, and no other name has it`() {
    var tokens: Set<String> = []
    for scalar in (0...0x2FF).compactMap(Unicode.Scalar.init) {
      let name = "x\(Character(scalar))"
      let token = SubjectName.encode(name)
      #expect(token.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !".*>".utf8.contains($0) })
      #expect(SubjectName.decode(token)?.utf8.elementsEqual(name.utf8) == true)
      #expect(tokens.insert(token).inserted)
    }
  }

  @Test func `of ten thousand bytes is three times as long at most`() {
    #expect(SubjectName.encode(String(repeating: ".", count: 10_000)).utf8.count == 30_000)
  }
}

@Suite("The subject of a route")
struct SubjectTemplateTests {
  @Test(arguments: [
    ("game.move", "game.move"), ("game.{id}", "game.7"), ("{id}", "7"), ("a.{id}.{id}x", "a.7.7x"), ("$SRV.x", "$SRV.x"),
  ])
  func `has the id of the message where it says so`(text: String, subject: String) throws {
    #expect(try #require(SubjectTemplate(text)).subject(7) == subject)
  }

  @Test(arguments: [
    "", ".", "a.", ".a", "a..b", "a b", "a.*", "a.>", "a\nb", "{id", "{ID}", "a{}", String(repeating: "x", count: 201),
  ])
  func `is nothing that cannot be published to`(text: String) {
    #expect(SubjectTemplate(text) == nil)
  }
}
