import CSystemd
import Glibc

/// A listening socket the service manager opened and passed to this process (socket activation, sd_listen_fds(3)).
public struct ListenSocket: Sendable, Equatable {
  /// The open descriptor; the caller owns it. The socket itself is shared with the manager: close it, but never shut it down.
  public let descriptor: Int32
  /// `FileDescriptorName=` of the socket unit, by default the unit's name; `unknown` if none was passed.
  public let name: String

  package init(descriptor: Int32, name: String) { (self.descriptor, self.name) = (descriptor, name) }
}

/// Why the passed sockets cannot be used. Each is a fault of the socket unit or of whoever started the process.
public enum ListenSocketError: Error, Sendable, Equatable, CustomStringConvertible {
  /// `LISTEN_FDS` is not a number of descriptors.
  case badCount(String)
  /// `LISTEN_FDNAMES` does not name as many sockets as `LISTEN_FDS` counts.
  case badNames(count: Int, names: Int)
  /// The descriptor cannot be looked at; errno(3).
  case unusable(ListenSocket, Int32)
  /// The descriptor is not a listening stream socket.
  case notListening(ListenSocket)

  public var description: String {
    switch self {
    case .badCount(let text): "LISTEN_FDS=\(text): not a number of passed sockets"
    case .badNames(let count, let names): "LISTEN_FDNAMES names \(names) sockets, but LISTEN_FDS says \(count) were passed"
    case .unusable(let socket, let code):
      "passed descriptor \(socket.descriptor) (\(socket.name)): \(String(cString: strerror(code)))"
    case .notListening(let socket):
      "passed descriptor \(socket.descriptor) (\(socket.name)) is not a listening stream socket; "
        + "the socket unit needs ListenStream= and Accept=no"
    }
  }
}

/// Takes over passed sockets.
///
/// The variables are parsed here and not by sd_listen_fds_with_names(3), which reads the process environment, where
/// ``ServiceEnvironment/takeFromProcess()`` has already removed them. What a descriptor is, libsystemd says.
public enum ListenSockets {
  /// SD_LISTEN_FDS_START.
  static let first: Int32 = 3

  /// The sockets passed to this process, none if it was started without. Each is checked to be a listening stream socket and set
  /// not to be inherited by children. Whether it blocks is left as the unit has it (`NonBlocking=`).
  public static func claim(_ environment: ServiceEnvironment) throws(ListenSocketError) -> [ListenSocket] {
    let sockets = try parse(environment)
    for socket in sockets { try check(socket) }
    return sockets
  }

  /// The descriptors the environment counts and names, unseen.
  static func parse(_ environment: ServiceEnvironment, first: Int32 = first) throws(ListenSocketError) -> [ListenSocket] {
    guard let text = environment.listenCount else { return [] }
    guard let count = Int32(text), (0...65_536).contains(count) else { throw .badCount(text) }
    if count == 0 { return [] }
    let names = environment.listenNames.map { $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init) }
    if let names, names.count != count { throw .badNames(count: Int(count), names: names.count) }
    return (0..<count).map { ListenSocket(descriptor: first + $0, name: names?[Int($0)] ?? "unknown") }
  }

  static func check(_ socket: ListenSocket) throws(ListenSocketError) {
    guard fcntl(socket.descriptor, F_SETFD, FD_CLOEXEC) == 0 else { throw .unusable(socket, errno) }
    let answer = sd_is_socket(socket.descriptor, AF_UNSPEC, Int32(SOCK_STREAM.rawValue), 1)
    if answer < 0 { throw .unusable(socket, -answer) }
    if answer == 0 { throw .notListening(socket) }
  }
}
