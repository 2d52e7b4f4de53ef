import CLinux
import Glibc
import Logging
import Synchronization
import Systemd
import Zinx
import ZinxConfig
import ZinxControl
import ZinxIO

/// Replaces the running program by the one on disk, in the same process, with the same connections:
///
///     trial ─► those who cannot pass end ─► hold ─► write down ─► exec
///       └───────────────┴──────────────────────┴───────┴─► refused: this program goes on
///
/// On a thread that may block, one at a time.
final class Upgrader: Sendable {
  /// What is said meanwhile, a line at a time.
  typealias Progress = (String) -> Void

  /// Who is to be told by the program that takes over.
  struct Asker {
    var descriptor: Int32
    var id: JSON
  }

  /// Beyond what handlers have, for those that cannot pass to read their last word.
  private static let partingTime = Duration.seconds(2)

  private let server: Server
  private let manager: ServiceManager
  private let supervision: Supervision
  private let status: Status
  private let reloader: Reloader
  private let environment: ServiceEnvironment
  /// What systemd has passed that is no listener's.
  private let passed: [SocketState]
  private let output: LogOutput
  private let log: Logger
  private let version: String

  init(
    server: Server, manager: ServiceManager, supervision: Supervision, status: Status, reloader: Reloader,
    environment: ServiceEnvironment, passed: [ListenSocket], output: LogOutput, log: Logger, version: String
  ) {
    self.server = server
    self.manager = manager
    self.supervision = supervision
    self.status = status
    self.reloader = reloader
    self.environment = environment
    self.passed = passed.map { SocketState($0.name, $0.descriptor) }
    self.output = output
    self.log = log
    self.version = version
  }

  /// Asks the program whether it can take over. Returns what it has said.
  ///
  /// Throws: ``UpgradeRefused``.
  func check(_ path: String?) throws(UpgradeRefused) -> [String] {
    try refusing { () throws(UpgradeRefused) in try tryOut(try Successor(path)) }
  }

  /// Does not return when the other program has taken over.
  ///
  /// Throws: ``UpgradeRefused``; this program goes on.
  func upgrade(_ path: String?, for asker: Asker?, _ progress: Progress) throws(UpgradeRefused) -> Never {
    try refusing { () throws(UpgradeRefused) in
      let program = try Successor(path)
      for line in try tryOut(program) { progress(line) }
      try replace(by: program, asker, progress)
    }
  }

  /// What nothing comes of is said, loudly.
  private func refusing<Result>(_ body: () throws(UpgradeRefused) -> Result) throws(UpgradeRefused) -> Result {
    do throws(UpgradeRefused) {
      return try reloader.inTurn { () throws(UpgradeRefused) in try body() }
    } catch {
      for line in error.lines {
        log.error("upgrade refused: \(line)", metadata: ["MESSAGE_ID": "\(LifecycleMessage.upgradeRefused.rawValue)"])
      }
      throw error
    }
  }

  private func tryOut(_ program: Successor) throws(UpgradeRefused) -> [String] {
    if status.isDraining { throw UpgradeRefused("the daemon ends") }
    if program.isRunning {
      throw UpgradeRefused(
        "\(program.path) is the program that runs (\(version), \(program.inodeText)): there is nothing to upgrade to")
    }
    let obstacles = server.handoverObstacles
    guard obstacles.isEmpty else { throw UpgradeRefused(lines: obstacles) }
    let state: HandoverState
    do throws(HandoverRefusal) { state = try server.stateNow() } catch { throw UpgradeRefused("\(error)") }
    let words = try Trial(program: program, arguments: Self.arguments).run(try write(state))
    return words.map { "\($0) (\(program.path), \(program.inodeText))" }
  }

  private func replace(by program: Successor, _ asker: Asker?, _ progress: Progress) throws(UpgradeRefused) -> Never {
    let timeout = reloader.configuration.server.handoverTimeout
    let ended = server.endThoseWhoCannotPass(within: timeout + Self.partingTime)
    for (obstacle, count) in ended.sorted(by: { $0.key < $1.key }) {
      tell("\(count) connections cannot be taken over and have ended: \(obstacle)", progress)
    }
    supervision.announceReload()
    _ = manager.notify(.watchdog)
    let held: HeldServer
    do throws(HandoverRefusal) { held = try server.hold(atMost: timeout) } catch {
      supervision.announceReady()
      throw UpgradeRefused("\(error)")
    }
    let error = execute(program, held, asker, progress)
    SignalPipe.resume()
    server.release()
    supervision.announceReady()
    throw error
  }

  /// Returns why nothing has come of it.
  private func execute(_ program: Successor, _ held: HeldServer, _ asker: Asker?, _ progress: Progress) -> UpgradeRefused {
    var state = held.state
    state.program = "\(log.label) \(version)"
    state.sockets += passed
    if let asker { state.sockets.append(SocketState(Inheritance.Purpose.asker, asker.descriptor, detail: asker.id.description)) }
    state.sockets.append(SocketState(Inheritance.Purpose.signals, SignalPipe.pause()))
    if status.isDraining { return UpgradeRefused("the daemon ends") }
    let file: Descriptor
    do throws(UpgradeRefused) { file = try write(state) } catch { return error }
    guard program.isThere else { return UpgradeRefused("\(program.path) is another file by now: upgrade again") }
    if held.abandoned > 0 {
      tell("the handlers of \(held.abandoned) connections did not end in time: these end with reason handover", progress)
    }
    log.notice(
      "\(program.path) takes over \(state.connections.count) connections",
      metadata: ["MESSAGE_ID": "\(LifecycleMessage.upgrading.rawValue)"])
    _ = output.flush(timeout: .milliseconds(200))
    let descriptors = state.listeners.flatMap(\.sockets) + state.sockets.map(\.descriptor) + [file.number]
    for descriptor in descriptors { _ = fcntl(descriptor, F_SETFD, 0) }
    let mask = SignalMask.blockAll()
    let variables = Self.variables + environment.variables(for: getpid()) + [Inheritance.text(file.number)]
    let code = withCStrings(Self.arguments) { arguments in
      withCStrings(variables) { variables in
        execve(program.path, arguments, variables)
        return errno
      }
    }
    SignalMask.restore(mask)
    for descriptor in descriptors { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    return UpgradeRefused("\(program.path) cannot be executed: \(SystemError("execve", code: code).reason)")
  }

  private func tell(_ line: String, _ progress: Progress) {
    log.warning("upgrade: \(line)")
    progress(line)
  }

  private func write(_ state: HandoverState) throws(UpgradeRefused) -> Descriptor {
    do throws(SystemError) { return try StateFile.write(state.pieces) } catch {
      throw UpgradeRefused("the state cannot be written down: \(error)")
    }
  }

  /// Those of this process, its name first.
  private static var arguments: [String] {
    [clinux_argument(0).map { String(cString: $0) } ?? "zinxd"] + Program.arguments
  }

  private static var variables: [String] {
    var variables: [String] = []
    var next = environ
    while let variable = next.pointee {
      variables.append(String(cString: variable))
      next += 1
    }
    return variables
  }
}

/// What a thread lets signals do.
private enum SignalMask {
  static func blockAll() -> sigset_t {
    var (all, before) = (sigset_t(), sigset_t())
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    return before
  }

  static func restore(_ mask: sigset_t) {
    var mask = mask
    pthread_sigmask(SIG_SETMASK, &mask, nil)
  }
}
