import ArgumentParser
import Testing
import ZinxTestKit

@testable import ZinxControl
@testable import zinxctl

@Suite("The manual of zinxctl")
struct ManualTests {
  private let page: ManualPage
  private static let commands = Zinxctl.configuration.subcommands

  init() throws { page = try ManualPage("zinxctl.1") }

  @Test("has an entry for each command, and for nothing else")
  func commands() {
    let named = page.tags("COMMANDS").map { $0.prefix { $0 != " " } }.map(String.init)
    #expect(named == Self.commands.map { $0._commandName })
  }

  @Test("has each option of each command")
  func options() {
    let all = page.options("OPTIONS OF ALL COMMANDS")
    let text = page.text("COMMANDS")
    for command in Self.commands {
      for option in ManualPage.options(inHelp: Zinxctl.helpMessage(for: command)) where !all.contains(option) {
        #expect(text.contains(option), "\(option) of \(command._commandName)")
      }
    }
  }

  @Test("has each field of a filter, and each code of an error")
  func words() {
    let fields = page.tags("FILTERS").flatMap { $0.split { ", ".contains($0) } }.map(String.init)
    #expect(Set(fields) == Set(Field.allCases.map(\.rawValue)))
    #expect(page.tags("PROTOCOL") == ControlError.Code.allCases.map(\.rawValue))
  }

  @Test("has each exit status with its meaning, as the help has")
  func statuses() {
    let meanings = Failure.meanings.map { "\($0) \($1)" }
    #expect(page.text("EXIT STATUS") == meanings.joined(separator: ";\n") + ".")
    #expect(Zinxctl.helpMessage(columns: 1000).contains("Exit status: \(meanings.joined(separator: ", "))."))
  }
}

@Suite("A table of zinxctl")
struct TableTests {
  @Test("has its columns below each other, and nothing that a terminal would obey")
  func lines() {
    let table = Table([.init("ID", "id", right: true), .init("USER", "user"), .init("AGE", "ageSeconds", right: true)])
    let lines = table.lines([
      ["id": 1, "user": nil, "ageSeconds": .number(0.25)], ["id": 1000, "user": "a\u{1B}[2J", "ageSeconds": 7500],
    ])
    #expect(lines == ["  ID  USER          AGE", "   1  -           250ms", "1000  a\\u{1B}[2J  2h05m"])
  }

  @Test(
    "says durations as short as they can be read",
    arguments: [
      (0, "0ms"), (0.000_012, "12\u{B5}s"), (0.0014, "1.4ms"), (0.005, "5ms"), (0.0126, "13ms"), (0.9994, "999ms"), (1, "1s"),
      (59.9, "59s"), (61, "1m01s"), (3599, "59m59s"), (86400, "1d00h"),
      (1e300, "104166666666d16h"),
    ]
      as [(Double, String)])
  func durations(seconds: Double, text: String) { #expect(Table.duration(seconds) == text) }

  @Test("shows the members of an object one below the other")
  func pairs() {
    let value: JSON = ["a": 1, "long": ["x", "y"], "listeners": [["name": "web"], ["name": "x"]], "none": [:]]
    #expect(
      Table.pairs(value) == ["a          1", "long       x,y", "listeners  name web", "           name x", "none       -"])
  }
}

@Suite("The command line of zinxctl")
struct CommandLineTests {
  @Test(
    "has options of all commands in front of the command or behind it",
    arguments: [
      (["--socket", "/x", "status", "--json"], ["status", "--socket", "/x", "--json"]),
      (["--socket=/x", "close", "7"], ["close", "--socket=/x", "7"]),
      (["--json", "show", "7"], ["show", "--json", "7"]), (["status"], ["status"]), ([], []), (["--help"], ["--help"]),
      (["--socket", "/x"], ["--socket", "/x"]), (["--socket"], ["--socket"]),
    ])
  func options(arguments: [String], ordered: [String]) { #expect(Zinxctl.commandFirst(arguments) == ordered) }

  @Test(
    "takes a number below zero for a value, which is no option",
    arguments: [
      (["set", "MaxConn", "-1"], ["set", "MaxConn", "--", "-1"]),
      (["set", "--socket", "/x", "MaxConn", "-1", "--json"], ["set", "--socket", "/x", "MaxConn", "--json", "--", "-1"]),
      (["close", "--now", "-1", "7", "--socket", "/x"], ["close", "--now", "--socket", "/x", "--", "-1", "7"]),
      (["connections", "--limit", "-1"], ["connections", "--limit", "-1"]),
      (["connections", "--sort", "-id"], ["connections", "--sort", "-id"]), (["show", "-1x"], ["show", "--", "-1x"]),
      (["show", "--", "-1"], ["show", "--", "-1"]), (["-h"], ["-h"]),
    ])
  func negative(arguments: [String], ordered: [String]) { #expect(Zinxctl.numbersLast(arguments) == ordered) }

  @Test("takes an order that begins with a dash")
  func order() throws {
    let command = try ConnectionsCommand.parse(["--sort", "-queuedBytes", "--where", "idle > 5m", "--limit", "3"])
    #expect(
      command.request == .connections(.init(filter: try Filter("idle > 5m"), order: try FieldOrder("-queuedBytes"), limit: 3)))
  }

  @Test(
    "takes a value of an option as JSON, and as a text where it is none",
    arguments: [("500", 500), ("true", true), ("debug", "debug"), ("[]", [])] as [(String, JSON)])
  func value(text: String, value: JSON) throws {
    #expect(try SetCommand.parse(["MaxConn", text]).request == .set(key: "MaxConn", value: value))
  }
}

@Suite struct `The table of routes` {
  private static let route: JSON = [
    "ids": "7", "plugin": "chat", "messages": 6700, "failures": 2, "sampledOneIn": 67,
    "handler": ["samples": 9, "p50Seconds": .number(0.000_012), "p99Seconds": .number(0.0014), "maxSeconds": .number(0.25)],
    "queue": nil,
  ]

