import Logging
import Testing
import ZinxTestKit

@testable import Systemd

@Suite("The log buffer, at random")
struct LogBufferModelTests {
  @Test("what is accepted is written once and in order, the rest is counted", arguments: 0..<20 as Range<UInt64>)
  func model(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let limits = LogLimits(entries: 8, bytes: 4096)
    var buffer = LogBuffer(limits: limits)
    var (added, reported) = (0, 0)
    var taken: [LogEntry] = []
    var written: [Int] = []
    func write(_ count: Int) {
      for entry in taken.prefix(count) {
        buffer.finished(entry)
        if let number = Int(entry.message.prefix { $0 != " " }), entry.label == "test" { written.append(number) }
        if entry.label == "zinx.log" { reported += Int(entry.message.prefix { $0 != " " }) ?? 0 }
      }
      taken.removeFirst(min(count, taken.count))
    }
    for _ in 0..<1000 {
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        if taken.isEmpty { taken = buffer.takeAll() }
      case 1: write(Int.random(in: 0...4, using: &random))
      default:
        let filler = String(repeating: "x", count: Int.random(in: 0...600, using: &random))
        buffer.add(LogEntry(time: .zero, level: .info, label: "test", message: "\(added) \(filler)"))
        added += 1
      }
      #expect(buffer.written <= buffer.accepted && buffer.accepted <= buffer.goal)
      // One report may come on top.
      #expect(buffer.accepted - buffer.written <= limits.entries + 1)
    }
    write(.max)
    taken = buffer.takeAll()
    write(.max)
    #expect(!buffer.hasWork && buffer.written == buffer.goal)
    #expect(written == written.sorted() && Set(written).count == written.count)
    #expect(written.count + reported == added)
    #expect(reported > 0)
  }
}
