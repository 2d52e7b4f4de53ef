import Logging

extension LinkLife.Word: CustomStringConvertible {
  var description: String {
    switch self {
    case .connected: "connected to NATS"
    case .back(let time):
      "connected to NATS again, after \(time.components.seconds * 1000 + time.components.attoseconds / 1_000_000_000_000_000) ms"
    case .unreachable(let reason): "no connection to NATS: \(reason); it is tried again and again"
    case .lost(let reason): "NATS is away: \(reason); it is looked for"
    case .trouble(let reason): "NATS: \(reason)"
    }
  }

  var level: Logger.Level {
    switch self {
    case .connected, .back: .notice
    case .unreachable, .lost, .trouble: .warning
    }
  }
}
