import Testing
import ZinxIO

@Suite("Side by side")
struct SideBySideTests {
  @Test("values come in the order of their numbers", arguments: [0, 1, 2, 9])
  func order(_ count: Int) { #expect(sideBySide(count) { 3 * $0 } == (0..<count).map { 3 * $0 }) }
}
