import ArgumentParser
import Testing
import ZinxClient
import ZinxTLS
import ZinxWire

@testable import zinx_bench

@Suite("The command line")
struct CommandLineTests {
  private func plan(_ line: String) throws -> Plan {
    try ZinxBenchCommand.parse(line.split(separator: " ").map(String.init)).plan()
  }

  @Test("without options is a closed loop against this machine")
  func defaults() throws {
    let command = try ZinxBenchCommand.parse([])
    #expect(command.server.choice.server == ServerAddress(host: "127.0.0.1", port: 7777))
    let expected = ZinxBenchTests.plan {
      ($0.connections, $0.speakers, $0.warmUp) = (50, 50, 500_000_000)
    }
    #expect(try command.plan() == expected)
  }

  @Test func `names the server in one, or by host and port, and TLS has its options`() throws {
    let choice = try ZinxBenchCommand.parse(
      ["--address", "wss://game.example/ws", "--ca", "ca.pem", "--cert", "c.pem", "--server-name", "zinx.test"]
    ).server.choice
    let address = try ServerAddress("wss://game.example/ws")
    #expect(choice.server == address)
    #expect(choice.tls.caFile == "ca.pem" && choice.tls.certFile == "c.pem" && choice.tls.privateKeyFile == "c.pem")
    #expect(choice.tls.serverName == "zinx.test" && choice.tls.verifiesServer)
    #expect(try !ZinxBenchCommand.parse(["--address", "tls://a:1", "--insecure"]).server.choice.tls.verifiesServer)
    for line in [
      "--address tls://a:1 --host b", "--address a:1 --insecure", "--ca ca.pem", "--port 0", "--address tls://a:1 --key k.pem",
      "--address tls://a:1 --insecure --ca ca.pem", "--address a", "--address ftp://a:1", "--address tls://a:0",
    ] {
      #expect(throws: (any Error).self, "\(line)") { try plan(line) }
    }
  }

  @Test("chooses the mode")
  func modes() throws {
    #expect(try plan("--rate 1000").mode == .open)
    #expect(try plan("--churn").mode == .churn)
    #expect(try plan("--churn --rate 10").mode == .churn)
    #expect(try plan("--churn --rate 10").rate == 10)
    #expect(try plan("--idle").mode == .idle)
    #expect(try plan("--idle --silent").isSilent)
  }

  @Test("makes the plan that its values say")
  func values() throws {
    let plan = try plan(
      "-c 9 -n 4 --size 10 --id 7 --reply-id 8 --reply-size any -r 2.5 -t 3 --messages 100 --pack tlv-be --timeout 1.5")
    let expected = ZinxBenchTests.plan {
      ($0.mode, $0.connections, $0.speakers, $0.inFlight, $0.size) = (.open, 9, 9, 4, 10)
      ($0.id, $0.replyID, $0.replySize, $0.rate, $0.threads) = (7, 8, nil, 2.5, 3)
      ($0.extent, $0.warmUp, $0.pack, $0.timeout) = (.messages(100), 0, .tlvBigEndian, 1_500_000_000)
    }
    #expect(plan == expected)
  }

  @Test("expects replies like the requests unless told otherwise")
  func replies() throws {
    #expect(try plan("--size 10").replySize == 10)
    #expect(try plan("--size 10 --reply-size 18").replySize == 18)
    #expect(try plan("--id 9").replyID == 9)
  }

  @Test func `sends a message first, with any text, and waits for an answer if it is told to`() throws {
    let plan = try plan("--first 10:a:b --first-reply 11")
    #expect(plan.first == FirstMessage(argument: "10:a:b") && plan.firstReply == 11)
    #expect(plan.first?.frame(.ltvLittleEndian) == [3, 0, 0, 0, 10, 0, 0, 0] + Array("a:b".utf8))
    #expect(FirstMessage(argument: "7")?.data == [] && FirstMessage(argument: "x:1") == nil && FirstMessage(argument: "") == nil)
  }

  @Test("starts no more threads than there are connections that send, so that each has something to do")
  func threads() throws {
    #expect(try plan("-c 5 --speakers 1 -t 8").threads == 1)
    #expect(try plan("-c 2 -t 8").threads == 2)
  }

  @Test("measures idle connections and counted messages from the start")
  func warmUp() throws {
    #expect(try plan("--idle").warmUp == 0)
    #expect(try plan("--messages 5").warmUp == 0)
    #expect(try plan("--warm-up 2").warmUp == 2_000_000_000)
  }

  @Test(
    "uses more addresses of the loopback where one has too few ports",
    arguments: [
      ("-c 25000", 0), ("-c 25001", 2), ("-c 60000", 3), ("--churn", 64), ("--churn --sources 0", 0), ("--churn --host ::1", 0),
      ("-c 60000 --host example.org", 0), ("--sources 7 --host 127.0.0.9", 7),
    ])
  func sources(_ line: String, _ expected: Int) throws {
    #expect(try plan(line).sources == expected)
  }

