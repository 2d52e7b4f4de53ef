import Glibc
import Logging
import Systemd
import Zinx
import ZinxControl
import ZinxIO

/// Where the control socket of this daemon is, and how it comes to be there.
enum ControlPlace {
  /// `FileDescriptorName=` of the socket unit that opens it for a group.
  static let socketName = "control"
  private static let fileName = "control.sock"

  /// The path of `ControlSocket`: `off` is none, and without the key it is in the runtime directory, where systemd has made one.
  static func path(_ setting: String?, runtimeDirectory: String? = runtimeDirectory) -> String? {
    if let setting { return setting == "off" ? nil : setting }
    return runtimeDirectory.map { "\($0)/\(fileName)" }
  }

  /// systemd sets it for the service and for `ExecReload=` alike; with several directories it has several paths.
  static var runtimeDirectory: String? {
    let variable = getenv("RUNTIME_DIRECTORY").map { String(cString: $0) } ?? ""
    return variable.split(separator: ":").first.map(String.init)
  }

  /// Takes the control sockets out of those that systemd passed. A listener of that name comes first.
  static func take(from passed: inout [ListenSocket], listeners: [String]) -> [ControlListener] {
    guard !listeners.contains(socketName) else { return [] }
    // Who may enter is what a file says: there is none for a port and for a name without a file, where nothing would be asked.
    func isOurs(_ socket: ListenSocket) -> Bool { socket.name == socketName && hasFile(socket.descriptor) }
    let own = passed.filter(isOurs)
    passed.removeAll(where: isOurs)
    return own.map { ControlListener(passed: $0.descriptor) }
  }

  /// Whether a socket is bound to a file.
  private static func hasFile(_ descriptor: Int32) -> Bool {
    var address = sockaddr_un()
    var length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    return result == 0 && Int32(address.sun_family) == AF_UNIX && address.sun_path.0 != 0
  }

  /// Listens; without a socket the daemon serves all the same, and says so.
  static func open(_ path: String?, _ passed: [ControlListener], _ controller: Controller) -> ControlSocket? {
    let log = controller.log
    var listeners = passed
    do throws(SystemError) { if let path { listeners.append(try ControlListener(path: path)) } } catch {
      log.warning("no control socket at \(path ?? ""), systemctl reload will fail, SIGHUP works: \(error)")
    }
    guard !listeners.isEmpty else { return nil }
    let greeting = ControlProtocol.hello(program: log.label, version: controller.version).description
    do throws(SystemError) { return try ControlSocket(listeners, greeting: greeting, answer: controller.answer) } catch {
      log.warning("no control socket, systemctl reload will fail, SIGHUP works: \(error)")
      return nil
    }
  }
}
