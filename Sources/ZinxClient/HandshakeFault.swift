import ZinxTLS
import ZinxWire

/// Why a server was reached, and no connection came of it: what TLS or WebSocket has to settle first was not.
public enum HandshakeFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// A file of the configuration cannot be used: the key and the reason, such as `CAFile: ca.pem: No such file or directory`.
  case file(String)
  /// The server's certificate is not taken.
  case rejected(ServerRejection)
  /// What the server says is no TLS.
  case noTLS
  /// The server speaks no version of TLS that this side does: older ones than 1.2 are not spoken.
  case noCommonVersion
  /// The server wants a certificate of the client, and has got none.
  case certificateWanted
  /// The server does not take the client's certificate: its reason.
  case certificateRefused(String)
  /// TLS failed otherwise, in OpenSSL's words.
  case tls(String)
  /// What should be a WebSocket is none.
  case webSocket(WebSocketUpgrade.Fault)
  /// The server closed the connection in the middle of it.
  case closed(during: Stage)
  /// The server did not go on with it in the time that there was.
  case silence(during: Stage)

  /// What is settled one after the other.
  public enum Stage: String, Hashable, Sendable {
    case tls = "TLS"
    case webSocket = "WebSocket"
  }

  public var description: String {
    switch self {
    case .file(let reason), .tls(let reason): reason
    case .rejected(let rejection): "\(rejection)"
    case .noTLS: "the server does not speak TLS"
    case .noCommonVersion: "the server speaks neither TLS 1.2 nor 1.3, or none that it allows"
    case .certificateWanted: "the server wants a certificate of the client"
    case .certificateRefused(let reason): "the server does not take the client's certificate: \(reason)"
    case .webSocket(let fault): "\(fault)"
    case .closed(let stage): "the server closed the connection during the handshake of \(stage.rawValue), which it may not speak"
    case .silence(let stage): "the server did not answer the handshake of \(stage.rawValue) in time"
    }
  }
}

extension HandshakeFault {
  /// What a session of a client has ended with.
  init(_ failure: TLSFailure, of session: TLSSession) {
    if let rejection = session.rejection {
      self = .rejected(rejection)
      return
    }
    switch Int(session.failureCode) {
    case Reason.certificateRequired: self = .certificateWanted
    case Reason.handshakeFailure where session.isAskedForCertificate: self = .certificateWanted
    case Reason.badCertificate where session.isAskedForCertificate: self = .certificateWanted
    case Reason.badCertificate, Reason.unsupportedCertificate, Reason.certificateUnknown:
      self = .certificateRefused("it is not good")
    case Reason.certificateRevoked: self = .certificateRefused("it was revoked")
    case Reason.certificateExpired: self = .certificateRefused("it has expired")
    case Reason.unknownAuthority: self = .certificateRefused("its authority is unknown there")
    case Reason.protocolVersion, Reason.unsupportedProtocol: self = .noCommonVersion
    case Reason.wrongVersion, Reason.httpRequest: self = .noTLS
    default: self = .tls(failure.reason)
    }
  }

  /// Numbers of OpenSSL (`sslerr.h`): alerts of the peer are 1000 and more.
  private enum Reason {
    static let handshakeFailure = 1040
    static let badCertificate = 1042, unsupportedCertificate = 1043, certificateRevoked = 1044, certificateExpired = 1045
    static let certificateUnknown = 1046, unknownAuthority = 1048, protocolVersion = 1070, certificateRequired = 1116
    static let httpRequest = 156, unsupportedProtocol = 258, wrongVersion = 267
  }
}
