import Zinx

/// The keys that say who listens where without `Listeners`, as files of Go Zinx do.
enum ShortForm {
  /// Of the listener that is open if nothing is said, and of both.
  private static let first = ["Host", "TcpPort"]
  /// Those that open one for WebSockets.
  static let ofWebSockets = ["Mode", "WsPort", "WsPath"]
  static let certificate = ["CertFile", "PrivateKeyFile"]
  /// Those whose being there is enough to mean a listener; a path of a certificate may be empty.
  static let addresses = first + ofWebSockets
  static let keys = addresses + certificate

  /// What becomes of a key beside `Listeners`.
  static func advice(for key: String) -> String {
    switch asciiLowercased(key) {
    case "mode": "remove it"
    case "wsport": "make it a listener with \"Transport\": \"websocket\""
    case "wspath": "make it the Path of a listener"
    default: "make it the Address of a listener"
    }
  }

  /// What cannot be together in a file without `Listeners`; nil where both ports are open and one, unless the kernel chooses.
  static func problem(of server: ServerConfiguration, at position: SourcePosition?) -> ConfigurationProblem? {
    guard clashes(server) else { return nil }
    return ConfigurationProblem(
      at: position, "TcpPort and WsPort are both \(server.port), and Mode opens both: give one of them another port")
  }

  /// Whether both listeners are to have one port.
  static func clashes(_ server: ServerConfiguration) -> Bool {
    server.endpoints.isEmpty && server.mode == .both && server.port == server.webSocketPort && server.port != 0
  }
}

extension Configuration {
  /// The keys that say who listens where, with listeners of their own or without.
  package static let keysOfListeners = ShortForm.keys + ["Listeners"]
}
