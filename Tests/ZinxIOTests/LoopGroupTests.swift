import CLinux
import Foundation
import Testing
import ZinxIO

@Suite("LoopGroup", .timeLimit(.minutes(1)))
struct LoopGroupTests {
  private func stop(_ group: LoopGroup) async throws { try await TestThread { group.stop() }.end() }

  @Test("every loop runs on a thread of its own, named after the group")
  func threads() async throws {
    let group = try LoopGroup(count: 3, name: "group")
    try group.start()
    var identities: Set<UInt> = []
    for (index, loop) in group.loops.enumerated() {
      identities.insert(try await loop.call { UInt(pthread_self()) })
      let name = try await loop.call { try String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8) }
      #expect(name == "group-\(index)\n")
    }
    #expect(identities.count == 3)
    try await stop(group)
  }

  @Test("stop runs what the loops had accepted, and returns when their threads have ended")
  func stop() async throws {
    let group = try LoopGroup(count: 2, name: "group")
    let probe = Probe<Int>()
    for (index, loop) in group.loops.enumerated() { loop.execute { probe.report(index) } }
    try group.start()
    for (index, loop) in group.loops.enumerated() { loop.execute { probe.report(index) } }
    try await stop(group)
    #expect(probe.all.sorted() == [0, 0, 1, 1])
  }

  @Test("a group that was never started can be stopped, and stopping twice does no harm")
  func stopIdle() async throws {
    let group = try LoopGroup(count: 1, name: "group")
    try await stop(group)
    try await stop(group)
    let other = try LoopGroup(count: 1, name: "group")
    try other.start()
    try await stop(other)
    try await stop(other)
  }

  @Test("the count 0 means one loop for each CPU the process may run on")
  func countZero() throws {
    #expect(try LoopGroup(count: 0, name: "group").loops.count == LoopGroup.usableCPUs)
    #expect(try LoopGroup(count: 5, name: "group").loops.count == 5)
  }

  @Test("the usable CPUs are those the kernel allows this process")
  func usableCPUs() throws {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let mask = try #require(status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") })
    let allowed = mask.dropFirst("Cpus_allowed:".count).compactMap(\.hexDigitValue).reduce(0) { $0 + $1.nonzeroBitCount }
    #expect(LoopGroup.usableCPUs == allowed)
  }
}
