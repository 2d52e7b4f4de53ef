import Glibc
import Systemd
import Testing

@Suite struct ServiceEnvironmentTests {
  @Test("an empty environment tells nothing")
  func empty() {
    let environment = ServiceEnvironment([:], processID: 7)
    #expect(environment.notifySocket == nil)
    #expect(environment.watchdogTimeout == nil)
    #expect(environment.listenCount == nil)
    #expect(environment.journalStream == nil)
  }

  @Test("everything meant for this process is read")
  func full() {
    let environment = ServiceEnvironment(
      [
        "NOTIFY_SOCKET": "/run/systemd/notify", "WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "7", "LISTEN_PID": "7",
        "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b", "JOURNAL_STREAM": "8:1234",
      ], processID: 7)
    #expect(environment.notifySocket == "/run/systemd/notify")
    #expect(environment.watchdogTimeout == .seconds(10))
    #expect(environment.listenCount == "2")
    #expect(environment.listenNames == "a:b")
    #expect(environment.journalStream == "8:1234")
  }

  @Test("what carries another process's id is not ours")
  func inherited() {
    let environment = ServiceEnvironment(
      ["WATCHDOG_USEC": "10", "WATCHDOG_PID": "6", "LISTEN_PID": "6", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "a"], processID: 7)
    #expect(environment.watchdogTimeout == nil)
    #expect(environment.listenCount == nil)
    #expect(environment.listenNames == nil)
  }

  @Test("sockets need a process id, a watchdog does not")
  func withoutID() {
    let environment = ServiceEnvironment(["WATCHDOG_USEC": "10", "LISTEN_FDS": "1"], processID: 7)
    #expect(environment.watchdogTimeout == .microseconds(10))
    #expect(environment.listenCount == nil)
  }

  @Test("a watchdog time that is no time is none", arguments: ["", "0", "-1", "ten", "99999999999999999999"])
  func badWatchdog(text: String) {
    #expect(ServiceEnvironment(["WATCHDOG_USEC": text], processID: 7).watchdogTimeout == nil)
  }

  @Test("what is taken from the process is no longer there for a child, but the journal's stream is")
  func taken() async {
    // In a process of its own: setenv is not safe beside the other tests' threads.
    await #expect(processExitsWith: .success) {
      let ours = String(getpid())
      let names = [
        "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID",
      ]
      for name in names { setenv(name, name.hasSuffix("_PID") ? ours : "5", 1) }
      setenv("JOURNAL_STREAM", "1:2", 1)

      let environment = ServiceEnvironment.takeFromProcess()

      #expect(environment.notifySocket == "5")
      #expect(environment.watchdogTimeout == .microseconds(5))
      #expect(environment.listenCount == "5")
      #expect(environment.journalStream == "1:2")
      for name in names { #expect(getenv(name) == nil, "\(name) is still set") }
      #expect(getenv("JOURNAL_STREAM") != nil)
    }
  }
}
