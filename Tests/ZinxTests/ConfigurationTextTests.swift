import Testing
import Zinx

@Suite("Configuration values as text")
struct ConfigurationTextTests {
  @Test(
    "every kind of value is JSON on one line",
    arguments: [
      (.null, "null"), (.bool(true), "true"), (.bool(false), "false"), (.integer(-5), "-5"), (.number(0.25), "0.25"),
      (.number(1e30), "1e+30"), (.string("a"), "\"a\""), (.array([]), "[]"), (.object([]), "{}"),
      (.array([ConfigurationValue(.integer(1)), ConfigurationValue(.null)]), "[1, null]"),
      (.object([ConfigurationMember(key: "k\"", value: ConfigurationValue(.array([])))]), "{\"k\\\"\": []}"),
    ] as [(ConfigurationValue.Content, String)])
  func json(content: ConfigurationValue.Content, text: String) {
    #expect(ConfigurationValue(content).jsonText == text)
  }

  @Test("a string shows nothing that could move the cursor or turn the direction of writing")
  func harmless() {
    #expect(quotedJSON("a\u{1B}[31m\n\r\t\0\"\\") == #""a\u001b[31m\n\r\t\u0000\"\\""#)
    #expect(quotedJSON("\u{9B}\u{202E}\u{2028}\u{7F}") == #""\u009b\u202e\u2028\u007f""#)
    #expect(quotedJSON("\u{E0001}") == #""\udb40\udc01""#)
    #expect(quotedJSON("Grüße 😀") == "\"Grüße 😀\"")
  }

  @Test("a problem shows the first forty characters of a string, and no content of lists")
  func brief() {
    let long = String(repeating: "x", count: 41)
    #expect(ConfigurationValue(.string(String(long.dropLast()))).found == "\"" + long.dropLast() + "\"")
    #expect(ConfigurationValue(.string(long)).found == "\"" + long.dropLast() + "…\"")
    #expect(ConfigurationValue(.array([])).found == "an empty list")
    #expect(ConfigurationValue(.array([ConfigurationValue(.null), ConfigurationValue(.null)])).found == "a list of 2")
    #expect(ConfigurationValue(.object([])).found == "an object")
    #expect(ConfigurationValue(.null).found == "null")
  }
}
