import Glibc
import Testing
import ZinxIO
import ZinxTestKit

extension Daemons {
  /// In a network of its own, which has no address at first, and with a resolver that reaches nobody.
  @Suite("A start whose address is not there yet", .enabled(if: Network.canBeMade, "it takes namespaces, and ip(8)"))
  struct WaitTests {
    private let notify: NotifySocket
    private var environment: [String: String] { ["NOTIFY_SOCKET": notify.address] }

    init() throws { notify = try NotifySocket() }

    private static let byAddress = #"{"Host": "203.0.113.7", "TcpPort": 7777}"#
    private static let byName = #"{"Host": "game.example", "TcpPort": 7777}"#

    @Test("waits for it under systemd, which is told so, and serves once it is there")
    func address() async throws {
      try await withDaemon(Self.byAddress, environment: environment, launcher: Network.launcher) { daemon, _ in
        let line = try await daemon.line(containing: "waiting for the address 203.0.113.7:7777")
        #expect(line.contains("WARN") && line.contains("Cannot assign requested address"))
        let begin = ContinuousClock.now
        for _ in 0..<3 {
          let word = try await notify.following()
          #expect(word == "EXTEND_TIMEOUT_USEC=10000000\nSTATUS=Waiting for the address 203.0.113.7:7777")
        }
        #expect(begin.duration(to: .now) > .seconds(2))
        try await Network.run("ip address add 203.0.113.7/32 dev lo", of: daemon)
        try await notify.upTo("READY=1")
        _ = try await daemon.line(containing: "listens on 203.0.113.7:7777")
        #expect(daemon.errorLines.count { $0.contains("waiting for") } == 1)
        daemon.signal(SIGTERM)
        #expect(try await daemon.exit().status == 0)
      }
    }

    @Test("waits for a name that does not resolve for the moment, and then for its address")
    func name() async throws {
      try await withDaemon(Self.byName, environment: environment, launcher: Network.launcher) { daemon, _ in
        let line = try await daemon.line(containing: "waiting for the name game.example to resolve")
        #expect(line.contains("WARN"))
        #expect(try await notify.following().contains("STATUS=Waiting for the name game.example to resolve"))
        try await Network.run("echo 203.0.113.7 game.example >/etc/hosts", of: daemon)
        _ = try await daemon.line(containing: "waiting for the address 203.0.113.7:7777 (game.example)")
        try await Network.run("ip address add 203.0.113.7/32 dev lo", of: daemon)
        try await notify.upTo("READY=1")
      }
    }

    @Test("ends at once at SIGTERM", arguments: [byAddress, byName])
    func ended(text: String) async throws {
      try await withDaemon(text, environment: environment, launcher: Network.launcher) { daemon, _ in
        _ = try await daemon.line(containing: "waiting for")
        let begin = ContinuousClock.now
        daemon.signal(SIGTERM)
        let exit = try await daemon.exit()
        #expect(exit.status == 0 || exit.signal == SIGTERM)
        #expect(begin.duration(to: exit.instant) < .milliseconds(500))
      }
    }

    @Test("does not wait for a name that nobody can have: that is status 78")
    func hopeless() async throws {
      let run = try await run(
        files: ["zinx.json": #"{"Host": "192.0.2.300"}"#], environment: environment, launcher: Network.launcher)
      #expect(run.status == EX_CONFIG)
      #expect(!run.errors.contains { $0.contains("waiting for") })
    }

    @Test("fails where nobody is told that it waits: a name that does not resolve for the moment is status 69")
    func elsewhere() async throws {
      let run = try await run(files: ["zinx.json": Self.byName], launcher: Network.launcher)
      #expect(run.status == EX_UNAVAILABLE)
      #expect(run.errors.dropLast().contains { $0.contains(#"cannot find the host "game.example" for the moment: "#) })
      #expect(run.errors.last?.contains("Start again when names can be resolved") == true)
    }
  }
}

/// Networks, with files for the resolver, that only a daemon and those who are sent there see.
private enum Network {
  private static let unshare = ["unshare", "--mount", "--net"] + (geteuid() == 0 ? [] : ["--map-root-user"])

  /// Starts a daemon there.
  static let launcher =
    unshare + [
      "sh", "-ec",
      """
      ip link set lo up
      mount -t tmpfs tmpfs /mnt
      echo 'hosts: files dns' >/mnt/nsswitch.conf
      # Nobody is there, and the way to nobody is known to be none.
      echo 'nameserver 192.0.2.1' >/mnt/resolv.conf
      : >/mnt/hosts
      for file in nsswitch.conf resolv.conf hosts; do mount --bind /mnt/$file /etc/$file; done
      exec "$0" "$@"
      """,
    ]

  static let canBeMade = system((unshare + ["sh", "-c", "'ip link set lo up'"]).joined(separator: " ") + " 2>/dev/null") == 0

  /// Runs a line of shell in a daemon's network.
  static func run(_ line: String, of daemon: DaemonProcess) async throws {
    let user = geteuid() == 0 ? [] : ["--user", "--preserve-credentials"]
    let process = try DaemonProcess(
      ["nsenter", "--target", "\(daemon.pid)", "--mount", "--net"] + user + ["sh", "-c", line], in: "/")
    let exit = try await process.exit()
    try #require(exit.status == 0, "\(process.errorLines)")
  }
}
