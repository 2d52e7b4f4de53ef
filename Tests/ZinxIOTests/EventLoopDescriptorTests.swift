import CLinux
import Glibc
import Synchronization
import Testing
import ZinxIO

@Suite("EventLoop: descriptors", .timeLimit(.minutes(1)))
struct EventLoopDescriptorTests {
  @Test("a readable descriptor is reported on the loop, and again until it has been read")
  func readable() async throws {
    let pair = try Pair.sockets()
    let probe = Probe<Readiness>()
    try await withLoop { loop in
      let reports = Atomic(0)
      let handler = Handler { readiness in
        probe.report(loop.isCurrent ? readiness : [])
        if reports.add(1, ordering: .relaxed).newValue == 3 { take(pair.near) }
      }
      try await loop.call { try loop.register(pair.near, for: .readable, handler) }
      poke(pair.far)
      try await #expect(probe.next(3) == [.readable, .readable, .readable])
      try await loop.settle()
      #expect(probe.all.count == 3)
      poke(pair.far)
      try await #expect(probe.next() == .readable)
    }
  }

  @Test("a loop that goes on with the epoll set of another reports what came in between, under the handlers that it was given")
  func adopted() async throws {
    let (pair, other) = (try Pair.sockets(), try Pair.sockets())
    let first = try EventLoop(name: "first")
    let edges: Readiness = [.readable, .edgeTriggered]
    for descriptor in [pair.near, other.near] {
      try first.register(descriptor, for: edges, Handler { _ in Issue.record("it is gone") })
    }
    let registrations = [pair.near, other.near].map(first.registration)
    poke(pair.far)
    let second = try EventLoop(name: "second", set: dup(first.setDescriptor))
    let probe = Probe<Readiness>()
    second.adopt(pair.near, registrations[0], Handler { probe.report($0) })
    let thread = try TestThread { second.run() }
    try await #expect(probe.next() == .readable)
    // One that nobody has adopted is nobody's event, and those that are register and change as ever.
    poke(other.far)
    try await second.call { second.change(pair.near, to: [.readable, .writable, .edgeTriggered]) }
    try await #expect(probe.next() == [.readable, .writable])
    try await second.settle()
    #expect(probe.all.count == 2)
    second.stop()
    try await thread.end()
    withExtendedLifetime(first) {}
  }

  @Test("what was reported to the other is reported once more when that is asked for")
  func reportedBefore() async throws {
    let pair = try Pair.sockets()
    let edges: Readiness = [.readable, .edgeTriggered]
    let first = try EventLoop(name: "first")
    let seen = Probe<Readiness>()
    try first.register(pair.near, for: edges, Handler { seen.report($0) })
    let firstThread = try TestThread { first.run() }
    poke(pair.far)
    try await #expect(seen.next() == .readable)
    first.stop()
    try await firstThread.end()
    let second = try EventLoop(name: "second", set: dup(first.setDescriptor))
    let probe = Probe<Readiness>()
    second.adopt(pair.near, first.registration(of: pair.near), Handler { probe.report($0) })
    let secondThread = try TestThread { second.run() }
    try await second.settle()
    #expect(probe.all.isEmpty)
    try await second.call { second.change(pair.near, to: edges) }
    try await #expect(probe.next() == .readable)
    second.stop()
    try await secondThread.end()
    withExtendedLifetime(first) {}
  }

  @Test("an edge-triggered descriptor is reported once for all that came, and for what is left when that is asked for anew")
  func edges() async throws {
    let pair = try Pair.sockets()
    let probe = Probe<Readiness>()
    try await withLoop { loop in
      let handler = Handler { probe.report($0) }
      try await loop.call { try loop.register(pair.near, for: [.readable, .edgeTriggered], handler) }
      for round in 1...3 {
        poke(pair.far)
        try await #expect(probe.next() == .readable)
        try await loop.settle()
        #expect(probe.all.count == round, "though it has not been read")
      }
      try await loop.call { loop.change(pair.near, to: [.readable, .edgeTriggered]) }
      try await #expect(probe.next() == .readable)
    }
  }

  @Test("a writable descriptor is reported when that is asked for")
  func writable() async throws {
    let pair = try Pair.sockets()
    let probe = Probe<Readiness>()
    try await withLoop { loop in
      let handler = Handler { readiness in
        loop.change(pair.near, to: [])
        probe.report(readiness)
      }
      try await loop.call { try loop.register(pair.near, for: [.readable, .writable], handler) }
      try await #expect(probe.next() == .writable)
      poke(pair.far)
      try await loop.call { loop.change(pair.near, to: [.readable, .writable]) }
      try await #expect(probe.next() == [.readable, .writable])
    }
  }

  @Test("a descriptor waits for nothing until it is changed")
  func change() async throws {
    let pair = try Pair.pipe()
    let probe = Probe<Readiness>()
    try await withLoop { loop in
      let handler = Handler { readiness in
        loop.change(pair.near, to: [])
        probe.report(readiness)
      }
      try await loop.call { try loop.register(pair.near, for: [], handler) }
      poke(pair.far)
      try await loop.settle()
      #expect(probe.all.isEmpty)
      for round in 1...3 {
        try await loop.call { loop.change(pair.near, to: .readable) }
        try await #expect(probe.next() == .readable)
        try await loop.settle()
        #expect(probe.all.count == round)
      }
    }
  }

  @Test("a connection that is gone is reported whether asked for or not")
  func hangUp() async throws {
    let pair = try Pair.sockets()
    let probe = Probe<Readiness>()
    try await withLoop { loop in
      let handler = Handler { readiness in
        loop.deregister(pair.near)
        probe.report(readiness)
      }
      try await loop.call { try loop.register(pair.near, for: [], handler) }
      shutdown(pair.near, Int32(SHUT_RDWR))
      try await #expect(probe.next() == .hangUp)
    }
  }

