import Glibc
import Logging
import NIOCore
import Synchronization
import Systemd
import Testing
import ZinxConfig
import ZinxTestKit
import ZinxWire

@testable import Zinx
@testable import ZinxDaemon

/// Keeps nothing.
private struct NoSink: LogSink {
  func write(_ entry: LogEntry) {}
}

/// Brings the frames of a charging station, by a name that its settings say.
private struct Station: RoutePlugin {
  static let name = "station"
  static let summary = "Speaks with charging stations."
  private let codec: Named

  struct Named: FrameCodec {
    let name: String
    func decode(_ bytes: Span<UInt8>) -> FrameStep { StationCodec().decode(bytes) }
    func encode(id: UInt32, data: ByteBuffer, into frame: inout ByteBuffer) { frame.writeImmutableBuffer(data) }
  }

  init(settings: inout PluginSettings) { codec = Named(name: settings.string("Codec", default: "station", "its name")) }

  func register(in routes: inout RouteRegistrar) { routes.frames(codec) }
}

/// The server of these does not listen: what a reload refuses, it refuses before.
@Suite("What a reload takes and refuses")
struct ReloadPartsTests {
  private let folder: TestFolder
  private let registry = PluginRegistry([Station.self])

  init() throws { folder = try TestFolder() }

  private func load(_ text: String) throws(LoadedConfiguration.Refused) -> LoadedConfiguration {
    let path = "\(folder.path)/z.json"
    do { try folder.write("z.json", text) } catch { throw LoadedConfiguration.Refused(lines: ["\(error)"]) }
    return try LoadedConfiguration.load(.search(explicit: path, environment: [:]), registry: registry, program: "zinxd")
  }

  /// What comes of a reload, and the server.
  private func reload(from old: String, to new: String) async throws -> (lines: [String], server: Server) {
    let loaded = try load(old)
    let server = try Server(loaded.configuration.server, plugins: loaded.plugins, routes: loaded.routes) { _ in }
    let reloader = Reloader(
      loaded.configuration, server: server, status: Status(server), output: try LogOutput(to: NoSink()), fixedLevel: nil,
      log: Logger(label: "zinxd") { _ in SwiftLogNoOpLogHandler() }
    ) { () throws(LoadedConfiguration.Refused) in try load(new) }
    // It waits for tasks, which may need every thread that the tests have.
    return (try await onThread { reloader.reload().problems }, server)
  }

  private static let listener = #""Listeners": [{"Name": "a", "Address": "127.0.0.1:0", "DataPack": "station"}]"#

  @Test(
    "the codec of a plugin that does not run is refused, of all listeners or of one",
    arguments: [
      (#"{"Plugins": {}}"#, #"{"Plugins": {"station": {}}, "DataPack": "station"}"#, "zinx"),
      (#"{"Plugins": {}}"#, #"{"Plugins": {"station": {}}, \#(listener)}"#, "a"),
      // It runs, and has its new name when it is started again.
      (#"{"Plugins": {"station": {"Codec": "old"}}}"#, #"{"Plugins": {"station": {}}, \#(listener)}"#, "a"),
    ])
  func codecOfNobody(old: String, new: String, listener: String) async throws {
    let (lines, server) = try await reload(from: old, to: new)
    #expect(
      lines.map { $0.replacing(folder.path, with: "") } == [
        #"error: /z.json: the listener "\#(listener)" has the DataPack "station" of the plugin "station", which is not running, or not with it"#,
        "Restart zinxd: plugins come and go with it.",
      ])
    #expect(server.configuration.withLock { $0.allEndpoints.map(\.framing) } == [nil])
    #expect(server.configuration.withLock { $0.framing } == .zinx(.ltvLittleEndian))
  }

  @Test("the codec of a plugin that runs is taken")
  func codec() async throws {
    let (lines, server) = try await reload(
      from: #"{"Plugins": {"station": {}}}"#, to: #"{"Plugins": {"station": {}}, "DataPack": "station"}"#)
    #expect(lines.isEmpty)
    #expect(server.configuration.withLock { $0.framing.description } == "station")
  }

  @Test("certificates are read once: what was checked is what is used, whatever becomes of the files")
  func certificates() async throws {
    for name in ["server.pem", "server.key"] {
      try folder.write(name, String(decoding: try ConfigurationFile.readFile(Certificates.path(name)), as: UTF8.self))
    }
    let loaded = try load(
      #"{"Host": "127.0.0.1", "TcpPort": 0, "CertFile": "\#(folder.path)/server.pem", "PrivateKeyFile": "\#(folder.path)/server.key"}"#
    )
    for name in ["server.pem", "server.key"] { #expect(unlink("\(folder.path)/\(name)") == 0) }
    let server = try Server(loaded.configuration.server, plugins: [], routes: loaded.routes) { _ in }
    try await server.start(listeningOn: [], certificates: loaded.certificates)
    #expect(server.listeners.map(\.isTLS) == [true])
    try await server.reload(loaded.configuration.server, plugins: [], certificates: loaded.certificates)
    await #expect(throws: ZinxError.self) { try await server.reload(loaded.configuration.server) }
    await server.drain(timeout: .zero)
  }
}
