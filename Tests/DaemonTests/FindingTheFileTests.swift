import Glibc
import Testing

extension Daemons {
  @Suite("The configuration file")
  struct FindingTheFileTests {
    /// One at each place where it is looked for, below the folder.
    private static let everywhere: KeyValuePairs = [
      "explicit.json": local(), "named.json": local(), "zinx.json": local(), "conf/zinx.json": local(),
    ]
    private let named = ["ZINX_CONFIG_FILE_PATH": "named.json"]

    @Test("that --config names is taken before any other")
    func explicit() async throws {
      let run = try await run("--check", "--config", "explicit.json", files: Self.everywhere, environment: named)
      #expect(run.output == ["explicit.json: OK"])
    }

    @Test("that --config names must be there, whatever else is")
    func explicitMissing() async throws {
      let run = try await run("--check", "--config", "nowhere.json", files: Self.everywhere, environment: named)
      #expect(run.status == EX_CONFIG)
      #expect(run.errors.first == "error: nowhere.json: no such file")
    }

    @Test("that $ZINX_CONFIG_FILE_PATH names is taken before the standard places")
    func environment() async throws {
      let run = try await run("--check", files: Self.everywhere, environment: named)
      #expect(run.output == ["named.json: OK"])
    }

    @Test("of the working directory is taken before the one of its conf folder")
    func workingDirectory() async throws {
      #expect(try await run("--check", files: Self.everywhere).output == ["./zinx.json: OK"])
      #expect(try await run("--check", files: ["conf/zinx.json": local()]).output == ["./conf/zinx.json: OK"])
    }

    @Test("is another one when the one of the environment is missing, with a warning")
    func environmentMissing() async throws {
      let run = try await run("--check", files: ["zinx.json": local()], environment: named)
      #expect(run.status == 0)
      #expect(run.output.count == 2)
      #expect(run.output.first?.contains("ZINX_CONFIG_FILE_PATH names named.json, which does not exist") == true)
      #expect(run.output.last == "./zinx.json: OK")
    }

    @Test(
      "that is nowhere is status 78, and every place is listed",
      .enabled(if: access("/etc/zinx/zinx.json", F_OK) != 0, "this machine has a file of its own"))
    func nowhere() async throws {
      let run = try await run(environment: named)
      #expect(run.status == EX_CONFIG)
      #expect(run.output.isEmpty)
      let places = "named.json, ./zinx.json, ./conf/zinx.json, /etc/zinx/zinx.json"
      #expect(run.errors.first == "error: no configuration file; looked for \(places)")
      #expect(run.errors.count == 2)
    }
  }
}
