import ArgumentParser
import Testing
import ZinxTestKit

@testable import zinx_bench

@Suite("The manual of zinx-bench")
struct ManualTests {
  private let page: ManualPage

  init() throws { page = try ManualPage("zinx-bench.1") }

  @Test("has exactly the options of the program")
  func options() {
    #expect(page.options("OPTIONS") == ManualPage.options(inHelp: ZinxBenchCommand.helpMessage()))
  }

  @Test("has each exit status with its meaning, as the help has")
  func statuses() {
    let meanings = Failure.meanings.map { "\($0) \($1)" }
    #expect(page.text("EXIT STATUS") == meanings.joined(separator: ";\n") + ".")
    #expect(ZinxBenchCommand.helpMessage(columns: 1000).contains("Exit status: \(meanings.joined(separator: ", "))."))
  }

  @Test("needs to tell of no environment variable, for there is none")
  func environment() throws {
    #expect(try Repository.environmentVariables("zinx-bench", "ZinxClient", "ZinxIO").isEmpty)
  }
}
