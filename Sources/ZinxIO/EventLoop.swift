import CLinux
import DequeModule
import Glibc
import Synchronization

/// One thread that waits for descriptors, timers and work from other threads, and runs `async` code as a `TaskExecutor`.
///
/// Built on epoll(7), level-triggered unless a handler asks for edges. What is marked "loop only" is called on the loop's own thread; the
/// rest from any.
///
/// Unchecked: the stored variables are touched by the loop's thread alone, apart from `inbox`, `hasMail`, `isAsleep`, `thread` and
/// `isStopping`, which are locked or atomic. Debug builds assert it.
package final class EventLoop: TaskExecutor, @unchecked Sendable {
  package typealias Work = @Sendable () -> Void
  package typealias Timer = TimerQueue<() -> Void>.Token

  private enum Item {
    case job(UnownedJob)
    case work(Work)
  }

  /// What a descriptor number stands for at the moment. The kernel reuses a number at once, so an event names the generation too.
  private struct Slot {
    var handler: (any ReadinessHandler)?
    var generation: UInt32 = 0
  }

  private static let eventsPerWait = 512
  private static let writtenTo = Readiness(rawValue: Readiness.readable.rawValue | Readiness.edgeTriggered.rawValue)

  private let name: String
  private let epoll: Descriptor
  private let wakeUp: Descriptor
  /// What other threads brought.
  private let inbox = Mutex<[Item]>([])
  /// Whether there is anything, so that a wake-up need not look under the lock.
  private let hasMail = Atomic<Bool>(false)
  /// True from just before the loop looks at its inbox for the last time until it wakes: only then does a wake-up cost a system call.
  private let isAsleep = Atomic<Bool>(false)
  private let isStopping = Atomic<Bool>(false)
  private let thread = Atomic<UInt>(0)

  package let chain = JobChain()
  @exclusivity(unchecked) private var slots: [Slot] = []
  @exclusivity(unchecked) private var timers = TimerQueue<() -> Void>()
  /// What is to be run, oldest first.
  @exclusivity(unchecked) private var local = Deque<Item>()
  @exclusivity(unchecked) private var afterJob: () -> Void = {}
  @exclusivity(unchecked) private var afterWake: () -> Void = {}
  @exclusivity(unchecked) private var atEnd: () -> Void = {}

  private let clock: ManualClock?
  @exclusivity(unchecked) private var wokenAt: Instant

  /// The time at the last wake-up. Loop only.
  package var now: Instant { wokenAt }

  /// The time at this moment. Any thread.
  package var time: Instant {
    if let clock { clock.now } else { .now }
  }

  /// - Parameters:
  ///   - set: the epoll set of a loop that is no more, with all that is registered there: see ``adopt(_:_:_:)``. The loop owns it.
  ///   - clock: what timers go by in a test; nil: the kernel's.
  ///
  /// Throws: ``SystemError`` when the process has no descriptor left.
  package init(name: String, set: Int32? = nil, clock: ManualClock? = nil) throws(SystemError) {
    self.name = name
    self.clock = clock
    wokenAt = clock?.now ?? .now
    epoll = try Descriptor(set ?? epoll_create1(Int32(EPOLL_CLOEXEC)), from: "epoll_create1")
    wakeUp = try Descriptor(eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)), from: "eventfd")
    // Edge-triggered: it is told once for each time that it is written, and need not be read.
    try control(EPOLL_CTL_ADD, wakeUp.number, Self.writtenTo, generation: .max)
  }

  /// The epoll set. Another program in the process may go on with it: to register a descriptor anew takes a microsecond, and so does it to
  /// close the old set, for each in it.
  package var setDescriptor: Int32 { epoll.number }

  /// Whether its time is one that a test moves.
  package var isTested: Bool { clock != nil }

  // MARK: Work

  /// Whether the caller is on the loop's thread.
  @inline(__always)
  package var isCurrent: Bool { thread.load(ordering: .relaxed) == clinux_thread() }

  /// Runs `work` on the loop's thread, never before this call returns. What one thread brings runs in the order it brought it.
  package func execute(_ work: @escaping Work) { accept(.work(work)) }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if isCurrent, chain.take(job) { return }
    accept(.job(job))
  }

  /// Runs `first`, which may start a task, and what follows from it, for a turn. Loop only, and not in a job.
  package func runChain(_ first: () -> Void) {
    if let rest = chain.run(on: asUnownedTaskExecutor(), first) { local.append(.job(rest)) }
  }

  private func accept(_ item: Item) {
    if isCurrent {
      local.append(item)
    } else {
      inbox.withLock { $0.append(item) }
      // Before the look at `isAsleep`, as the loop looks here after it has set that: one of the two sees the other.
      hasMail.store(true, ordering: .sequentiallyConsistent)
      wake()
    }
  }

  private func wake() {
    guard isAsleep.exchange(false, ordering: .sequentiallyConsistent) else { return }
    var one: UInt64 = 1
    _ = retryingOnInterrupt { write(wakeUp.number, &one, MemoryLayout.size(ofValue: one)) }
  }

  // MARK: The loop

  /// Hooks of whoever builds on the loop: `afterJob` runs whenever a chain of jobs on the loop has ended, `afterWake` once at the
  /// end of each wake-up, `atEnd` when the loop was stopped; what that makes ready is run. Set before ``run()``.
  package func setHooks(
    afterJob: @escaping () -> Void = {}, afterWake: @escaping () -> Void = {}, atEnd: @escaping () -> Void = {}
  ) {
    (self.afterJob, self.afterWake, self.atEnd) = (afterJob, afterWake, atEnd)
  }

  /// Runs until ``stop()``. The calling thread is the loop's from here on.
  package func run() {
    thread.store(clinux_thread(), ordering: .relaxed)
    clinux_name_thread(name)
    let afterWake = afterWake
    withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.eventsPerWait) { events in
      // The temporary allocation is never empty, so it has a base address.
      guard let base = events.baseAddress else { return }
      while !isStopping.load(ordering: .acquiring) {
        let count = clinux_epoll_wait(epoll.number, base, Int32(events.count), prepareToWait())
        isAsleep.store(false, ordering: .relaxed)
        wokenAt = time
        for index in 0..<max(0, Int(count)) { dispatch(events[index]) }
        fireTimers()
        runItems()
        afterWake()
      }
    }
    atEnd()
    // What was accepted before the end; but not for ever what begets more.
    for _ in 0..<16 { runItems() }
    afterWake()
    // Whoever set the hooks may hold the loop in turn.
    setHooks()
  }

  /// Makes ``run()`` return soon. What was accepted before is run.
  package func stop() {
    isStopping.store(true, ordering: .releasing)
    execute {}
  }

  /// Milliseconds for epoll_wait(2): 0 with work at hand, -1 for ever.
  @inline(__always)
  private func prepareToWait() -> Int32 {
    guard local.isEmpty else { return 0 }
    isAsleep.store(true, ordering: .sequentiallyConsistent)
    guard !hasMail.load(ordering: .sequentiallyConsistent) else { return 0 }
    guard let deadline = timers.next else { return -1 }
    let now = time
    guard deadline > now else { return 0 }
    // Who moves the time wakes the loop.
    guard clock == nil else { return -1 }
    // Rounded up: a wait that ended before the deadline would be followed by others of no length at all.
    return Int32(clamping: (deadline.nanoseconds - now.nanoseconds - 1) / 1_000_000 + 1)
  }

  @inline(__always)
  private func dispatch(_ event: epoll_event) {
    let number = Int(truncatingIfNeeded: event.data.u64 & 0xffff_ffff)
    let generation = UInt32(truncatingIfNeeded: event.data.u64 >> 32)
    // No slot has the generation of the wake-up, whose work waits in the inbox.
    guard number < slots.count, slots[number].generation == generation, let handler = slots[number].handler else { return }
    handler.ready(Readiness(rawValue: event.events))
  }

  /// Fires no more timers than there were, so that one which sets itself again for this moment cannot keep the loop here.
  private func fireTimers() {
    for _ in 0..<timers.count {
      guard let body = timers.popExpired(at: now) else { return }
      body()
    }
  }

  /// Runs what there is and what that adds, until the turn is over, so that work which begets work cannot keep the loop from its
  /// descriptors.
  private func runItems() {
    if hasMail.load(ordering: .acquiring) { takeMail() }
    guard !local.isEmpty else { return }
    let turn = Turn()
    while let item = local.popFirst() {
      run(item)
      if turn.isOver { return }
      if local.isEmpty, hasMail.load(ordering: .acquiring) { takeMail() }
    }
  }

  private func takeMail() {
    // First: what is brought from here on sets it again.
    hasMail.store(false, ordering: .sequentiallyConsistent)
    let mail = inbox.withLock { items in
      let taken = items
      items = []
      return taken
    }
    local.append(contentsOf: mail)
  }

  private func run(_ item: Item) {
    switch item {
    case .work(let work): work()
    case .job(let job):
      runChain { job.runSynchronously(on: asUnownedTaskExecutor()) }
      afterJob()
    }
  }

  // MARK: Descriptors and timers (loop only)

  /// Starts to report `handler` what `descriptor` is ready for. The loop keeps the handler until ``forget(_:)``.
  package func register(_ descriptor: Int32, for readiness: Readiness, _ handler: any ReadinessHandler) throws(SystemError) {
    assert(isCurrent || thread.load(ordering: .relaxed) == 0)
    let number = Int(descriptor)
    makeSlot(descriptor)
    // The topmost generation is the wake-up's.
    slots[number].generation = (slots[number].generation &+ 1) % .max
    slots[number].handler = handler
    do { try control(EPOLL_CTL_ADD, descriptor, readiness, generation: slots[number].generation) } catch {
      slots[number].handler = nil
      throw error
    }
  }

  /// How a descriptor is registered that stays so for another program: ``adopt(_:_:_:)`` takes it. Only while the loop stands still.
  package func registration(of descriptor: Int32) -> UInt32 { slots[Int(descriptor)].generation }

  /// Goes on with a descriptor that the loop whose set this one has had registered. What was reported before, there or here, is reported
  /// once more with ``change(_:to:)``.
  package func adopt(_ descriptor: Int32, _ registration: UInt32, _ handler: any ReadinessHandler) {
    assert(isCurrent || thread.load(ordering: .relaxed) == 0)
    makeSlot(descriptor)
    slots[Int(descriptor)] = Slot(handler: handler, generation: registration)
  }

  private func makeSlot(_ descriptor: Int32) {
    while slots.count <= Int(descriptor) { slots.append(Slot()) }
  }

  /// Changes what a registered descriptor waits for. Fails only when the descriptor is not registered, which is a mistake of ours.
  package func change(_ descriptor: Int32, to readiness: Readiness) {
    assert(isCurrent)
    do { try control(EPOLL_CTL_MOD, descriptor, readiness, generation: slots[Int(descriptor)].generation) } catch {
      assertionFailure("\(error)")
    }
  }

  /// Forgets a descriptor that the caller closes next: closing removes it from epoll, and an event that was fetched before finds
  /// the slot empty. Not for one that another process holds too, such as a passed socket: closing it here leaves it in epoll, which
  /// would report it for ever; see ``deregister(_:)``.
  package func forget(_ descriptor: Int32) {
    assert(isCurrent)
    let handler = slots[Int(descriptor)].handler
    slots[Int(descriptor)].handler = nil
    // This may be the last of the handler, and its end may use the loop: not while a slot is being changed.
    withExtendedLifetime(handler) {}
  }

  /// Stops to report a descriptor that stays open, here or in another process.
  package func deregister(_ descriptor: Int32) {
    forget(descriptor)
    var unused = epoll_event()
    _ = epoll_ctl(epoll.number, EPOLL_CTL_DEL, descriptor, &unused)
  }

  /// Calls `body` on the loop once `deadline` has come.
  @discardableResult
  package func schedule(at deadline: Instant, _ body: @escaping () -> Void) -> Timer {
    assert(isCurrent || thread.load(ordering: .relaxed) == 0)
    return timers.schedule(at: deadline, body)
  }

  package func cancel(_ timer: Timer) {
    assert(isCurrent)
    let body = timers.cancel(timer)
    // This may be the last of what the body holds, and its end may use the loop: not while the timers are being changed.
    withExtendedLifetime(body) {}
  }

  /// When the next timer fires, at the earliest; nil without one.
  package var nextTimer: Instant? { timers.next }

  /// Whether there is nothing to do beside what asks: no work, no event, no timer that is due. For tests.
  package var isStill: Bool {
    guard local.isEmpty, !hasMail.load(ordering: .acquiring), timers.next.map({ $0 > time }) ?? true else { return false }
    var entry = pollfd(fd: epoll.number, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) == 0
  }

  private func control(_ operation: Int32, _ descriptor: Int32, _ readiness: Readiness, generation: UInt32) throws(SystemError) {
    let data = epoll_data_t(u64: UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor)))
    var event = epoll_event(events: readiness.rawValue, data: data)
    guard epoll_ctl(epoll.number, operation, descriptor, &event) == 0 else { throw SystemError("epoll_ctl") }
  }
}
