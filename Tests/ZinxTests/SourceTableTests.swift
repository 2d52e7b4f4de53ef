import Testing
import ZinxTestKit

@testable import Zinx

private func source(_ text: String) throws -> Source { Source(try #require(IPAddress(text))) }

@Suite("A source")
struct SourceTests {
  @Test("is one IPv4 address")
  func four() throws {
    #expect(try source("192.0.2.1") == source("::ffff:192.0.2.1"))
    #expect(try source("192.0.2.1") != source("192.0.2.2"))
  }

  @Test("is a /64 of IPv6")
  func six() throws {
    #expect(try source("2001:db8::1") == source("2001:db8:0:0:ffff:ffff:ffff:ffff"))
    #expect(try source("2001:db8::1") != source("2001:db8:0:1::1"))
    #expect(try source("::1") != source("0.0.0.1"))
    #expect(try source("::1") != source("0.0.0.0"))
  }
}

@Suite("The connections of each source")
struct SourceTableTests {
  @Test("are as many as the limit and not one more, each source for itself")
  func limit() throws {
    let (one, other) = (try source("192.0.2.1"), try source("192.0.2.2"))
    var table = SourceTable()
    table.limit = 2
    #expect([table.enter(one), table.enter(one), table.enter(one)] == [true, true, false])
    #expect(table.enter(other) == true)
    #expect(table.live(one) == 2)
    table.leave(one)
    #expect([table.enter(one), table.enter(one)] == [true, false])
  }

  @Test("without a limit are counted nevertheless, for the day there is one")
  func unlimited() throws {
    let one = try source("192.0.2.1")
    var table = SourceTable()
    for _ in 0..<5 { #expect(table.enter(one) == true) }
    table.add(one)
    table.limit = 6
    #expect(table.live(one) == 6)
    #expect(table.enter(one) == false)
  }

  @Test("a lowered limit admits nobody until the count is below it")
  func lowered() throws {
    let one = try source("192.0.2.1")
    var table = SourceTable()
    table.limit = 3
    for _ in 0..<3 { _ = table.enter(one) }
    table.limit = 1
    table.leave(one)
    table.leave(one)
    #expect(table.enter(one) == false)
    table.leave(one)
    #expect(table.enter(one) == true)
  }

  @Test("leave nothing behind when the last has gone")
  func forgotten() throws {
    var table = SourceTable()
    table.limit = 1
    for number in UInt32(0)..<1000 {
      let source = Source(IPAddress(v4: number))
      #expect(table.enter(source) == true)
      table.leave(source)
    }
    #expect(table.count == 0)
  }

  @Test("at random agree with a count by hand", arguments: 0..<20)
  func model(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let sources = (0..<6).map { Source(IPAddress(v4: $0)) }
    var table = SourceTable()
    var live: [Source: Int] = [:]
    for _ in 0..<2000 {
      let source = sources[Int.random(in: 0..<6, using: &generator)]
      let count = live[source, default: 0]
      switch Int.random(in: 0..<20, using: &generator) {
      case 0: table.limit = Int.random(in: 0...5, using: &generator)
      case 1:
        table.add(source)
        live[source] = count + 1
      case 2..<11:
        let admits = table.limit == 0 || count < table.limit
        #expect(table.enter(source) == admits)
        if admits { live[source] = count + 1 }
      default:
        guard count > 0 else { continue }
        table.leave(source)
        live[source] = count - 1
      }
      #expect(table.live(source) == live[source, default: 0])
      #expect(table.count == live.values.count { $0 > 0 })
    }
  }
}
