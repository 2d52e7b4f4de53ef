import NIOCore
import Synchronization
import ZinxIO
import ZinxWire

/// A connection to a Zinx server.
///
/// ```swift
/// let client = try await Client.connect(host: "127.0.0.1", port: 7777)
/// print(try await client.request(0, ByteBuffer(string: "ping")).data)
/// await client.close()
/// ```
///
/// Safe to use from any task and thread. Cancelling a task ends what it waits for at once, with ``ClientError/cancelled``. A client that
/// is let go of without ``close()`` closes at once: the peer may not get what was sent last.
public final class Client: Sendable {
  /// Where a client is in its life. It never goes back.
  public enum State: Hashable, Sendable {
    case connected
    /// ``Client/close()`` was called; replies and messages may still come.
    case closing
    case closed(CloseReason)
  }

  let connection: Connection

  private init(_ connection: Connection) { self.connection = connection }

  deinit { abandon() }

  /// Connects by plain TCP, as ``connect(to:configuration:)`` does.
  ///
  /// - Parameter host: A name or an address.
  public static func connect(
    host: String, port: UInt16, configuration: ClientConfiguration = ClientConfiguration()
  ) async throws(ClientError) -> Client {
    try await connect(to: ServerAddress(host: host, port: port), configuration: configuration)
  }

  /// Connects to the first of the host's addresses, IPv6 or IPv4, that accepts, in the system's order of preference, or to a UNIX socket, and
  /// settles what the address says: TLS, with the server's certificate verified, and WebSocket.
  ///
  /// ```swift
  /// let client = try await Client.connect(to: ServerAddress("wss://game.example/ws"))
  /// ```
  ///
  /// Reads the files of ``ClientConfiguration/tls`` on the calling thread.
  ///
  /// - Throws: ``ClientError/connectionFailed(endpoint:reason:)`` about the last address tried,
  ///   ``ClientError/handshakeFailed(endpoint:_:)``, ``ClientError/timedOut(after:)``, or ``ClientError/cancelled``.
  public static func connect(
    to server: ServerAddress, configuration: ClientConfiguration = ClientConfiguration()
  ) async throws(ClientError) -> Client {
    let loop: EventLoop
    do { loop = try ClientLoop.shared() } catch {
      throw .connectionFailed(endpoint: server.description, reason: error.description)
    }
    let transport: Transport
    do throws(HandshakeFault) { transport = try Transport(server, configuration.tls) } catch {
      throw .handshakeFailed(endpoint: server.description, error)
    }
    let timeout = configuration.connectTimeout
    let deadline = Instant.now.advanced(byNanoseconds: timeout.inNanoseconds)
    let addresses = try await Resolver.addresses(of: server.place, on: loop, within: timeout)
    var failure = ClientError.timedOut(after: timeout)
    for (index, address) in addresses.enumerated() {
      // An address that swallows every packet must not use up the time of those after it.
      let share = (deadline.nanoseconds - Instant.now.nanoseconds) / Int64(addresses.count - index)
      let connection = Connection(loop, configuration, transport)
      do {
        try await connection.open(address, within: .nanoseconds(share))
        return Client(connection)
      } catch .cancelled {
        throw .cancelled
      } catch .timedOut {
        failure = .timedOut(after: timeout)
      } catch .handshakeFailed(let endpoint, let fault) {
        // This is the server: another of its addresses would have nothing else to say.
        throw .handshakeFailed(endpoint: endpoint, fault)
      } catch {
        failure = error
      }
    }
    throw failure
  }

  /// Where the client is in its life, at this moment.
  public var state: State { connection.state.withLock { $0 } }

  /// Sends a message. Messages of one task leave in the order in which it sent them.
  ///
  /// Returns when the kernel has the whole message, so a peer that does not read makes it wait. A cancelled message is not sent, unless
  /// a part of it had gone already: then the rest follows.
  ///
  /// - Throws: ``ClientError/closed(_:)``, ``ClientError/messageTooLarge(bytes:)``, or ``ClientError/cancelled``.
  public func send(_ id: UInt32, _ data: ByteBuffer) async throws(ClientError) {
    try await connection.send(id, data)
  }

  /// Sends a message and returns the reply: the first message with the id `replyID` that does not answer an earlier request. Requests
  /// may be under way at the same time. Messages with other ids go to ``messages`` meanwhile.
  ///
  /// A reply that comes after its request was given up is dropped.
  ///
  /// - Parameters:
  ///   - replyID: The id of the reply; nil means the same as the request's.
  ///   - timeout: Time for the request to leave and for the reply to come.
  /// - Throws: ``ClientError/timedOut(after:)``, ``ClientError/unreadMessages(bytes:)``, ``ClientError/closed(_:)``,
  ///   ``ClientError/messageTooLarge(bytes:)``, or ``ClientError/cancelled``.
  public func request(
    _ id: UInt32, _ data: ByteBuffer, replyID: UInt32? = nil, timeout: Duration = .seconds(5)
  ) async throws(ClientError) -> Message {
    try await connection.request(id, data, replyID: replyID ?? id, timeout: timeout)
  }

  /// The received messages that answer no request. When nobody takes them, the socket is not read beyond
  /// ``ClientConfiguration/maxUnreadBytes``. Several loops over it share the messages out among them.
  public var messages: Messages { Messages(client: self) }

  /// Sends what is queued, shuts this side of the connection, and returns when the peer has closed too, or after
  /// ``ClientConfiguration/closeTimeout``. Requests under way still get their replies. A cancelled call closes at once.
  public func close() async { await connection.close() }

  /// Closes at once, without waiting for the peer, with ``CloseReason/abandoned``: the peer may not get what was sent last. Returns before
  /// it is done.
  public func abandon() {
    let connection = connection
    connection.loop.execute { connection.assumeIsolated { $0.abandon() } }
  }
}