  @Test func `has waits and times apart, and says what is an estimate`() throws {
    let lines = try RoutesCommand.parse([]).lines(["routes": [Self.route]])
    #expect(
      lines == [
        "IDS  PLUGIN  MESSAGES  FAILED  QUEUE P50  P99  MAX  HANDLER P50    P99    MAX",
        "  7  chat       \u{2248}6700       2          -    -    -         12\u{B5}s  1.4ms  250ms", "",
        "Messages are an estimate, and times are of samples: one batch in 67, since the start. Failures are counted.",
      ])
  }
}

@Suite struct `What zinxctl shows of a trace` {
  private static let part: JSON = [
    "messages": [
      [
        "connection": 7, "direction": "in", "at": .number(1.5), "msgId": 3, "length": 18,
        "data": "68656c6c6f20776f726c64211b5b324a00ff",
      ],
      ["connection": 7, "direction": "out", "at": .number(2), "msgId": nil, "length": 900, "data": "41"],
    ], "leftOut": 5,
  ]

  @Test func `is a line with the header of each message and its data below, which no terminal obeys`() {
    #expect(
      TraceText.lines(Self.part) { "\($0)s" } == [
        "1.5s  7  in   id 3, 18 bytes", "  0000  68 65 6c 6c 6f 20 77 6f 72 6c 64 21 1b 5b 32 4a  hello world!.[2J",
        "  0010  00 ff                                            ..", "2.0s  7  out  900 bytes",
        "  0000  41                                               A", "  \u{2026} 899 more",
        "-- 5 messages left out: more came than is shown in a second",
      ])
  }

  @Test func `says at its end why, and how much there was`() {
    let part: JSON = ["messages": [], "leftOut": 0, "end": ["reason": "time", "messages": 12, "leftOut": 5]]
    #expect(TraceText.lines(part) { _ in "" } == ["-- its time is over: 12 messages shown, 5 left out"])
  }

  @Test func `is for programs a value of each message, of each gap and of the end`() throws {
    let lines = TraceText.json(Self.part)
    #expect(lines.count == 3 && lines[2] == #"{"leftOut":5}"#)
    #expect(try JSON(parsing: lines[0].utf8)["msgId"] == 3)
  }

  @Test(arguments: [("10s", 10), ("1m30s", 90), ("250ms", 0.25), ("5", 5), ("1h", 3600)] as [(String, Double)])
  func `lasts as long as it is told`(text: String, seconds: Double) throws {
    let command = try TraceCommand.parse(["7", "--for", text, "--count", "3"])
    #expect(command.request == .trace(.init(.ids([7]), seconds: seconds, count: 3, bytes: 64)))
  }

  @Test(arguments: ["0s", "61m", "x", "-1s", "nan", ""])
  func `is refused a time that is none`(text: String) {
    #expect(throws: (any Error).self) { try TraceCommand.parse(["7", "--for", text]) }
  }
}

@Suite struct `The message that zinxctl sends` {
  @Test func `is a text, digits, or nothing`() throws {
    #expect(try SendCommand.parse(["7", "--msg-id", "3", "--data", "hé"]).message.bytes() == Array("hé".utf8))
    #expect(try SendCommand.parse(["7", "--msg-id", "3", "--hex", "00 ff"]).message.bytes() == [0, 255])
    #expect(try BroadcastCommand.parse(["--msg-id", "3"]).message.bytes() == [])
  }

  @Test(
    arguments: [
      ["7", "--data", "x"], ["--msg-id", "3"], ["7", "--where", "tls", "--msg-id", "3"], ["7", "--msg-id", "3", "--hex", "0"],
      ["7", "--msg-id", "3", "--hex", "00", "--data", "x"],
    ])
  func `is refused without an id, without a receiver, and with two of one thing`(arguments: [String]) {
    #expect(throws: (any Error).self) { try SendCommand.parse(arguments) }
  }

  @Test(
    arguments: [
      (["sent": 3, "skipped": 0], "sent to 3"),
      (
        ["sent": 0, "skipped": 2, "unencodable": 1, "gone": 4],
        "sent to 0; 2 skipped, whose queue is full, 1 left out, whose frames cannot carry it, 4 gone meanwhile"
      ),
    ] as [(JSON, String)])
  func `is told who got it and who did not`(result: JSON, line: String) { #expect(Delivery.line(result) == line) }
}

@Suite("What zinxctl says when it fails")
struct FailureTests {
  @Test("to one who may not enter is what has to be switched on, with status 1")
  func permission() {
    let (status, lines) = Failure.explain(.unreachable(UnixError("connect", code: 13)), paths: ["/run/x"])
    #expect(status.rawValue == 1)
    #expect(lines[0] == "/run/x: connect: Permission denied")
    #expect(lines[1].contains("zinxd-control.socket") && lines[1].contains("SocketGroup="))
  }

  @Test("where there is no daemon has status 69, and a word that was refused status 1")
  func others() {
    #expect(Failure.explain(.unreachable(UnixError("connect", code: 2)), paths: ["/run/x"]).status.rawValue == 69)
    #expect(Failure.explain(.broken("x"), paths: ["/run/x"]).status.rawValue == 69)
    let (status, lines) = Failure.explain(.refused(ControlError(.refused, "a\nb")), paths: [])
    #expect(status.rawValue == 1 && lines == ["a", "b"])
    #expect(Failure.explain(.refused(ControlError(.badFilter, "a")), paths: []).status.rawValue == 64)
  }
}
