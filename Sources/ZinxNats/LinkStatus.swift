/// How it stands with the connection to NATS, for those who look.
struct LinkStatus: Sendable, Equatable {
  var state = LinkLife.State.connecting
  /// Where it is connected to, as libnats calls it; nil while it is not.
  var server: String?
  /// Why it is not connected.
  var reason: String?
  /// How often it was connected again.
  var reconnects = 0
}

extension LinkStatus: CustomStringConvertible {
  /// `connected to nats://10.0.0.1:4222, 2 reconnects`; `no connection to NATS: No server available for connection`.
  var description: String {
    switch state {
    case .connected:
      "connected\(server.map { " to \($0)" } ?? "")"
        + (reconnects == 0 ? "" : reconnects == 1 ? ", 1 reconnect" : ", \(reconnects) reconnects")
    case .connecting, .away: "\(Outcome.Failure.away)\(reason.map { ": \($0)" } ?? "")"
    case .ended: "ended"
    }
  }
}
