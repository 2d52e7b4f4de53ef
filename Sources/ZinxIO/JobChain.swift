import CLinux

/// How long user code may have a thread before others have their turn: until the kernel's next tick, so at most as long as a tick is,
/// 4 milliseconds with the kernels of Debian (CONFIG_HZ).
///
/// Looked at for every message, so it must cost next to nothing: to read the time itself would cost a small message a tenth.
public struct Turn {
  @usableFromInline let began: Int64

  @inlinable
  package init() { began = clinux_last_tick() }

  @inlinable
  package var isOver: Bool { clinux_last_tick() != began }
}

/// The jobs of one thread that follow each other: what a job makes ready runs next, while everything of it is at hand, and before all
/// that waits in the thread's queue. So a handler that asks an actor goes on without a look at the queue, and keeps its cork.
///
/// A chain lasts no longer than a turn, so that two who make each other ready cannot keep others waiting.
///
/// Unchecked: its thread alone touches it.
public final class JobChain: @unchecked Sendable {
  @exclusivity(unchecked) private var next: UnownedJob?
  @exclusivity(unchecked) @usableFromInline private(set) var turn: Turn?

  package init() {}

  /// Whether the thread's turn is over: a job that could go on lets others go first. False outside a chain.
  @inlinable
  package var isTurnOver: Bool { turn?.isOver ?? false }

  /// Takes a job that the running one has made ready. Returns false if it has to be queued: nothing runs, or another one is next.
  package func take(_ job: UnownedJob) -> Bool {
    guard turn != nil, next == nil else { return false }
    next = job
    return true
  }

  /// Runs `first`, which may run or make a job, and then what that makes ready, one after the other. Returns what is left at the end of
  /// the turn.
  package func run(on executor: UnownedTaskExecutor, _ first: () -> Void) -> UnownedJob? {
    assert(turn == nil, "a chain within a chain")
    turn = Turn()
    first()
    while next != nil, !isTurnOver, let job = next.take() { job.runSynchronously(on: executor) }
    turn = nil
    return next.take()
  }
}
