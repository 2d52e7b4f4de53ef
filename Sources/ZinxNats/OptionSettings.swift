import CNats
import Glibc
import Zinx

/// What the operator says of a connection, as libnats takes it.
struct OptionSettings {
  private let options: OpaquePointer
  private let configuration: NatsConfiguration

  init(_ options: OpaquePointer, _ configuration: NatsConfiguration) {
    (self.options, self.configuration) = (options, configuration)
  }

  /// Sets all of it, and then `more`. Files are read: they may be others than at the last time. Returns the first status that is not good.
  func apply(_ more: [() -> natsStatus]) -> natsStatus {
    for step in [servers, identity, security] + more {
      let status = step()
      guard status == NATS_OK else { return status }
    }
    return NATS_OK
  }

  private func servers() -> natsStatus {
    let copies = configuration.servers.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    var pointers = copies.map { UnsafePointer($0) }
    return natsOptions_SetServers(options, &pointers, Int32(clamping: pointers.count))
  }

  private func identity() -> natsStatus {
    if !configuration.credentialsFile.isEmpty {
      return natsOptions_SetUserCredentialsFromFiles(options, configuration.credentialsFile, nil)
    }
    if let token = configuration.token { return natsOptions_SetToken(options, token.text) }
    guard !configuration.user.isEmpty else { return NATS_OK }
    return natsOptions_SetUserInfo(options, configuration.user, configuration.password?.text ?? "")
  }

  private func security() -> natsStatus {
    guard configuration.isSecure else { return NATS_OK }
    var status = natsOptions_SetSecure(options, true)
    if status == NATS_OK, !configuration.caFile.isEmpty {
      status = natsOptions_LoadCATrustedCertificates(options, configuration.caFile)
    }
    if status == NATS_OK, !configuration.certFile.isEmpty {
      status = natsOptions_LoadCertificatesChain(options, configuration.certFile, configuration.privateKeyFile)
    }
    return status
  }
}
