import Glibc
import Testing
import Zinx
import ZinxTLS

@testable import ZinxDaemon

@Suite("The status line")
struct StatusTextTests {
  @Test("begins with the numbers, and has what the operator should know behind them")
  func text() {
    #expect(Status.text(live: 3, maxConn: 12000, isDraining: false, note: nil) == "3/12000 connections")
    #expect(Status.text(live: 3, arriving: 2, maxConn: 9, isDraining: false, note: nil) == "3/9 connections, 2 arriving")
    #expect(Status.text(live: 0, maxConn: 1, isDraining: false, note: "x") == "0/1 connections; x")
    #expect(Status.text(live: 7, maxConn: 12000, isDraining: true, note: nil) == "Draining: 7 connections left")
    #expect(Status.text(live: 7, maxConn: 12000, isDraining: true, note: "x") == "Draining: 7 connections left; x")
  }
}

@Suite("An exit status")
struct ExitStatusTests {
  /// The testing library has one too.
  private typealias Status = ZinxDaemon.ExitStatus

  @Test("is one of sysexits(3)")
  func numbers() {
    #expect(Status.success.rawValue == EX_OK)
    #expect(Status.usage.rawValue == EX_USAGE)
    #expect(Status.unavailable.rawValue == EX_UNAVAILABLE)
    #expect(Status.output.rawValue == EX_IOERR)
    #expect(Status.notPermitted.rawValue == EX_NOPERM)
    #expect(Status.configuration.rawValue == EX_CONFIG)
  }

  private struct Other: Error {}

  private static let errors: [(ZinxError, ZinxDaemon.ExitStatus, String, String)] = [
    (
      .hostNotFound(host: "h", reason: "unknown"), .configuration,
      #"cannot find the host "h": unknown"#, "Host"
    ),
    (
      .cannotListen(address: "a:1", call: "bind", code: EADDRINUSE), .unavailable, "cannot listen on a:1: bind: Address",
      "TcpPort"
    ),
    (.cannotListen(address: "a:1", call: "bind", code: EADDRNOTAVAIL), .unavailable, "bind: Cannot assign", "Host"),
    (.cannotListen(address: "a:1", call: "bind", code: EACCES), .notPermitted, "bind: Permission denied", "TcpPort"),
    (.cannotListen(address: "a:1", call: "bind", code: EPERM), .notPermitted, "bind: Operation not permitted", "TcpPort"),
    (.cannotListen(address: "a:1", call: "socket", code: EAFNOSUPPORT), .unavailable, "socket: Address family", "Host"),
    (.cannotListen(address: "unix:/a", call: "bind", code: EEXIST), .unavailable, "unix:/a: bind: File exists", "remove it"),
    (.cannotListen(address: "unix:/a", call: "bind", code: EACCES), .notPermitted, "bind: Permission denied", "SocketGroup="),
    (.cannotListen(address: "unix:/a/b", call: "bind", code: ENOENT), .unavailable, "bind: No such file", "Make the directory"),
    (
      .addressHeld(address: "unix:/a", by: nil), .unavailable, "another process listens there (nothing known of it)",
      "another Address"
    ),
    (.cannotListen(address: "a:1", call: "socket", code: EMFILE), .unavailable, "socket: Too many open files", "LimitNOFILE="),
    (
      .hostUnresolved(host: "h", reason: "temporary"), .unavailable, #"cannot find the host "h" for the moment: temporary"#,
      "Start again when names can be resolved"
    ),
    (
      .limitTooLow(name: "RLIMIT_NOFILE", limit: 7, needed: 65), .unavailable,
      "the limit of open files (RLIMIT_NOFILE) is 7, but at least 65 are needed", "LimitNOFILE="
    ),
    (
      .limitTooLow(name: "RLIMIT_AS", limit: 300 << 20, needed: 400 << 20 - 1), .unavailable,
      "the limit of memory (RLIMIT_AS) is 300 MiB, but at least 400 are needed", "ulimit -v"
    ),
    (
      .limitTooLow(name: "RLIMIT_DATA", limit: 300 << 20, needed: 400 << 20 - 1), .unavailable,
      "the limit of memory (RLIMIT_DATA) is 300 MiB", "ulimit -d"
    ),
    (
      .badCertificate(listener: "l", TLSFault(key: "CertFile", file: "p.json.pem", problem: .expired(0))), .configuration,
      "the listener l cannot speak TLS: CertFile: p.json.pem: expired on 1970-01-01 00:00:00 UTC", "--check"
    ),
    (.systemCallFailed(call: "pthread_create", code: EAGAIN), .unavailable, "pthread_create: Resource", "RLIMIT_AS"),
    (.duplicateRoute(ids: 7, first: "a", second: "b"), .configuration, #""a" and "b" both want message id 7"#, "MsgID"),
    (
      .duplicateRoute(ids: .range(7...9), first: "a", second: "b"), .configuration, #""a" and "b" both want message ids 7-9"#,
      "MsgID"
    ),
    (
      .duplicateRoute(ids: .otherwise, first: "a", second: "b"), .configuration,
      #""a" and "b" both want the messages without a route"#, "Plugins"
    ),
    (
      .systemCallFailed(call: "epoll_create1", code: EMFILE), .unavailable, "epoll_create1: Too many open files", "LimitNOFILE="
    ),
  ]

  @Test("comes with what happened and what to do", arguments: errors)
  func explains(_ error: ZinxError, _ status: ZinxDaemon.ExitStatus, _ what: String, _ advice: String) {
    let explained = Status.explain(error, path: "p.json", program: "zinxd")
    #expect(explained.status == status)
    #expect(explained.what.contains(what))
    #expect(explained.advice.contains(advice))
    #expect(explained.advice.contains("p.json"))
  }

  @Test("of running plugins that a reload brings together says that only a restart parts them")
  func conflictAtReload() {
    let conflict = ZinxError.duplicateRoute(ids: 7, first: "a", second: "b", listener: "l")
    let explained = Status.explainReload(conflict, path: "p.json", program: "zinxd")
    #expect(
      explained.what
        == #"the plugins "a" and "b" both want message id 7 on the listener "l", with the settings that they run with"#)
    #expect(explained.advice.hasPrefix("Restart zinxd: ") && !explained.advice.contains("MsgID"))
    let other = ZinxError.cannotListen(address: "a:1", call: "bind", code: EACCES)
    #expect(
      Status.explainReload(other, path: "p", program: "z").advice == Status.explain(other, path: "p", program: "z").advice)
    let rest = ZinxError.duplicateRoute(ids: .otherwise, first: "a", second: "b")
    #expect(Status.explain(rest, path: "p.json", program: "zinxd").advice == "Switch one of them off under Plugins in p.json.")
  }

