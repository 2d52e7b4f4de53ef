import CSystemd
import Glibc
import Synchronization

/// A socket of this process on which another asks it to do one thing, and hears what came of it.
///
/// To connect is to ask. The answer is one packet, and then the connection closes, so neither side parses a stream, and a peer that
/// does nothing holds up nobody. Who may ask is decided by the directory that the socket is in.
public final class RequestSocket: Sendable {
  /// What came of a request.
  public struct Answer: Sendable, Equatable {
    public var isSuccess: Bool
    /// For whoever asked; may have several lines.
    public var text: String

    public init(isSuccess: Bool, text: String) {
      self.isSuccess = isSuccess
      self.text = text
    }
  }

  /// Bytes of an answer; the rest of a longer text is cut. Far below what a socket takes in one packet without waiting.
  static let maximumBytes = 16_384

  private let listener: Int32
  private let isClosed = Atomic(false)

  /// Listens at `path` and calls `answer` for each request, one at a time, on a thread of its own. What lies at `path` is replaced:
  /// the directory belongs to one instance.
  public init(path: String, answer: @escaping @Sendable () -> Answer) throws(SystemCallError) {
    guard let address = UnixAddress(path) else { throw SystemCallError("bind", code: EINVAL) }
    listener = try Self.open()
    unlink(path)
    do {
      try check("bind", address.withSockaddr { bind(listener, $0, $1) })
      try check("listen", listen(listener, 8))
      let passive = listener
      try startThread("zinx-requests") {
        Self.serve(passive, answer)
        unlink(path)
        Glibc.close(passive)
      }
    } catch {
      Glibc.close(listener)
      throw error
    }
  }

  deinit { close() }

  /// Takes no more requests. One that is being answered still gets its answer.
  public func close() {
    // Once: the thread, which this wakes, closes the descriptor, and its number may then be anything's.
    if !isClosed.exchange(true, ordering: .relaxed) { shutdown(listener, Int32(SHUT_RDWR)) }
  }

  /// Asks the process that listens at `path`, and waits for what comes of it.
  public static func ask(path: String) throws(SystemCallError) -> Answer {
    guard let address = UnixAddress(path) else { throw SystemCallError("connect", code: EINVAL) }
    let socket = try open()
    defer { Glibc.close(socket) }
    try check("connect", address.withSockaddr { connect(socket, $0, $1) })
    var packet = [UInt8](repeating: 0, count: maximumBytes + 1)
    var count = 0
    let code = retryingInterrupts {
      count = recv(socket, &packet, packet.count, 0)
      return count
    }
    if code != 0 { throw SystemCallError("recv", code: code) }
    // No packet: the process has ended before it could answer.
    guard count > 0 else { throw SystemCallError("recv", code: ECONNRESET) }
    return Answer(isSuccess: packet[0] == success, text: String(decoding: packet[1..<count], as: UTF8.self))
  }

  private static let success = UInt8(ascii: "0")
  private static let failure = UInt8(ascii: "1")

  private static func open() throws(SystemCallError) -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0)
    try check("socket", descriptor)
    return descriptor
  }

  private static func serve(_ listener: Int32, _ answer: () -> Answer) {
    while true {
      let peer = accept(listener, nil, nil)
      if peer >= 0 {
        send(answer(), to: peer)
        Glibc.close(peer)
      } else if errno == EINVAL {
        return  // Shut down.
      } else if errno != EINTR {
        usleep(100_000)  // Out of descriptors: the request waits until there is one.
      }
    }
  }

  private static func send(_ answer: Answer, to peer: Int32) {
    let packet = [answer.isSuccess ? success : failure] + Array(answer.text.utf8.prefix(maximumBytes))
    _ = retryingInterrupts { Glibc.send(peer, packet, packet.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)) }
  }
}

private func check(_ call: String, _ result: Int32) throws(SystemCallError) {
  if result < 0 { throw SystemCallError(call) }
}
