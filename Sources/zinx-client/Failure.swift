import ArgumentParser
import ZinxClient
import ZinxTLS

/// How the command ends when it does not end well: exit status after sysexits(3), and one line on standard error.
enum Failure {
  /// A reply is missing, or the connection broke.
  static let incomplete = ExitCode(1)
  static let noInput = ExitCode(66)
  static let unavailable = ExitCode(69)
  /// EX_PROTOCOL and EX_NOPERM.
  static let protocolFault = ExitCode(76)
  static let notTrusted = ExitCode(77)
  static let output = ExitCode(74)
  /// As a shell reports what SIGINT ended.
  static let interrupted = ExitCode(130)

  /// Every status with its meaning, for the help and the manual.
  static let meanings: KeyValuePairs = [
    0: "done", incomplete.rawValue: "a reply is missing or not as expected, or the connection broke",
    ExitCode.validationFailure.rawValue: "wrong usage",
    noInput.rawValue: "a file cannot be read", unavailable.rawValue: "the server cannot be reached, or /proc is missing",
    output.rawValue: "standard output cannot be written",
    protocolFault.rawValue: "the server does not speak TLS or WebSocket as the address says",
    notTrusted.rawValue: "the server's certificate is not good, or it does not take this side's",
    interrupted.rawValue: "interrupted by Ctrl-C",
  ]

  /// What the command ends with where no connection came about.
  static func status(of error: ClientError) -> ExitCode {
    guard case .handshakeFailed(_, let fault) = error else { return unavailable }
    switch fault {
    case .file: return noInput
    case .rejected, .certificateWanted, .certificateRefused: return notTrusted
    case .noTLS, .noCommonVersion, .tls, .webSocket, .closed, .silence: return protocolFault
    }
  }

  static func unreachable(_ endpoint: String, _ error: ClientError, isAddress: Bool = false) -> String {
    let reason: String
    switch error {
    case .handshakeFailed(let tried, let fault):
      let place = endpoint.hasSuffix(tried) || endpoint.contains(tried + "/") ? "" : " (\(tried))"
      return "cannot connect to \(endpoint): \(fault)\(place).\(hint(fault))"
    case .connectionFailed(let tried, let why): reason = tried == endpoint ? why : "\(why) (\(tried))"
    default: reason = "\(error)"
    }
    return
      "cannot connect to \(endpoint): \(reason). Is the server running there? See \(isAddress ? "--address" : "--host and --port")."
  }

  /// A connection was there, and the first message on it came to nothing.
  static func unanswered(_ endpoint: String, _ error: ClientError, _ first: FirstMessage?, reply: UInt32?) -> String {
    let what = "\(endpoint): --first, id \(first?.id ?? 0):"
    guard let reply, case .timedOut(let time) = error else { return "\(what) \(error).\(hint(error, hasReceived: false))" }
    return
      "\(what) no message with id \(reply) within \(time). Does the server answer it so? See --first, --first-reply and --pack."
  }

  static func noProc() -> ExitCode {
    Output.complain("/proc is not there, and Swift's runtime needs it. Mount it: mount -t proc proc /proc")
    return unavailable
  }

  static func broken(_ endpoint: String, _ error: ClientError, hasReceived: Bool) -> ExitCode {
    Output.complain("\(endpoint): \(error).\(hint(error, hasReceived: hasReceived))")
    return incomplete
  }

  private static func hint(_ fault: HandshakeFault) -> String {
    switch fault {
    case .file, .tls, .noCommonVersion: ""
    case .rejected(.wrongName(_, _)): " See --server-name."
    case .rejected(.unknownIssuer(_, _)), .rejected(.selfSigned(_)): " See --ca."
    case .rejected: ""
    case .certificateWanted, .certificateRefused: " See --cert and --key."
    case .noTLS, .webSocket, .closed, .silence: " See --address."
    }
  }

  private static func hint(_ error: ClientError, hasReceived: Bool) -> String {
    switch error {
    case .closed(.tlsFailed(let fault)): hint(fault)
    case .closed(.oversize): " The server may speak another header: see --pack."
    case .closed(.heartbeatLost): " The server, or the way to it, hangs; see --heartbeat-timeout."
    case .closed where !hasReceived: " The server may be full, or speak another header: see --pack."
    case .timedOut: " Does the server have a route for this id? See --id, --reply-id and --pack."
    default: ""
    }
  }
}
