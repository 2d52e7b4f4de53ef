import ZinxIO
import ZinxWire

/// An endpoint that is open: its sockets and their listeners, one for each address of a name.
struct Door: Sendable {
  var endpoint: Endpoint
  var context: EndpointContext
  let listeners: [Listener]
  /// Others opened the sockets: no other address can be had for them.
  let isPassed: Bool

  /// Lets nobody in any more; returns once the sockets are closed.
  func close() async { for listener in listeners { await listener.stop() } }
}

/// Sockets of an endpoint on which nobody accepts yet. Whoever holds the value owns them.
package struct EndpointSockets: Sendable {
  /// That of the endpoint.
  package let name: String
  package let sockets: [Int32]
  /// Others opened them.
  package let isPassed: Bool
  /// The file of a UNIX socket that we opened.
  let file: SocketFile?

  package init(name: String, sockets: [Int32], isPassed: Bool) {
    self.init(name: name, sockets: sockets, isPassed: isPassed, nil)
  }

  init(name: String, sockets: [Int32], isPassed: Bool, _ file: SocketFile?) {
    (self.name, self.sockets, self.isPassed, self.file) = (name, sockets, isPassed, file)
  }

  /// Those of a listener that another program had.
  package init(_ state: ListenerState) {
    self.init(
      name: state.name, sockets: state.sockets, isPassed: state.isPassed, state.path.isEmpty ? nil : SocketFile(state.path))
  }

  /// As an operator writes them: `127.0.0.1:7777`, `unix:/run/zinxd/clients.sock`, `unix:@zinxd`. As long as they are open.
  package var addresses: [String] {
    sockets.map { socket in localName(of: socket) ?? (try? SocketAddress(of: socket)).map { "\($0)" } ?? "unknown" }
  }

  /// Removes the file of a UNIX socket that we opened.
  package func removeFile() { file?.remove() }

  func close() {
    file?.remove()
    for socket in sockets { _ = Descriptor(owning: socket) }
  }
}

/// A listener that is open, for whoever shows it.
public struct ListenerInfo: Sendable, Equatable {
  /// That of its ``Endpoint``.
  public let name: String
  /// As an operator writes them: `127.0.0.1:7777` with the port that the kernel chose for port 0, `unix:/run/zinxd/clients.sock`.
  public let addresses: [String]
  public let framing: Framing
  /// Whether its connections are encrypted.
  public let isTLS: Bool
  /// What carries the bytes of messages.
  public let transport: Transport
  /// Whether its peers are told by proxies.
  public let proxyProtocol: ProxyProtocol
  /// Connections that came in there and are live.
  public let live: Int
  /// The plugins that it has chosen; nil: all.
  public let plugins: [String]?
}
