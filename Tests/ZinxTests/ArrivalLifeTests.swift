import Testing

@testable import Zinx

@Suite("The life of an arrival")
struct ArrivalLifeTests {
  @Test("ends in a connection once the step is done and all that was to be said has left")
  func done() {
    var life = ArrivalLife([.tls])
    #expect(life.next(isFlushed: true) == .wait)
    #expect(life.reads)
    life.stepDone()
    #expect(life.next(isFlushed: false) == .wait)
    #expect(!life.reads)
    #expect(life.next(isFlushed: true) == .handOver)
    #expect(life.next(isFlushed: true) == .wait)
    #expect(life.failure == nil)
  }

  @Test("ends in a parting when the peer has failed: it is closed when the peer has, or a moment has passed")
  func failed() {
    for event in [{ $0.peerClosed() }, { $0.broke("x") }, { $0.timeIsUp(.seconds(1)) }] as [(inout ArrivalLife) -> Void] {
      var life = ArrivalLife([.tls])
      life.failed("no certificate")
      #expect(life.next(isFlushed: false) == .part)
      #expect(life.next(isFlushed: true) == .wait)
      event(&life)
      #expect(life.next(isFlushed: true) == .close)
      #expect(life.next(isFlushed: true) == .wait)
      #expect(life.failure == ArrivalLife.Failure(reason: .tlsFailed, detail: "no certificate"))
    }
  }

  @Test("is over at once when there is nobody to tell, and the first failure is the one that counts")
  func gone() {
    var life = ArrivalLife([.tls])
    life.peerClosed()
    life.broke("later")
    #expect(life.next(isFlushed: true) == .close)
    #expect(life.failure?.detail == "the peer closed before it was done")
    life = ArrivalLife([.tls])
    life.timeIsUp(.seconds(10))
    #expect(life.next(isFlushed: true) == .close)
    #expect(life.failure?.detail == "it was not done within 10.0 seconds")
  }

  @Test func `takes the header of a proxy before the handshake`() {
    var life = ArrivalLife([.proxyHeader, .tls])
    #expect(life.step == .proxyHeader)
    life.stepDone()
    #expect(life.step == .tls)
    #expect(life.next(isFlushed: true) == .wait)
    life.failed("no certificate")
    #expect(life.failure?.reason == .tlsFailed)
    life = ArrivalLife([.proxyHeader])
    life.stepDone()
    #expect(life.next(isFlushed: true) == .handOver)
  }

  @Test func `has no words for whoever sends no good header: it is closed at once`() {
    var life = ArrivalLife([.proxyHeader, .tls])
    life.failed("it began with something else")
    #expect(life.next(isFlushed: true) == .close)
    #expect(life.failure == ArrivalLife.Failure(reason: .proxyHeader, detail: "it began with something else"))
    life = ArrivalLife([.proxyHeader])
    life.timeIsUp(.seconds(30))
    #expect(life.next(isFlushed: true) == .close)
    #expect(life.failure == ArrivalLife.Failure(reason: .proxyHeader, detail: "it was not done within 30.0 seconds"))
  }

  @Test func `takes no bytes while plugins are asked who it is, and tells who is refused`() {
    var life = ArrivalLife([.webSocket])
    life.stepDone()
    life.awaitLogin()
    #expect(life.step == .login && !life.reads)
    #expect(life.next(isFlushed: true) == .wait)
    var refused = life
    refused.failed("no such session")
    #expect(refused.next(isFlushed: true) == .part)
    #expect(refused.failure == ArrivalLife.Failure(reason: .unauthenticated, detail: "no such session"))
    var late = life
    late.timeIsUp(.seconds(10))
    #expect(late.next(isFlushed: true) == .close)
    #expect(late.failure?.reason == .unauthenticated)
    var drained = life
    drained.drain()
    #expect(drained.next(isFlushed: true) == .close && drained.failure == nil)
    life.stepDone()
    #expect(life.next(isFlushed: true) == .handOver)
  }

  @Test func `is no failure of somebody who leaves without a word, or may not come in`() {
    var life = ArrivalLife([.proxyHeader])
    life.leave()
    life.peerClosed()
    #expect(life.next(isFlushed: true) == .close)
    #expect(life.failure == nil)
  }

  @Test func `on a connection that may be the proxy's own waits for a first byte, for as long as there is time`() {
    for event in [{ $0.stepDone() }, { $0.timeIsUp(.milliseconds(50)) }] as [(inout ArrivalLife) -> Void] {
      var life = ArrivalLife([.proxyHeader])
      life.stepDone()
      life.awaitFirstByte()
      #expect(life.step == .firstByte && life.reads)
      #expect(life.next(isFlushed: true) == .wait)
      event(&life)
      #expect(life.next(isFlushed: true) == .handOver)
      #expect(life.failure == nil)
    }
    var life = ArrivalLife([.proxyHeader])
    life.stepDone()
    life.awaitFirstByte()
    life.leave()
    #expect(life.next(isFlushed: true) == .close)
    #expect(life.failure == nil)
  }

  @Test func `waits for no first byte where another step is to come, or it is over`() {
    var life = ArrivalLife([.proxyHeader, .tls])
    life.stepDone()
    life.awaitFirstByte()
    #expect(life.step == .tls)
    life = ArrivalLife([.proxyHeader])
    life.drain()
    life.awaitFirstByte()
    #expect(life.next(isFlushed: true) == .close)
  }

  @Test("is over at a drain, which is nobody's failure, whatever is going on")
  func drain() {
    var life = ArrivalLife([.tls])
    life.drain()
    life.stepDone()
    #expect(life.next(isFlushed: true) == .close)
    #expect(life.failure == nil)
    life = ArrivalLife([.tls])
    life.failed("x")
    #expect(life.next(isFlushed: true) == .part)
    life.drain()
    #expect(life.next(isFlushed: true) == .close)
    life = ArrivalLife([.tls])
    life.stepDone()
    life.drain()
    #expect(life.next(isFlushed: true) == .close)
  }
}
