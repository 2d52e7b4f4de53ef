import ZinxTLS

/// How the options of a command name a server: a host and a port, or an address, and what is shown and believed there.
package struct ServerChoice: Sendable, Equatable {
  package static let defaultHost = "127.0.0.1"
  package static let defaultPort: UInt16 = 7777
  /// What is said wherever `--insecure` is given: nobody shall take it for the usual way.
  package static let warning = "--insecure: the server's certificate is not verified, so anybody on the way can be the server"

  package var host: String?
  package var port: UInt16?
  package var address: ServerAddress?
  package var ca: String?
  package var cert: String?
  package var key: String?
  package var serverName: String?
  package var isInsecure = false

  package init() {}

  package var server: ServerAddress { address ?? ServerAddress(host: host ?? Self.defaultHost, port: port ?? Self.defaultPort) }

  package var tls: TLSClientConfiguration {
    var tls = TLSClientConfiguration()
    (tls.caFile, tls.certFile, tls.privateKeyFile) = (ca, cert, key ?? cert)
    (tls.serverName, tls.verifiesServer) = (serverName, !isInsecure)
    return tls
  }

  /// What does not go together, in words.
  package var mistake: String? {
    let mistakes: [(Bool, String)] = [
      (address != nil && (host != nil || port != nil), "--address, or --host and --port: one of them."),
      (port == 0, "--port 0: 1 to 65535."),
      (key != nil && cert == nil, "--key is the key of --cert."),
      (isInsecure && (ca != nil || serverName != nil), "--insecure verifies nothing: without --ca and --server-name."),
      (serverName?.isEmpty == true, "--server-name is a name or an address."),
      (
        !server.isSecure && (ca != nil || cert != nil || serverName != nil || isInsecure),
        "--ca, --cert, --key, --server-name and --insecure are for TLS: see --address (tls://, wss://)."
      ),
    ]
    return mistakes.first { $0.0 }?.1
  }
}
