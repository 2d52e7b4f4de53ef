import Logging
import Testing
import Zinx
import ZinxConfig

private func configuration(_ text: String) throws -> Configuration { try #require(parse(text).configuration) }

@Suite("A reload")
struct ReloadTests {
  @Test("of an unchanged file changes nothing")
  func unchanged() throws {
    let current = try configuration(#"{"MaxConn": 3, "Plugins": {"ping": {}}}"#)
    let reload = Reload(current: current, proposed: try configuration("{\n\"Plugins\": {\"ping\": {}},\n\"MaxConn\": 3}"))
    #expect(reload.effective == current)
    #expect(reload.applied.isEmpty)
    #expect(reload.needsRestart.isEmpty)
  }

  @Test("applies what can change live and names the rest, in the order of the manual")
  func mixed() throws {
    let current = Configuration()
    let proposed = try configuration(
      #"{"LogLevel": "debug", "MaxConn": 3, "IdleTimeout": 0.5, "Host": "127.0.0.1", "TcpPort": 1, "WorkerPoolSize": 4, "#
        + #""Plugins": {"echo": {}}}"#)
    let reload = Reload(current: current, proposed: proposed)
    #expect(
      reload.applied == [
        "Host: \"0.0.0.0\" → \"127.0.0.1\"", "TcpPort: 7777 → 1", "MaxConn: 12000 → 3", "IdleTimeout: 0 → 0.5",
        "LogLevel: \"info\" → \"debug\"",
      ])
    #expect(reload.needsRestart == ["WorkerPoolSize: 10 → 4", "Plugins: default → {\"echo\": {}}"])
    var expected = current
    (expected.server.host, expected.server.port) = ("127.0.0.1", 1)
    expected.server.maxConn = 3
    expected.server.idleTimeout = .milliseconds(500)
    expected.logLevel = .debug
    #expect(reload.effective == expected)
  }

  @Test("names a plugin's setting that is not shown by its key alone, and says so when nothing else has changed")
  func hidden() throws {
    func proposed(_ secret: String, _ delay: Double) throws -> Configuration {
      var parsed = parse(#"{"Plugins": {"echo": {"Secret": "\#(secret)", "Delay": \#(delay)}}}"#)
      parsed.show(["Delay"], of: "echo")
      return try #require(parsed.configuration)
    }
    let current = try proposed("s3cret", 1)
    #expect(Reload(current: current, proposed: current).needsRestart.isEmpty)
    let secret = Reload(current: current, proposed: try proposed("other", 1))
    #expect(secret.needsRestart == ["Plugins: settings that are not shown"])
    let both = Reload(current: current, proposed: try proposed("other", 2))
    let text = #"Plugins: {"echo": {"Secret": null, "Delay": 1.0}} → {"echo": {"Secret": null, "Delay": 2.0}}"#
    #expect(both.needsRestart == [text])
  }

  @Test func `changes the settings of plugins that can change live, and names the others`() throws {
    let current = try configuration(#"{"Plugins": {"echo": {"Delay": 1}, "ping": {"MsgID": 5}}}"#)
    let proposed = try configuration(#"{"Plugins": {"echo": {"Delay": 2}, "ping": {"MsgID": 6}}}"#)
    let reload = Reload(current: current, proposed: proposed, livePlugins: ["echo"])
    #expect(reload.applied == [#"Plugins.echo: {"Delay": 1} → {"Delay": 2}"#])
    #expect(
      reload.needsRestart == [
        #"Plugins: {"echo": {"Delay": 2}, "ping": {"MsgID": 5}} → {"echo": {"Delay": 2}, "ping": {"MsgID": 6}}"#
      ])
    let again = Reload(current: reload.effective, proposed: proposed, livePlugins: ["echo"])
    #expect(again.applied.isEmpty && again.needsRestart == reload.needsRestart)
    let back = Reload(current: reload.effective, proposed: current, livePlugins: ["echo"])
    #expect(back.effective == current && back.needsRestart.isEmpty)
  }

  @Test func `gives settings to a plugin that is on by default as if the file had named it`() throws {
    let proposed = try configuration(#"{"Plugins": {"echo": {"Delay": 2}, "ping": {}}}"#)
    let reload = Reload(current: Configuration(), proposed: proposed, livePlugins: ["echo"], defaultPlugins: ["ping", "echo"])
    #expect(reload.applied == [#"Plugins.echo: {} → {"Delay": 2}"#])
    #expect(reload.needsRestart.isEmpty && reload.effective == proposed)
    let less = Reload(
      current: Configuration(), proposed: proposed, livePlugins: ["echo"], defaultPlugins: ["ping", "echo", "hello"])
    #expect(less.needsRestart.count == 1 && less.effective.plugins?.map(\.name) == ["ping", "echo", "hello"])
    #expect(
      Reload(current: reload.effective, proposed: Configuration(), livePlugins: ["echo"], defaultPlugins: ["ping", "echo"])
        .effective == Configuration())
  }

  @Test func `notices that a file which a setting names has another secret`() throws {
    func proposed(_ secret: String) throws -> Configuration {
      var parsed = parse(#"{"Plugins": {"echo": {"Token": "/etc/token"}}}"#)
      var settings = PluginSettings(plugin: "echo", value: parsed.plugins?.first?.settings, files: ["/etc/token": secret])
      _ = settings.value("Token", .optional(.secret), default: nil, "a secret")
      parsed.take(settings)
      return try #require(parsed.configuration)
    }
    let (old, new) = (try proposed("hunter2"), try proposed("hunter3"))
    #expect(Reload(current: old, proposed: old).needsRestart.isEmpty)
    #expect(Reload(current: old, proposed: new).needsRestart == ["Plugins: settings that are not shown"])
    #expect(Reload(current: old, proposed: new, livePlugins: ["echo"]).applied == ["Plugins.echo: settings that are not shown"])
  }

  @Test("repeats what still waits for a restart, and not what was applied")
  func repeated() throws {
    let proposed = try configuration(#"{"MaxConn": 3, "IOThreads": 1}"#)
    let first = Reload(current: Configuration(), proposed: proposed)
    let second = Reload(current: first.effective, proposed: proposed)
    #expect(second.applied.isEmpty)
    #expect(second.needsRestart == ["IOThreads: 0 → 1"])
  }

  @Test("back to the former file undoes everything")
  func undone() throws {
    let first = Reload(current: Configuration(), proposed: try configuration(#"{"MaxConn": 3, "LogLevel": "error"}"#))
    #expect(Reload(current: first.effective, proposed: Configuration()).effective == Configuration())
  }

  @Test("treats each option that is looked at as the table says", arguments: OptionCase.all.filter { $0.isKept && !$0.isHalf })
  func eachOption(expected: OptionCase) throws {
    let proposed = try configuration("{\"\(expected.key)\": \(expected.good[1])}")
    let reload = Reload(current: Configuration(), proposed: proposed)
    #expect(reload.effective == (expected.reload ? proposed : Configuration()))
    #expect(reload.applied.count == (expected.reload ? 1 : 0))
    #expect(reload.needsRestart.count == (expected.reload ? 0 : 1))
    #expect((reload.applied + reload.needsRestart).first?.hasPrefix(expected.key + ": ") == true)
  }
}
