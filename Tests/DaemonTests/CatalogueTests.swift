import Testing
import Zinx
import ZinxConfig
import ZinxPlugins

@testable import ZinxDaemon

/// What `journalctl -x` shows: packaging/zinxd.catalog.
@Suite("The journal's catalogue")
struct CatalogueTests {
  private struct Entry {
    var id: String
    var header: [String] = []
    var text: [String] = []
  }

  private let entries: [Entry]

  init() throws {
    let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    let text = String(decoding: try ConfigurationFile.readFile(root + "/packaging/zinxd.catalog"), as: UTF8.self)
    var entries: [Entry] = []
    var inHeader = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) where !line.hasPrefix("#") {
      if line.hasPrefix("-- ") {
        entries.append(Entry(id: String(line.dropFirst(3))))
        inHeader = true
      } else if let last = entries.indices.last {
        if inHeader, line.isEmpty {
          inHeader = false
        } else if inHeader {
          entries[last].header.append(line)
        } else {
          entries[last].text.append(line)
        }
      }
    }
    self.entries = entries
  }

  @Test("has an entry for each lifecycle event, and none for anything else")
  func complete() {
    #expect(entries.map(\.id).sorted() == LifecycleMessage.allCases.map(\.rawValue).sorted())
  }

  @Test("says in each entry what happened, who says so, and what it means")
  func fields() {
    for entry in entries {
      for field in ["Subject: ", "Defined-By: zinxd", "Support: man:"] {
        #expect(entry.header.contains { $0.hasPrefix(field) }, "\(entry.id) has no \(field)")
      }
      #expect(entry.text.contains { !$0.isEmpty })
    }
  }

  @Test("is about ids that journald takes: 32 hexadecimal digits, none twice")
  func identifiers() {
    let ids = LifecycleMessage.allCases.map(\.rawValue)
    #expect(Set(ids).count == ids.count)
    #expect(ids.allSatisfy { $0.wholeMatch(of: /[0-9a-f]{32}/) != nil })
  }
}

@Suite("A section of the manual")
struct ManualSectionTests {
  @Test("has every option, every plugin with its settings, and every key of other versions")
  func sections() {
    let registry = PluginRegistry(bundledPlugins)
    let options = ManualSection.options.text(registry, program: "zinxd")
    for option in Option.all { #expect(options.contains(".B \(option.name)\n")) }
    let frames = ManualSection.frames.text(registry, program: "zinxd")
    for option in FrameOption.all { #expect(frames.contains(".B \(option.name)\n")) }
    let plugins = ManualSection.plugins.text(registry, program: "zinxd")
    for type in bundledPlugins { #expect(plugins.contains(".SS \(type.name)\n\(type.summary)\n")) }
    #expect(plugins.contains(".B Blocking\n"))
    #expect(plugins.contains("Off by default.\n"))
    #expect(ManualSection.foreign.text(registry, program: "zinxd").contains(".B LogDir\n"))
  }
}
