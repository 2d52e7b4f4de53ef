import Glibc

/// Holds back who passes until it is opened.
public final class Gate: Sendable {
  private let isOpen = Recorder<Bool>()

  public init() {}

  public func open() { isOpen.append(true) }

  /// Suspends the caller. Throws: `CancellationError`.
  public func pass() async throws { try await isOpen.wait(for: 1) }
}

/// Holds back threads: a handler that passes blocks its thread until the gate is opened.
public final class BlockingGate: Sendable {
  private let readEnd: Int32
  private let writeEnd: Int32

  public init() {
    var ends: [Int32] = [-1, -1]
    pipe(&ends)
    (readEnd, writeEnd) = (ends[0], ends[1])
  }

  deinit {
    close(readEnd)
    close(writeEnd)
  }

  /// Lets everybody pass, now and later. A byte that nobody takes out keeps the pipe readable.
  public func open() { _ = write(writeEnd, [1], 1) }

  public func pass() {
    var request = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
    while poll(&request, 1, -1) < 1 {}
  }
}
