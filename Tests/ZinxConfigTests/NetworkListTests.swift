import Testing
import Zinx
import ZinxConfig

private func problems(_ text: String) -> [String] {
  parse(text).problems.map { "\($0.position?.line ?? 0):\($0.position?.column ?? 0): \($0.message)" }
}

private let malformed =
  #"a network is written as "10.0.0.0/8" or "2001:db8::/32", a single address as "192.0.2.1" or "2001:db8::1""#

@Suite("A list of networks in the file")
struct NetworkListTests {
  @Test("names each element that is none, where it stands, and not the others")
  func elements() {
    let text = """
      {"Allow": ["10.0.0.0/8", "10.0.0.0/33",
        5, "localhost"],
       "Deny": ["::1", null]}
      """
    #expect(
      problems(text) == [
        "1:26: Allow has \"10.0.0.0/33\", but \(malformed)",
        "2:3: Allow has 5, but \(malformed)",
        "2:6: Allow has \"localhost\", but \(malformed)",
        "3:18: Deny has null, but \(malformed)",
      ])
  }

  @Test(
    "names the network that is meant when bits are set beyond its length",
    arguments: [
      ("10.1.2.3/8", "10.0.0.0/8"), ("2001:db8::1/32", "2001:db8::/32"), ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
      ("1.2.3.4/0", "0.0.0.0/0"),
    ])
  func hostBits(written: String, meant: String) {
    #expect(
      problems(#"{"Deny": ["\#(written)"]}"#) == [
        "1:11: Deny has \"\(written)\", but bits are set beyond its length: the network is \"\(meant)\", a single address has no length"
      ])
  }

  @Test("shows what was written without what would harm a terminal, and not all of it")
  func found() {
    #expect(problems(#"{"Allow": ["\u001b[2J"]}"#) == [#"1:12: Allow has "\u001b[2J", but \#(malformed)"#])
    let long = String(repeating: "1", count: 1000)
    #expect(problems(#"{"Allow": ["\#(long)"]}"#).allSatisfy { $0.utf8.count < 250 })
  }

  @Test("is printed as it is read: in its order, one notation for what is the same")
  func printed() throws {
    let text = #"{"Allow": ["192.0.2.1/32", "2001:DB8:0:0::/32", "::ffff:10.0.0.0/104", "2001:db8::1/128"]}"#
    let configuration = try #require(parse(text).configuration)
    #expect(
      Option.named("Allow")?.value(in: configuration)?.jsonText
        == #"["192.0.2.1", "2001:db8::/32", "10.0.0.0/8", "2001:db8::1"]"#)
    #expect(parse(Reference.json(configuration)).configuration == configuration)
  }

  @Test("that is long is named by its beginning and its length when a reload changes it")
  func longChange() throws {
    let networks = (0..<500).map { #""10.0.\#($0 / 256).\#($0 % 256)""# }.joined(separator: ", ")
    let proposed = try #require(parse(#"{"Deny": [\#(networks)]}"#).configuration)
    let change = Reload(current: Configuration(), proposed: proposed).applied
    #expect(
      change == [
        #"Deny: [] → ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", … 492 more]"#
      ])
    #expect(Reload(current: proposed, proposed: proposed).applied.isEmpty)
  }
}
