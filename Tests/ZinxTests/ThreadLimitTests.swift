import Glibc
import Testing
import ZinxIO

@testable import Zinx

@Suite("The threads that a server needs")
struct ThreadLimitTests {
  @Test("are made and ended again", arguments: [0, 1, 2, 50])
  func check(count: Int) throws {
    try ThreadLimit.check(count)
    try ThreadLimit.check(count)
  }

  @Test("are those of its loops and workers, and some for the runtime")
  func server() throws {
    var configuration = ServerConfiguration()
    configuration.ioThreads = 2
    configuration.workerPoolSize = 3
    try Server.checkLimits(configuration)
    #expect(ThreadLimit.reserve > LoopGroup.usableCPUs)
  }
}

@Suite("The memory that a server's threads need")
struct MemoryLimitTests {
  @Test("a limit leaves malloc as many arenas as it has room for, at least one, and never more than without a limit")
  func arenas() {
    let usual = 8 * LoopGroup.usableCPUs
    #expect(MemoryLimit.arenas(limit: 400 << 20, needed: 400 << 20) == 1)
    #expect(MemoryLimit.arenas(limit: 527 << 20, needed: 400 << 20) == 1)
    #expect(MemoryLimit.arenas(limit: 528 << 20, needed: 400 << 20) == 2)
    #expect(MemoryLimit.arenas(limit: .max, needed: 400 << 20) == usual)
  }

  @Test("a limit that is too low is an error that names it and what is needed", arguments: [RLIMIT_AS, RLIMIT_DATA])
  func tooLow(resource: __rlimit_resource) async {
    // In a process of its own: the limit holds for all of it.
    await #expect(processExitsWith: .success) { [number = resource.rawValue as UInt32] in
      var limit = rlimit()
      getrlimit(__rlimit_resource_t(number), &limit)
      // Far more than the process has now, and less than the stacks of so many threads.
      limit.rlim_cur = 1 << 50
      try #require(setrlimit(__rlimit_resource_t(number), &limit) == 0)
      try MemoryLimit.check(threads: 10)
      let error = #expect(throws: ZinxError.self) { try MemoryLimit.check(threads: 1 << 28) }
      guard case .limitTooLow(let name, limit: 1_125_899_906_842_624, let needed) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(name == (number == RLIMIT_AS.rawValue ? "RLIMIT_AS" : "RLIMIT_DATA"))
      #expect(needed > 1 << 50)
    }
  }
}
