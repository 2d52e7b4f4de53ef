import ArgumentParser
import Glibc
import ZinxControl

/// A conversation with the daemon, which ends the process when it fails.
struct Conversation {
  /// Where the service has its sockets: its own, and that of `zinxd-control.socket` for a group.
  static let places = ["/run/zinxd/control.sock", "/run/zinxd-control.sock"]

  private let client: ControlClient
  private let paths: [String]

  init(_ options: CommonOptions) throws {
    paths = Self.paths(options)
    do throws(ControlClient.Failure) { client = try Self.open(paths) } catch { throw Self.end(error, paths) }
  }

  /// Where somebody may listen.
  static func paths(_ options: CommonOptions) -> [String] { options.socket.map { [$0] } ?? Self.places }

  /// To the first one that can be entered.
  static func open(_ paths: [String]) throws(ControlClient.Failure) -> ControlClient {
    var failures: [ControlClient.Failure] = []
    for path in paths {
      do throws(ControlClient.Failure) { return try ControlClient(path) } catch { failures.append(error) }
    }
    // One that is there and may not be entered tells more than one that is not.
    throw failures.first { if case .unreachable(let error) = $0 { error.code != ENOENT } else { true } } ?? failures[0]
  }

  func ask(_ command: ControlRequest.Command) throws -> JSON {
    do throws(ControlClient.Failure) { return try client.ask(command) } catch { throw Self.end(error, paths) }
  }

  /// Hands each line of the answer out as it comes.
  func ask(_ command: ControlRequest.Command, each: (_ result: [JSON.Member]) -> Void) throws {
    do throws(ControlClient.Failure) { try client.ask(command, each: each) } catch { throw Self.end(error, paths) }
  }

  /// Says what has gone wrong. Returns the status with which the process ends.
  static func end(_ failure: ControlClient.Failure, _ paths: [String]) -> ExitCode {
    let (status, lines) = Failure.explain(failure, paths: paths)
    for line in lines { Output.complain(line) }
    return status
  }
}
