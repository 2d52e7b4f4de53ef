import CLinux
import Glibc
import Systemd
import Zinx
import ZinxControl
import ZinxIO

/// What this program has from the one that it was executed in the place of.
struct Inheritance: Sendable {
  /// Where a program that is asked whether it can take over finds the state.
  static let trialDescriptor: Int32 = 3
  /// The descriptor of the state, and for which process it is meant.
  static let variable = "ZINX_HANDOVER"

  var state: HandoverState

  /// What sockets are for that are no listeners'.
  enum Purpose {
    static let control = ControlPlace.socketName
    static let metrics = MetricsService.socketName
    /// The client that has asked for the upgrade, with the id of its request.
    static let asker = "asker"
    /// Where signals wait that nobody has taken.
    static let signals = "signals"
  }

  /// Takes the variable out of the environment and reads what it leads to; nil for a program that was just started.
  ///
  /// Throws: ``HandoverFault``, ``SystemError``.
  static func take() throws -> Inheritance? {
    guard let text = getenv(variable).map({ String(cString: $0) }) else { return nil }
    unsetenv(variable)
    let parts = text.split(separator: ":")
    guard parts.count == 2, let number = Int32(parts[0]), number > 2, Int32(parts[1]) == getpid() else { return nil }
    let file = Descriptor(owning: number)
    let state = try HandoverState(try StateFile.read(file.number))
    // One call for all; a kernel or a sandbox without it takes one for each.
    if clinux_close_at_exec(from: 3) != 0 { for descriptor in state.descriptors { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) } }
    return Inheritance(state: state)
  }

  static func text(_ descriptor: Int32) -> String { "\(variable)=\(descriptor):\(getpid())" }

  /// Sockets that systemd had passed, as it would.
  var passed: [ListenSocket] {
    let others = state.sockets.filter { [Purpose.control, Purpose.metrics].contains($0.name) }
    return others.map { ListenSocket(descriptor: $0.descriptor, name: $0.name) }
      + state.listeners.filter(\.isPassed).flatMap { listener in
        listener.sockets.map { ListenSocket(descriptor: $0, name: listener.name) }
      }
  }

  /// Those that were opened for what the configuration still has; the server lets in who waits at the others, and closes them.
  func opened(for configuration: ServerConfiguration) -> [EndpointSockets] {
    state.listeners.filter { !$0.isPassed && !$0.sockets.isEmpty && configuration.hasListener($0) }.map { EndpointSockets($0) }
  }

  /// Signals that came while nobody could take them are sent once more: this program takes them by now.
  func repeatSignals() {
    for socket in state.sockets where socket.name == Purpose.signals {
      let pipe = Descriptor(owning: socket.descriptor)
      var numbers = [UInt8](repeating: 0, count: 64)
      let count = read(pipe.number, &numbers, numbers.count)
      for number in numbers.prefix(max(0, count)) { kill(getpid(), Int32(number)) }
    }
  }

  /// Closes what is of no use where there are more event loops than before, or fewer. It takes a while: on a thread of its own.
  func closeRemains(of server: Server) {
    guard !server.goesOnWithLoops(of: state) else { return }
    let remains = state.loopSets
    let close: @Sendable () -> Void = { for descriptor in remains { _ = Descriptor(owning: descriptor) } }
    do { _ = try Thread(close) } catch { close() }
  }

  /// Tells who has asked for the upgrade that it is done.
  func answer(_ result: JSON) {
    for socket in state.sockets where socket.name == Purpose.asker {
      let stream = UnixStream(owning: socket.descriptor)
      let id = (try? JSON(parsing: socket.detail.utf8)) ?? nil
      _ = stream.write(ControlProtocol.answer(id, result).description, within: .seconds(1))
    }
  }
}
