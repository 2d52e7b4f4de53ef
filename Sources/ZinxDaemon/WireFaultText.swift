import Logging
import Zinx
import ZinxWire

/// How the log tells of bytes that were no messages: in words and numbers of ours, for what the peer sent may be anything.
extension WireFault {
  /// To be put behind a line.
  var clause: String {
    let announced = header.map { "message id \($0.id) of \($0.length) bytes announced, MaxPacketSize is \(maxPacketSize)" }
    let whose = codec.flatMap { name in problem.map { "\($0) (codec \(name))" } } ?? problem
    let parts = [announced, whose, looksLike?.clause].compactMap(\.self)
    return parts.isEmpty ? "" : ": " + parts.joined(separator: "; ")
  }

  /// What was wrong with a frame that is not Zinx's.
  private var problem: String? {
    switch error {
    case .oversizeFrame(let length?): "a frame of \(length) bytes, MaxPacketSize is \(maxPacketSize)"
    case .oversizeFrame(nil): "a frame that does not end within MaxPacketSize, which is \(maxPacketSize)"
    case .badFrame(let fault): "\(fault)"
    case .oversize, .truncated, nil: nil
    }
  }

  var fields: Logger.Metadata {
    var fields = looksLike?.fields ?? [:]
    if case .oversizeFrame(let length) = error {
      fields["limit"] = "\(maxPacketSize)"
      if let length { fields["length"] = "\(length)" }
    }
    guard let header else { return fields }
    fields["msgID"] = "\(header.id)"
    fields["length"] = "\(header.length)"
    fields["limit"] = "\(maxPacketSize)"
    return fields
  }
}

extension Lookalike {
  var clause: String {
    switch self {
    case .frames(let pack): "looks like DataPack \(pack.rawValue)"
    case .http: "looks like an HTTP request"
    case .http2: "looks like HTTP/2"
    case .webSocket: "looks like a WebSocket handshake"
    case .tls: "looks like a TLS ClientHello"
    case .proxyV1: "looks like a PROXY header (version 1)"
    case .proxyV2: "looks like a PROXY header (version 2)"
    case .ssh: "looks like SSH"
    case .mqtt: "looks like an MQTT CONNECT"
    }
  }

  /// The same of what came in the place of what stands in front of messages.
  func clause(insteadOf reason: CloseReason) -> String {
    switch (reason, self) {
    case (.tlsFailed, _): "\(clause), without TLS"
    case (.proxyHeader, _): "\(clause), without a PROXY header"
    case (_, .tls): "\(clause), and the listener has no Tls"
    case (_, .proxyV1), (_, .proxyV2): "\(clause), and the listener has no ProxyProtocol"
    case (_, .frames), (_, .ssh), (_, .mqtt): "\(clause), without WebSocket"
    default: clause
    }
  }

  var fields: Logger.Metadata { ["looksLike": "\(self)"] }
}
