import ArgumentParser
import Logging
import Systemd
import Testing
import Zinx
import ZinxConfig
import ZinxNats
import ZinxPlugins
import ZinxTestKit

@testable import ZinxDaemon

@Suite("The manual of zinxd")
struct ManualTests {
  private let page: ManualPage

  init() throws { page = try ManualPage("zinxd.8") }

  @Test("has an entry for each close reason, and for nothing else")
  func closeReasons() {
    #expect(page.tags("CLOSE REASONS").sorted() == CloseReason.allCases.map(\.description).sorted())
  }

  @Test("has an entry for each reason to refuse a connection, as the catalogue has")
  func refusals() throws {
    let reasons = RefusalReason.allCases.map(\.description).sorted()
    #expect(page.tags("REFUSALS").sorted() == reasons)
    let entry = try Repository.text("packaging/zinxd.catalog").split(
      separator: "-- \(LifecycleMessage.connectionRefused.rawValue)")
    let text = try #require(entry.last?.split(separator: "\n\n").first { $0.hasPrefix("max-conn:") })
    #expect(text.matches(of: /([a-z]+(?:-[a-z]+)*):\s/).map { String($0.1) }.sorted() == reasons)
  }

  @Test("has an entry for each exit status, as the README has")
  func statuses() throws {
    let statuses = ZinxDaemon.ExitStatus.allCases.map { "\($0.rawValue)" }.sorted()
    #expect(page.tags("EXIT STATUS").sorted() == statuses)
    #expect(try Repository.text("README.md").matches(of: /\n\| (\d+) \|/).map { String($0.1) }.sorted() == statuses)
  }

  @Test("has an entry for each option, as the help and the README have")
  func options() throws {
    let options = ManualPage.options(inHelp: CommandLineArguments.helpMessage())
    // The library of the command line has this one, and does not tell.
    #expect(page.options("OPTIONS") == options.union(["--generate-completion-script"]))
    let usage = try #require(try Repository.text("README.md").firstMatch(of: /\nzinxd (\[--.*)\n/)).1
    #expect(Set(usage.matches(of: /--[a-z-]+/).map { String($0.0) }) == options.filter { $0.hasPrefix("--") })
  }

  @Test("has an entry for each environment variable that the sources name")
  func environment() throws {
    let documented = Set(page.tags("ENVIRONMENT").flatMap { $0.split { ", ".contains($0) } }.map(String.init))
    let fields = Set(page.tags("STATUS AND JOURNAL").flatMap { $0.split(separator: ", ").map(String.init) })
    let named = try Repository.environmentVariables("ZinxDaemon", "ZinxConfig", "Systemd", "Zinx", "ZinxIO", "ZinxTLS")
      .subtracting(fields)
    #expect(documented == named)
  }

  @Test("has an entry for each field that the daemon gives the journal")
  func fields() throws {
    let text = try Repository.sources("ZinxDaemon").joined()
    let keys = text.matches(of: /"([A-Za-z]+)"(?::|\] =) "\\\(/).map { String($0.1) }.filter { $0 != "MESSAGE_ID" }
    let names = keys.map { JournalFieldName(metadataKey: $0).text } + ["ZINX_LOGGER"]
    #expect(Set(page.tags("STATUS AND JOURNAL").flatMap { $0.split(separator: ", ").map(String.init) }) == Set(names))
  }

  @Test("names each level of the log")
  func levels() throws {
    let levels = try #require(page.text("OPTIONS").firstMatch(of: /Log from this level on:\n(.*)\n/)).1
    #expect(levels.matches(of: /[a-z]{4,}/).map { String($0.0) } == Logger.Level.allCases.map(\.rawValue))
  }

  @Test(
    "speaks of no configuration key that there is not, as the catalogue does not", arguments: ["man/zinxd.8", "zinxd.catalog"])
  func keys(_ file: String) throws {
    let text = try Repository.text("packaging/" + file).split(separator: "\n").filter { !$0.hasPrefix("#") }.joined(
      separator: "\n")
    // Keys of Go Zinx have a section to themselves, and words of other protocols are no keys.
    let own = text.replacing(/\.SH COMING FROM GO ZINX\n(?s:.)*?(?=\.SH )/, with: "")
    let others: Set = ["WebSocket", "WebSockets", "ClientHello", "OpenMetrics"]
    // What has an equals sign behind it is systemd's.
    let words = own.matches(of: /\b(?:[A-Z][a-z]+){2,}\b(?!=)/).map { String($0.0) }
    #expect(!words.isEmpty)
    for word in words where !others.contains(word) {
      let key = Option.named(word)?.name ?? ListenerOption.named(word)?.name ?? TLSOption.named(word)?.name
      #expect(key == word, "\(word) is no key")
    }
  }

  @Test("of the configuration has examples that a daemon takes")
  func examples() throws {
    let examples = try Repository.text("packaging/man/zinx.json.5.in").split(separator: ".RS\n").dropFirst().map {
      $0.split(separator: "\n.RE")[0]
    }
    #expect(examples.count == 8)
    for example in examples {
      let text = example.hasPrefix("{") ? String(example) : "{\(example)}"
      let parsed = Configuration.parse(Array(text.utf8), knownPlugins: bundledPlugins.map { $0.name } + [NatsGateway.name])
      #expect(parsed.problems.isEmpty && parsed.warnings.isEmpty, "\(text)")
    }
  }

  @Test("the README has each close reason")
  func readme() throws {
    let text = try Repository.text("README.md")
    for reason in CloseReason.allCases { #expect(text.contains("`\(reason)`")) }
  }
}
