import Testing
import ZinxTestKit
@testable import ZinxTLS

@Suite struct ContextTests {
  private func problems(_ change: (inout TLSConfiguration) -> Void) -> [String] {
    var configuration = TLSConfiguration.tests()
    change(&configuration)
    let (context, faults) = TLSContext.load(configuration)
    #expect((context == nil) == faults.contains { !$0.isOfTime })
    return faults.map { $0.description.replacing(Certificates.path(""), with: "") }
  }

  @Test func `good files have no fault, and tell when the first certificate ends`() throws {
    let (context, faults) = TLSContext.load(.tests())
    #expect(faults.isEmpty)
    #expect(context?.expiry == 4_733_510_400)
  }

  @Test func `a file that is not there is told by name, and so is every other`() {
    let found = problems {
      $0.certFile = "/nowhere/a.pem"
      $0.privateKeyFile = "/nowhere/a.key"
    }
    #expect(
      found == [
        "CertFile: /nowhere/a.pem: No such file or directory", "PrivateKeyFile: /nowhere/a.key: No such file or directory",
      ])
    #expect(problems { $0.certFile = "/" } == ["CertFile: /: Is a directory"])
  }

  @Test func `a file of something else is told`() {
    #expect(problems { $0.certFile = $0.privateKeyFile } == ["CertFile: server.key: there is no certificate in PEM in it"])
    #expect(problems { $0.privateKeyFile = $0.certFile } == ["PrivateKeyFile: server.pem: there is no private key in PEM in it"])
  }

  @Test func `a certificate behind the first one that is damaged is told`() {
    #expect(
      problems { $0.certFile = Certificates.path("damaged.pem") } == ["CertFile: damaged.pem: a certificate in it is damaged"])
  }

  @Test func `a key that belongs to another certificate is told`() {
    let found = problems { $0.privateKeyFile = Certificates.path("other.key") }
    #expect(found == ["PrivateKeyFile: other.key: the key does not belong to the certificate in server.pem"])
  }

  @Test func `a key of another kind than the certificate's is told, and of which`() {
    let found = problems { $0.privateKeyFile = Certificates.path("rsa.key") }
    #expect(found == ["PrivateKeyFile: rsa.key: the key is one of RSA, and the certificate in server.pem is for one of EC"])
  }

  @Test func `a key with a passphrase is told, and asks nobody for it`() {
    let found = problems { $0.privateKeyFile = Certificates.path("passphrase.key") }
    #expect(found == ["PrivateKeyFile: passphrase.key: the key has a passphrase, and nobody could enter it"])
  }

  @Test func `a certificate outside its time is told, and can be used`() {
    let expired = problems { $0 = .tests("expired") }
    #expect(expired == ["CertFile: expired.pem: expired on 2021-01-01 00:00:00 UTC"])
    #expect(problems { $0 = .tests("future") } == ["CertFile: future.pem: not valid before 2100-01-01 00:00:00 UTC"])
  }

  @Test func `a certificate that ends within two weeks is told, and is no worse for it`() throws {
    let end: Int64 = 4_733_510_400
    let (context, faults) = TLSContext.load(.tests(), at: end - 13 * 86400)
    #expect(faults.map(\.problem) == [.expiresSoon(end)])
    #expect(faults.allSatisfy { $0.isWarning && $0.isOfTime })
    #expect(context?.fault(at: end - 15 * 86400) == nil)
    #expect(
      context?.fault(at: end - 1)?.description
        == "CertFile: \(Certificates.path("server.pem")): expires on 2120-01-01 00:00:00 UTC")
    #expect(context?.fault(at: end)?.problem == .expired(end))
  }

  @Test func `ciphers that OpenSSL does not know are told`() {
    #expect(problems { $0.ciphers = "BOGUS" } == ["Ciphers: \"BOGUS\": no cipher match"])
    #expect(problems { $0.cipherSuites = "BOGUS" } == ["CipherSuites: \"BOGUS\": no cipher match"])
  }

  @Test func `ciphers with which nobody could come in, or that hide nothing, are told`() {
    let reason = "it allows ciphers that do not encrypt, or know no peer"
    #expect(problems { $0.ciphers = "NULL" } == ["Ciphers: \"NULL\": \(reason)"])
    #expect(problems { $0.ciphers = "ECDHE+AESGCM:ADH" } == ["Ciphers: \"ECDHE+AESGCM:ADH\": \(reason)"])
    #expect(problems { $0.ciphers = "PSK+AESGCM" } == ["Ciphers: \"PSK+AESGCM\": none of them can be used with TLS 1.2"])
    let modern = problems {
      $0.ciphers = "PSK+AESGCM"
      $0.minVersion = .v13
    }
    #expect(modern.isEmpty)
  }

  @Test func `what all certificates have in common is told once`() {
    let other = TLSConfiguration.Identity(
      names: ["a"], certFile: Certificates.path("other.pem"), privateKeyFile: Certificates.path("other.key"))
    let found = problems {
      $0.sni = [other]
      $0.ciphers = "BOGUS"
    }
    #expect(found == ["Ciphers: \"BOGUS\": no cipher match"])
  }

  @Test func `a certificate beside the server's own that has expired is a warning`() {
    let found = problems {
      $0.certFile = Certificates.path("chain-expired.pem")
      $0.clientAuth = .require
      $0.clientCAFile = Certificates.path("authorities-expired.pem")
    }
    let reason = "the certificate of CN=localhost in it expired on 2021-01-01 00:00:00 UTC"
    #expect(found == ["CertFile: chain-expired.pem: \(reason)", "ClientCAFile: authorities-expired.pem: \(reason)"])
    var configuration = TLSConfiguration.tests()
    configuration.certFile = Certificates.path("chain-expired.pem")
    #expect(TLSContext.load(configuration).1.allSatisfy { $0.isWarning })
  }

  @Test func `lists of revoked certificates of strangers alone are told`() {
    let found = problems {
      $0.clientAuth = .require
      $0.clientCAFile = Certificates.path("ca.pem")
      $0.crlFile = Certificates.path("stranger-crl.pem")
    }
    #expect(found == ["CrlFile: stranger-crl.pem: no list in it is of an authority in ca.pem"])
  }

  @Test func `the authorities of clients and what they have revoked are told`() {
    let found = problems {
      $0.clientAuth = .require
      $0.clientCAFile = Certificates.path("server.key")
      $0.crlFile = Certificates.path("ca.pem")
    }
    #expect(
      found == [
        "ClientCAFile: server.key: there is no certificate in PEM in it",
        "CrlFile: ca.pem: there is no list of revoked certificates in PEM in it",
      ])
  }

  @Test func `a certificate for other names has to be as good as the first`() {
    let bad = TLSConfiguration.Identity(
      names: ["a"], certFile: Certificates.path("expired.pem"), privateKeyFile: Certificates.path("server.key"))
    #expect(
      problems { $0.sni = [bad] } == [
        "Sni[0].CertFile: expired.pem: expired on 2021-01-01 00:00:00 UTC",
        "Sni[0].PrivateKeyFile: server.key: the key does not belong to the certificate in expired.pem",
      ])
  }

  @Test func `a path among the credentials needs the service's directory`() {
    let found = problems { $0.privateKeyFile = "$CREDENTIALS_DIRECTORY/tls.key" }
    let reason = "CREDENTIALS_DIRECTORY is not set: systemd sets it for a service with LoadCredential="
    #expect(found == ["PrivateKeyFile: $CREDENTIALS_DIRECTORY/tls.key: \(reason)"])
  }

  @Test func `a client's files are looked at too`() {
    var client = TLSClientConfiguration.tests(certificate: "client")
    client.privateKeyFile = Certificates.path("server.key")
    #expect(throws: TLSFault.self) { try TLSContext.load(client) }
    client = .tests()
    client.caFile = "/nowhere"
    #expect(throws: TLSFault(key: "CAFile", file: "/nowhere", problem: .unreadable("No such file or directory"))) {
      try TLSContext.load(client)
    }
  }
}
