import ArgumentParser
import Testing
import ZinxTestKit

@testable import zinx_client

@Suite("The manual of zinx-client")
struct ManualTests {
  private let page: ManualPage

  init() throws { page = try ManualPage("zinx-client.1") }

  @Test("has exactly the options of each command")
  func options() {
    let all = page.options("OPTIONS OF ALL COMMANDS")
    for (help, section) in [
      (ZinxClientCommand.helpMessage(for: PingCommand.self), "OPTIONS OF PING"),
      (ZinxClientCommand.helpMessage(for: SendCommand.self), "OPTIONS OF SEND"),
      (ZinxClientCommand.helpMessage(for: ListenCommand.self), "OPTIONS OF LISTEN"),
      (ZinxClientCommand.helpMessage(for: ScriptCommand.self), "OPTIONS OF SCRIPT"),
    ] {
      #expect(all.union(page.options(section)) == ManualPage.options(inHelp: help))
    }
  }

  @Test("has each exit status with its meaning, as the help has")
  func statuses() {
    let meanings = Failure.meanings.map { "\($0) \($1)" }
    #expect(page.text("EXIT STATUS") == meanings.joined(separator: ";\n") + ".")
    let help = ZinxClientCommand.helpMessage(columns: 1000)
    #expect(help.contains("Exit status: \(meanings.joined(separator: ", "))."))
  }

  @Test("has each environment variable that the sources name")
  func environment() throws {
    let documented = Set(page.tags("ENVIRONMENT").flatMap { $0.split { ", ".contains($0) } }.map(String.init))
    #expect(try documented == Repository.environmentVariables("zinx-client", "ZinxClient", "ZinxIO"))
  }
}
