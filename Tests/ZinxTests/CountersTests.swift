import Testing

@testable import Zinx

@Suite("Counters")
struct CountersTests {
  @Test("tell what all threads counted, each for itself, and what went through outboxes")
  func sums() {
    let counters = Counters()
    let (loop, worker) = (counters.traffic(), counters.traffic())
    loop.bytesReceived.countAlone(100)
    loop.bytesReceived.countAlone(28)
    loop.requestsReceived.countAlone(1)
    worker.requestsReceived.countAlone(2)
    worker.messagesSent.countAlone(2)
    worker.bytesSent.countAlone(64)
    counters.outboxes.messagesSent.count()
    counters.outboxes.bytesSent.count(9)
    let snapshot = counters.snapshot
    #expect(snapshot.bytesReceived == 128)
    #expect(snapshot.requestsReceived == 3)
    #expect(snapshot.messagesSent == 3)
    #expect(snapshot.bytesSent == 73)
  }

  @Test("name the reasons of what happened only")
  func reasons() {
    let counters = Counters()
    counters.countClose(.idle)
    counters.countClose(.idle)
    counters.countRefusal(.denied)
    #expect(counters.snapshot.connectionsClosed == [.idle: 2])
    #expect(counters.snapshot.refusals == [.denied: 1])
    #expect(counters.snapshot.connectionsRefused == 1)
  }
}
