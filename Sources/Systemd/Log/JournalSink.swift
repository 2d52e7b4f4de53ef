import CSystemd
import Glibc
import Synchronization

/// Writes entries to journald with all their fields, by its native protocol.
///
/// Not sd_journal_sendv(3): that has the socket's path built in, so no test could stand in for journald, and it gives an entry up
/// when journald is being restarted.
public final class JournalSink: LogSink {
  /// Where journald listens.
  public static let defaultPath = "/run/systemd/journal/socket"

  private let address: UnixAddress
  private let identifier: String
  private let fallback: any LogSink
  /// Locked for Sendable's sake: only the writer thread comes here.
  private let socket: Mutex<DatagramSocket>

  /// Connects to journald. `identifier` becomes `SYSLOG_IDENTIFIER`; `fallback` gets what journald refuses, by default standard
  /// error, which is a stream to the same journal when this sink is in use.
  public init(
    path: String = defaultPath, identifier: String,
    fallback: any LogSink = TerminalSink(descriptor: STDERR_FILENO, text: LogText(lead: .priority))
  ) throws(SystemCallError) {
    guard let address = UnixAddress(path) else { throw SystemCallError("connect", code: EINVAL) }
    let socket = try DatagramSocket()
    let code = socket.connect(to: address)
    if code != 0 { throw SystemCallError("connect", code: code) }
    self.address = address
    self.identifier = identifier
    self.fallback = fallback
    self.socket = Mutex(socket)
  }

  /// Returns when journald has the entry: waits for room, and for a journald that is away to come back.
  public func write(_ entry: LogEntry) {
    let bytes = JournalEntry(entry, identifier: identifier).bytes
    let isWritten = socket.withLock { socket in
      while true {
        switch Self.send(bytes, to: socket) {
        case 0: return true
        case EAGAIN: wait(for: socket.descriptor, POLLOUT, milliseconds: 1_000)
        case ECONNREFUSED, ECONNRESET, ENOTCONN, EPIPE: reconnect(&socket)
        default: return false
        }
      }
    }
    // Not under the lock: a sink may be somebody else's.
    if !isWritten { fallback.write(entry) }
  }

  private func reconnect(_ socket: inout DatagramSocket) {
    let fresh = try? DatagramSocket()
    if let fresh, fresh.connect(to: address) == 0 {
      socket = fresh
    } else {
      // Nobody is listening, and there is nothing to wait for but time.
      wait(for: -1, 0, milliseconds: 100)
    }
  }

  /// In the datagram, or, if it is too large for one, in a sealed memory file that is passed.
  private static func send(_ bytes: [UInt8], to socket: DatagramSocket) -> Int32 {
    let code = socket.send(bytes)
    return code == EMSGSIZE || code == ENOBUFS ? sendInFile(bytes, to: socket) : code
  }

  private static func sendInFile(_ bytes: [UInt8], to socket: DatagramSocket) -> Int32 {
    let file = csystemd_memfd()
    if file < 0 { return errno }
    defer { close(file) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if written < 0, errno != EINTR { return errno }
      rest = rest.dropFirst(max(0, written))
    }
    return csystemd_seal(file) == 0 ? socket.send(file: file) : errno
  }
}
