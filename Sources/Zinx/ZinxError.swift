import Glibc
import ZinxTLS

/// What goes wrong on our side or the operator's. What a peer does wrong is a `WireError`.
public enum ZinxError: Error, Hashable, Sendable {
  /// The connection has ended, or its output was cut off.
  case connectionClosed
  /// `MaxMsgChanLen` messages or `MaxConnQueueBytes` are queued for the peer already. Thrown by the form of send that does not wait.
  case sendBufferFull
  /// What was to be sent is no frame of the protocol that the connection speaks, as the reason says: data that holds the delimiter, or what
  /// its codec refuses.
  case unencodable(reason: String)
  /// No live connection has this id.
  case connectionNotFound(UInt64)
  /// The user has a connection already, and a second login is to be refused: see ``SecondLogin/refuse``.
  case userIsBound(String)
  /// Two plugins want the same messages; both are named, and the listener where they meet, if listeners choose among plugins.
  case duplicateRoute(ids: MessageIDs, first: String, second: String, listener: String? = nil)
  /// A listener chooses a plugin that the server does not have.
  case pluginNotFound(String, listener: String)
  /// A plugin has refused its new settings, or cannot go on with them.
  case settingsRefused(plugin: String, reason: String)
  /// The host of the configuration has no address and will have none; `reason` is the resolver's.
  case hostNotFound(host: String, reason: String)
  /// The resolver cannot say for the moment which addresses the host has; `reason` is the resolver's.
  case hostUnresolved(host: String, reason: String)
  /// The port cannot be listened on; `code` is the `errno` of `call`. With `EADDRNOTAVAIL` no address of the host is this machine's.
  case cannotListen(address: String, call: String, code: Int32)
  /// Another process listens on the UNIX socket already; `by` is who, as far as this process may know.
  case addressHeld(address: String, by: PeerCredentials?)
  /// Two listeners of a configuration have one name.
  case duplicateListener(name: String)
  /// Sockets were handed over for a listener that the configuration does not have, as it was changed since they were opened.
  case listenerNotFound(name: String)
  /// A listener with TLS cannot be opened with the files that it has.
  case badCertificate(listener: String, TLSFault)
  /// A resource of the system ran out at start; `code` is the `errno` of `call`.
  case systemCallFailed(call: String, code: Int32)
  /// A limit of the process, by its name in setrlimit(2), is lower than what the configuration takes at least.
  case limitTooLow(name: String, limit: UInt64, needed: UInt64)
  /// The server was started before, or stopped before it ever was.
  case alreadyStarted
}

/// For a log: in words, also what a plugin throws on.
extension ZinxError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .connectionClosed: "the connection has ended"
    case .sendBufferFull: "the queue of its peer is full (MaxMsgChanLen, MaxConnQueueBytes)"
    case .unencodable(let reason): "what was to be sent is no frame (DataPack): \(reason)"
    case .connectionNotFound(let id): "no live connection has the id \(id)"
    case .userIsBound(let user): "the user \(quotedBriefly(user)) has a connection already"
    case .duplicateRoute(let ids, let first, let second, let listener):
      RouteConflict(ids: ids, first: first, second: second, listener: listener).what
    case .pluginNotFound(let name, let listener):
      "the listener \(quotedBriefly(listener)) has the plugin \(quotedBriefly(name)), which the server does not have"
    case .settingsRefused(let plugin, let reason): "the plugin \"\(plugin)\" refuses its new settings: \(reason)"
    case .hostNotFound(let host, let reason): "cannot find the host \(quotedBriefly(host)): \(reason)"
    case .hostUnresolved(let host, let reason): "cannot find the host \(quotedBriefly(host)) for the moment: \(reason)"
    case .cannotListen(let address, let call, let code):
      "cannot listen on \(address): \(call): \(String(cString: strerror(code)))"
    case .addressHeld(let address, let holder):
      "cannot listen on \(address): another process listens there (\(holder.map { "\($0)" } ?? "nothing known of it"))"
    case .duplicateListener(let name): "two listeners have the name \(quotedBriefly(name))"
    case .listenerNotFound(let name): "sockets are for a listener \(quotedBriefly(name)), which the configuration does not have"
    case .badCertificate(let listener, let fault): "the listener \(quotedBriefly(listener)) cannot speak TLS: \(fault)"
    case .systemCallFailed(let call, let code): "\(call): \(String(cString: strerror(code)))"
    case .limitTooLow(let name, let limit, let needed): "\(name) is \(limit), but at least \(needed) are needed"
    case .alreadyStarted: "the server was started before, or stopped before it ever was"
    }
  }
}