  @Test("a peer that shuts down its writing is readable, and not hung up")
  func halfClose() async throws {
    let pair = try Pair.sockets()
    let probe = Probe<Readiness>()
    try await withLoop { loop in
      let handler = Handler { readiness in
        loop.change(pair.near, to: [])
        probe.report(readiness)
      }
      try await loop.call { try loop.register(pair.near, for: .readable, handler) }
      shutdown(pair.far, Int32(SHUT_WR))
      try await #expect(probe.next() == .readable)
      #expect(take(pair.near) == 0)
    }
  }

  @Test("a pipe that nobody reads any more has failed")
  func failed() async throws {
    let pair = try Pair.pipe()
    let other = try Pair.pipe()
    let probe = Probe<Readiness>()
    try await withLoop { loop in
      let handler = Handler { readiness in
        loop.deregister(pair.far)
        probe.report(readiness)
      }
      try await loop.call { try loop.register(pair.far, for: [], handler) }
      // Closes the reading end: the number goes to the other pipe in the same step, so that no other test can get it in between.
      dup2(other.near, pair.near)
      try await #expect(probe.next() == .failed)
    }
  }

  @Test("a forgotten descriptor is silent, and its handler is let go")
  func forget() async throws {
    let pair = try Pair.pipe()
    let probe = Probe<Readiness>()
    try await withLoop { loop in
      weak let weakHandler = try await register(pair.near, on: loop, telling: probe)
      #expect(weakHandler != nil)
      try await loop.call {
        poke(pair.far)
        loop.forget(pair.near)
        dup2(pair.far, pair.near)
      }
      try await loop.settle()
      #expect(weakHandler == nil)
    }
    #expect(probe.all.isEmpty)
  }

  private func register(_ descriptor: Int32, on loop: EventLoop, telling probe: Probe<Readiness>) async throws -> Handler {
    let handler = Handler { probe.report($0) }
    try await loop.call { try loop.register(descriptor, for: .readable, handler) }
    return handler
  }

  @Test("a deregistered descriptor is silent though it stays open, and can be registered again")
  func deregister() async throws {
    let pair = try Pair.pipe()
    let probe = Probe<String>()
    try await withLoop { loop in
      for round in 1...3 {
        let handler = Handler { _ in
          loop.deregister(pair.near)
          probe.report("\(round)")
        }
        try await loop.call { try loop.register(pair.near, for: .readable, handler) }
        if round == 1 { poke(pair.far) }
        try await #expect(probe.next() == "\(round)")
        try await loop.settle()
        #expect(probe.all.count == round)
      }
    }
  }

  @Test("a deregistered descriptor that somebody else holds open does not keep the loop awake")
  func shared() async throws {
    let pair = try Pair.pipe()
    let other = try Pair.pipe()
    let heldElsewhere = dup(pair.near)
    let wakes = Atomic(0)
    let probe = Probe<Int>()
    try await withLoop(setUp: { $0.setHooks(afterWake: { wakes.add(1, ordering: .relaxed) }) }) { loop in
      try await loop.call {
        try loop.register(pair.near, for: .readable, Handler { _ in })
        poke(pair.far)
        loop.deregister(pair.near)
        dup2(other.near, pair.near)
        let before = wakes.load(ordering: .relaxed)
        loop.schedule(at: .now.advanced(byNanoseconds: 20_000_000)) {
          probe.report(wakes.load(ordering: .relaxed) - before)
        }
      }
      try await #expect(probe.next() < 20)
    }
    close(heldElsewhere)
  }

  @Test("a descriptor that cannot be waited for is an error that names the call, and leaves nothing behind")
  func refused() async throws {
    let number = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
    let pair = try Pair.pipe()
    let probe = Probe<Readiness>()
    try await withLoop { loop in
      let handler = Handler { _ in
        take(number); probe.report(.readable)
      }
      await #expect(throws: SystemError("epoll_ctl", code: EPERM)) {
        try await loop.call { try loop.register(number, for: .readable, handler) }
      }
      dup2(pair.near, number)
      try await loop.call { try loop.register(number, for: .readable, handler) }
      poke(pair.far)
      try await #expect(probe.next() == .readable)
    }
    close(number)
  }

  @Test("more ready descriptors than one wait can fetch are all reported")
  func many() async throws {
    let numbers = (0..<600).map { _ in eventfd(1, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) }
    let probe = Probe<Int32>()
    try await withLoop { loop in
      try await loop.call {
        for number in numbers {
          let handler = Handler { _ in
            loop.change(number, to: [])
            probe.report(number)
          }
          try loop.register(number, for: .readable, handler)
        }
      }
      try await #expect(Set(probe.next(600)) == Set(numbers))
    }
    for number in numbers { close(number) }
  }

  @Test("what a forgotten descriptor's handler alone kept alive may use the loop as it goes")
  func lastReference() async throws {
    final class Owner: ReadinessHandler, Sendable {
      let loop: EventLoop
      let other: Int32
      init(_ loop: EventLoop, _ other: Int32) { (self.loop, self.other) = (loop, other) }
      func ready(_ readiness: Readiness) {}
      deinit { loop.forget(other) }
    }
    let pair = try Pair.pipe()
    try await withLoop { loop in
      try await loop.call {
        try loop.register(pair.far, for: [], Handler { _ in })
        try loop.register(pair.near, for: .readable, Owner(loop, pair.far))
      }
      try await loop.call { loop.forget(pair.near) }
      try await loop.call {}
    }
  }
}
