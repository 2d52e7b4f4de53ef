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
      (0, "0ms"), (0.9994, "999ms"), (1, "1s"), (59.9, "59s"), (61, "1m01s"), (3599, "59m59s"), (86400, "1d00h"),
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
