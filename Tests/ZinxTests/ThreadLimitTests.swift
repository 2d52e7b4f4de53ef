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
    try Server(configuration).checkThreads()
    #expect(ThreadLimit.reserve > LoopGroup.usableCPUs)
  }
}
