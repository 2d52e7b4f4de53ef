import Glibc
import Testing
import Zinx
import ZinxDaemon
import ZinxNats
import ZinxPlugins
import ZinxTestKit

extension Daemons {
  @Suite("The command line")
  struct CommandLineTests {
    @Test("--version prints name and version, and needs no configuration")
    func version() async throws {
      let run = try await run("--version")
      #expect(run.status == 0)
      #expect(run.output == ["zinxd \(Daemon.version)"])
      #expect(run.errors.isEmpty)
    }

    @Test func `--check says which names do not resolve here, and is content all the same`() async throws {
      let text = #"{"Listeners": [{"Name": "a", "Address": "nowhere.invalid:0"}, {"Name": "b", "Address": "127.0.0.1:0"}]}"#
      let run = try await run("--check", files: ["zinx.json": text])
      #expect(run.status == 0 && run.output.last == "./zinx.json: OK")
      #expect(
        run.output.contains { $0.hasPrefix("./zinx.json: warning: \"nowhere.invalid\" does not resolve here: ") }, "\(run.output)"
      )
      #expect(!run.output.contains { $0.contains("127.0.0.1") })
    }

    @Test func `--check says how many connections fit where fewer files may be open than MaxConn takes`() async throws {
      let launcher = ["sh", "-c", "ulimit -n 200; exec \"$@\"", "sh"]
      let files: KeyValuePairs = ["zinx.json": local(#""MaxConn": 1000, "ReservedDescriptors": 150, "IOThreads": 1"#)]
      let run = try await run("--check", files: files, launcher: launcher)
      #expect(run.status == 0)
      let line =
        "./zinx.json: warning: MaxConn is 1000, but with the 200 open files that are allowed here 50 fit; raise the limit "
        + "(LimitNOFILE= of a service, ulimit -n)"
      #expect(run.output == [line, "./zinx.json: OK"])
    }

    @Test func `a script from the standard input is told of by that name`() async throws {
      let folder = try TestFolder()
      let script = "printf 'expct 2\n' | \"$0\" script -"
      let client = try DaemonProcess(["sh", "-c", script, DaemonProcess.path("zinx-client")], in: folder.path)
      #expect(try await client.exit().status == 64)
      #expect(client.errorLines.first?.contains("standard input:1:") == true, "\(client.errorLines)")
    }

    @Test("--help names zinxd and every flag")
    func help() async throws {
      let run = try await run("--help")
      let text = run.output.joined(separator: "\n")
      #expect(run.status == 0)
      #expect(run.output.contains { $0.hasPrefix("USAGE: zinxd ") })
      for flag in ["--config", "--check", "--import", "--print-config", "--list-plugins", "--log-level", "--version", "--help"] {
        #expect(text.contains(flag))
      }
      #expect(!text.contains("arguments"))
      #expect(run.errors.isEmpty)
    }

    @Test("--list-plugins prints a line for each plugin: name, message ids, one sentence")
    func plugins() async throws {
      let run = try await run("--list-plugins")
      #expect(run.status == 0)
      let plugins: [any RoutePlugin.Type] = bundledPlugins + [NatsGateway.self]
      #expect(run.output.count == plugins.count)
      for (line, plugin) in zip(run.output, plugins) {
        let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
        #expect(words.first.map(String.init) == plugin.name)
        #expect(line.hasSuffix("  \(plugin.summary)"))
      }
      let ids = run.output.map { $0.split(separator: " ")[1] }
      #expect([ids[0], ids[1], ids[3], ids[4]] == ["0", "1", "3", "4"])
    }

    @Test("--check says that a good file is good, and opens nothing")
    func checkGood() async throws {
      let run = try await run("--check", files: ["zinx.json": local()])
      #expect(run.status == 0)
      #expect(run.output == ["./zinx.json: OK"])
      #expect(run.errors.isEmpty)
    }

    @Test("--check shows warnings of a file that is good nevertheless")
    func checkWarns() async throws {
      let run = try await run("--check", "--config", "a.json", files: ["a.json": local(#""LogDir": "./log""#)])
      #expect(run.status == 0)
      #expect(run.output.count == 2)
      #expect(run.output.first?.hasPrefix("a.json:1:37: warning: LogDir has no effect") == true)
      #expect(run.output.last == "a.json: OK")
    }

    @Test("--check prints each problem of a bad file")
    func checkBad() async throws {
      let run = try await run("--check", files: ["zinx.json": #"{"MaxConn": 0, "Nme": "x"}"#])
      #expect(run.status == EX_CONFIG)
      #expect(run.output.isEmpty)
      #expect(run.errors.count == 3)
      #expect(run.errors[0].hasPrefix("./zinx.json:1:13: error: MaxConn is 0, but must be"))
      #expect(run.errors[1] == #"./zinx.json:1:16: error: unknown key "Nme"; did you mean "Name"?"#)
      #expect(run.errors[2].contains("zinxd --check"))
    }

    @Test("--print-config prints JSON that the daemon takes for the same configuration")
    func printConfig() async throws {
      let text = local(#""maxconn": 3, "IdleTimeout": 0.25, "Plugins": {"ECHO": {"Delay": 1.5}, "ping": {}}"#)
      let first = try await run("--print-config", files: ["zinx.json": text])
      #expect(first.status == 0)
      #expect(first.errors.isEmpty)
      for line in [
        #"  "MaxConn": 3,"#, #"  "IdleTimeout": 0.25,"#, #"      "Address": "127.0.0.1:0""#, #"  "MaxPacketSize": 4096,"#,
      ] {
        #expect(first.output.contains(line))
      }
      let second = try await run("--print-config", files: ["zinx.json": first.output.joined(separator: "\n")])
      #expect(second.status == 0)
      #expect(second.output == first.output)
    }

    @Test(
      "a wrong command line is status 64, and the last line says what to do",
      arguments: [["--bogus"], ["file.json"], ["--log-level", "loud"], ["--config"]])
    func wrong(_ arguments: [String]) async throws {
      let folder = try TestFolder()
      let daemon = try daemon(arguments, in: folder)
      #expect(try await daemon.exit().status == EX_USAGE)
      #expect(daemon.outputLines.isEmpty)
      #expect(daemon.errorLines.count > 1)
      #expect(daemon.errorLines.last == "See zinxd --help.")
      #expect(!daemon.errorLines.joined().contains("arguments"))
    }

    @Test("--log-level outranks the file, also after a reload")
    func logLevel() async throws {
      try await withDaemon(local(#""LogLevel": "critical""#), ["--log-level", "debug"]) { daemon, folder in
        _ = try await daemon.port()
        try folder.write("zinx.json", local(#""LogLevel": "error""#))
        daemon.signal(SIGHUP)
        try await daemon.line(containing: #"configuration reloaded: LogLevel: "critical" → "error""#)
      }
    }
  }
}
