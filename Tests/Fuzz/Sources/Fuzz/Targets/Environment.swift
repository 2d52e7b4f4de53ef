import Glibc

@testable import Systemd

private let variables = [
  "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "WATCHDOG_USEC", "WATCHDOG_PID", "NOTIFY_SOCKET", "JOURNAL_STREAM",
]

/// What systemd says through the environment, and what we answer. The input is the variables, between zero bytes; one that begins with
/// `!` is not set.
@Sendable func fuzzEnvironment(_ input: Input) {
  let texts = input.texts()
  let pairs = zip(variables, texts).filter { !$0.1.hasPrefix("!") }
  let environment = ServiceEnvironment(Dictionary(uniqueKeysWithValues: pairs), processID: 1)
  checkListenSockets(environment)
  require(environment.watchdogTimeout.map { $0 > .zero } ?? true, "a watchdog has a time")
  _ = Watchdog(timeout: environment.watchdogTimeout, loops: 1, now: ContinuousClock.now)
  if let stream = environment.journalStream { _ = JournalStream(stream) }
  for text in texts { checkAddress(text) }
  checkStatus(texts.joined(separator: "\u{0}"))
}

private func checkListenSockets(_ environment: ServiceEnvironment) {
  do throws(ListenSocketError) {
    let sockets = try ListenSockets.parse(environment)
    require(sockets.map(\.descriptor) == (0..<Int32(sockets.count)).map { 3 + $0 }, "descriptors count from 3")
    let count = environment.listenCount.flatMap { Int($0) } ?? 0
    require(sockets.count == count, "as many sockets as LISTEN_FDS says")
    guard let names = environment.listenNames, count > 0 else { return }
    require(sockets.map(\.name).joined(separator: ":").utf8.elementsEqual(names.utf8), "each has its name")
  } catch {
    require(!error.description.isEmpty, "an error says what it is")
  }
}

private func checkAddress(_ text: String) {
  UnixAddress(text)?.withSockaddr { address, length in
    require(length <= socklen_t(MemoryLayout<sockaddr_un>.size), "an address fits")
    // Address sanitizer sees a read beyond what is there.
    _ = UnsafeRawBufferPointer(start: address, count: Int(length)).reduce(0) { $0 &+ Int($1) }
  }
}

private func checkStatus(_ text: String) {
  let datagram = Notification.stopping.with(.status(text)).text
  // Bytes, as systemd reads them: a combining character would join the equals sign.
  let head = "STOPPING=1\nSTATUS=".utf8
  let status = datagram.utf8.dropFirst(head.count)
  require(datagram.utf8.starts(with: head), "a status is an assignment")
  require(status.count <= Notification.maximumStatusBytes, "a status is bounded")
  require(!status.contains { $0 < 0x20 }, "a status cannot begin another assignment")
}
