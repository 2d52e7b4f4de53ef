import Glibc
import Zinx
import ZinxConfig
import ZinxIO

/// `--check-handover`: whether this program can go on with a state, on descriptor 3, under the configuration as it is now. Says why not.
enum HandoverCheck {
  /// Returns what it says, and the status: 0, or that of a configuration that is wrong.
  static func run(_ load: Daemon.Loader, program: String) async -> (lines: [String], ExitStatus) {
    let state: HandoverState
    do { state = try HandoverState(try StateFile.read(Inheritance.trialDescriptor)) } catch {
      return (["the state on descriptor \(Inheritance.trialDescriptor): \(error)"], .configuration)
    }
    let loaded: LoadedConfiguration
    do { loaded = try load() } catch { return (error.lines, .configuration) }
    let configuration = loaded.configuration.server
    do {
      let server = try Server(configuration, plugins: loaded.allPlugins, routes: loaded.allRoutes) { _ in }
      let obstacles = server.obstacles(to: state)
      guard obstacles.isEmpty else { return (obstacles, .configuration) }
      try Server.checkLimits(configuration)
      try await tryListeners(server, state, configuration)
    } catch {
      let (_, what, _) = ExitStatus.explain(error, path: loaded.path, program: program)
      return ([what], .configuration)
    }
    return (["\(program) takes over \(state.connections.count) connections"], .success)
  }

  /// Opens what there is no socket of, and closes it again.
  private static func tryListeners(_ server: Server, _ state: HandoverState, _ configuration: ServerConfiguration) async throws {
    let there = state.listeners.filter { $0.isPassed || configuration.hasListener($0) }.map(\.name)
    for sockets in try await server.openSockets(except: there) {
      sockets.removeFile()
      for socket in sockets.sockets { _ = Descriptor(owning: socket) }
    }
  }
}