  @Test(
    "refuses what is out of range, with the range",
    arguments: [
      ("-c 0", "--connections 0: 1 to 1000000."), ("-c 2 --speakers 3", "--speakers 3: 1 to 2."),
      ("-n 0", "--in-flight 0: 1 to 65536."),
      ("--size=-1", "--size -1: 0 to 67108864."), ("--reply-size 999999999", "--reply-size 999999999: 0 to 268435456."),
      ("-t 257", "--threads 257: 1 to 256."), ("--sources 251", "--sources 251: 0 to 250."),
      ("--messages 0", "--messages 0: 1 to 1000000000000."),
      ("--rate 0", "--rate 0.0: 0.001 to 100000000.0."), ("--rate nan", "--rate nan: 0.001 to 100000000.0."),
      ("--seconds inf", "--seconds inf: 0.001 to 86400.0."), ("--warm-up=-1", "--warm-up -1.0: 0.0 to 86400.0."),
      ("--timeout 0", "--timeout 0.0: 0.001 to 86400.0."), ("--server-pid 0", "--server-pid 0: the number of a process."),
    ])
  func ranges(_ line: String, _ message: String) {
    expect(line, fails: message)
  }

  @Test(
    "refuses what does not go together",
    arguments: [
      ("--churn --idle", "--churn and --idle: one of them."), ("--idle --rate 1", "--idle and --rate: one of them."),
      ("--idle --messages 1", "--idle and --messages: one of them."),
      ("--seconds 1 --messages 1", "--seconds and --messages: one of them."),
      ("--warm-up 1 --messages 1", "--warm-up and --messages: one of them."), ("--silent", "--silent goes with --idle."),
      ("--churn -n 2", "--in-flight is 1 with --churn and --idle."), ("--first-reply 1", "--first-reply goes with --first."),
      ("--idle --speakers 1", "--speakers does not go with --churn and --idle."),
      ("--verify --reply-size any", "--verify and --reply-size: one of them."),
      ("--sources 2 --host ::1", "--sources goes with a server on 127.0.0.0/8 only."), ("--port 0", "--port 0: 1 to 65535."),
    ])
  func combinations(_ line: String, _ message: String) {
    expect(line, fails: message)
  }

  @Test("refuses values that are none", arguments: ["--reply-size some", "--pack go", "--port 65536", "--id -1", "extra"])
  func nonsense(_ line: String) {
    #expect(throws: (any Error).self) { try plan(line) }
  }

  private func expect(_ line: String, fails message: String) {
    do {
      _ = try plan(line)
      Issue.record("\(line) was taken")
    } catch {
      #expect(ZinxBenchCommand.message(for: error) == message)
      #expect(ZinxBenchCommand.exitCode(for: error).rawValue == 64)
    }
  }
}

@Suite("A plan")
struct PlanTests {
  @Test("deals everything to the threads, as evenly as it goes", arguments: [0, 1, 5, 6, 7, 100])
  func shares(_ total: Int) {
    let plan = ZinxBenchTests.plan { $0.threads = 6 }
    let shares = (0..<6).map { plan.share(of: total, thread: $0) }
    #expect(shares.reduce(0, +) == total)
    #expect((shares.max() ?? 0) - (shares.min() ?? 0) <= 1)
  }

  @Test(
    "counts the requests that were due while it measured, also when the reply came later", arguments: [nil, 1000] as [Double?])
  func window(_ rate: Double?) {
    let plan = ZinxBenchTests.plan { $0.rate = rate }
    #expect(plan.counts(10, answeredAt: 15, from: 10, to: 20))
    #expect(plan.counts(19, answeredAt: 99, from: 10, to: 20))
    #expect(!plan.counts(20, answeredAt: 25, from: 10, to: 20))
    #expect(!plan.counts(5, answeredAt: 9, from: 10, to: 20))
  }

  @Test("at a fixed rate counts what was due before and is answered now, so that a server far behind still shows what it does")
  func behind() {
    #expect(!ZinxBenchTests.plan().counts(5, answeredAt: 15, from: 10, to: 20))
    #expect(ZinxBenchTests.plan { $0.rate = 1000 }.counts(5, answeredAt: 15, from: 10, to: 20))
  }

  @Test(
    "says in one line what it does",
    arguments: [
      (ZinxBenchTests.plan(), "closed loop: 1 connection, 1 in flight, 64 bytes, id 3, ltv-le"),
      (
        ZinxBenchTests.plan { ($0.mode, $0.rate, $0.connections, $0.threads) = (.open, 2000, 50, 2) },
        "open loop: 50 connections, 1 of them speaking, 1 in flight, 2000 a second, 64 bytes, id 3, ltv-le, 2 threads"
      ),
      (
        ZinxBenchTests.plan { ($0.mode, $0.connections, $0.speakers) = (.churn, 16, 16) },
        "connect, one request, close: 16 connections at once, 64 bytes, id 3, ltv-le"
      ),
      (ZinxBenchTests.plan { ($0.mode, $0.connections) = (.idle, 9) }, "idle: 9 connections, used once, ltv-le"),
      (ZinxBenchTests.plan { ($0.mode, $0.isSilent) = (.idle, true) }, "idle: 1 connection, silent, ltv-le"),
    ])
  func title(_ plan: Plan, _ expected: String) {
    #expect(plan.title == expected)
  }
}