  @Test("of an error that nobody foresaw is 69, and names it")
  func unforeseen() {
    let explained = Status.explain(Other(), path: "p.json", program: "zinxd")
    #expect(explained.status == .unavailable)
    #expect(explained.what.contains("Other"))
    #expect(!explained.advice.isEmpty)
  }
}

@Suite("A message id of the journal")
struct LifecycleMessageTests {
  /// Every case by hand: the compiler makes who adds one come here.
  private func all() -> [LifecycleMessage] {
    var cases: [LifecycleMessage] = [.started]
    while let next = cases.last.flatMap(following) { cases.append(next) }
    return cases
  }

  private func following(_ message: LifecycleMessage) -> LifecycleMessage? {
    switch message {
    case .started: .draining
    case .draining: .stopped
    case .stopped: .reloaded
    case .reloaded: .reloadRefused
    case .reloadRefused: .drainCut
    case .drainCut: .handlersAbandoned
    case .handlersAbandoned: .pluginTaskFailed
    case .pluginTaskFailed: .pluginTasksAbandoned
    case .pluginTasksAbandoned: .status
    case .status: .connectionAdded
    case .connectionAdded: .connectionEnded
    case .connectionEnded: .connectionRefused
    case .connectionRefused: .connectionsShed
    case .connectionsShed: .handlerFailed
    case .handlerFailed: .unknownMessage
    case .unknownMessage: .undecodableMessage
    case .undecodableMessage: .deadlineExceeded
    case .deadlineExceeded: .acceptPaused
    case .acceptPaused: .maxConnLowered
    case .maxConnLowered: .workerBlocked
    case .workerBlocked: .loopLate
    case .loopLate: .acceptRateReached
    case .acceptRateReached: .waiting
    case .waiting: .addressAbsent
    case .addressAbsent: .listenerLost
    case .listenerLost: .messagesSkipped
    case .messagesSkipped: .handshakeFailed
    case .handshakeFailed: .proxyHeader
    case .proxyHeader: .certificate
    case .certificate: .controlled
    case .controlled: .upgrading
    case .upgrading: .upgradeRefused
    case .upgradeRefused: .upgraded
    case .upgraded: nil
    }
  }

  @Test("is 128 bits in lower case hexadecimal, none of them twice")
  func ids() {
    let ids = all().map(\.rawValue)
    for id in ids {
      #expect(id.wholeMatch(of: /[0-9a-f]{32}/) != nil)
      // As sd_id128_randomize(3) makes them: a random UUID.
      #expect(Array(id)[12] == "4")
      #expect("89ab".contains(Array(id)[16]))
    }
    #expect(Set(ids).count == ids.count)
    #expect(ids.count == 34)
  }
}
