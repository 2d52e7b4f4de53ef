import Testing
import ZinxTestKit
import ZinxTLS

@Suite struct IdentityTests {
  @Test(arguments: [
    ("other.test", "other.test"), ("OTHER.test", "other.test"), ("a.wild.test", "other.test"), ("localhost", "localhost"),
    ("a.b.wild.test", "localhost"), ("wild.test", "localhost"),
  ]) func `who asks for a name gets its certificate, and everybody else the first`(_ name: String, _ shown: String) throws {
    var configuration = TLSConfiguration.tests()
    let (certFile, keyFile) = (Certificates.path("other.pem"), Certificates.path("other.key"))
    configuration.sni = [.init(names: ["Other.Test", "*.wild.test"], certFile: certFile, privateKeyFile: keyFile)]
    var client = TLSClientConfiguration.tests()
    client.verifiesServer = false
    let pair = try Pair(configuration, client: client, host: name)
    #expect(pair.shake().server == .done)
    #expect(pair.client.presented == shown)
    #expect(pair.server.info?.serverName == name)
  }

  @Test(arguments: ["localhost", "zinx.test", "127.0.0.1", "::1"])
  func `a client takes a server whose certificate has its name or address`(_ host: String) throws {
    let pair = try Pair(host: host)
    #expect(pair.shake().client == .done)
    #expect(pair.server.info?.serverName == (host.contains(".test") || host == "localhost" ? host : nil))
  }

  @Test func `a client refuses a server with another name`() throws {
    #expect(try Pair(host: "example.test").shake().client == .failed(TLSFailure(reason: verifyFailed("hostname mismatch"))))
    #expect(try Pair(host: "127.0.0.2").shake().client == .failed(TLSFailure(reason: verifyFailed("IP address mismatch"))))
  }

  @Test func `a client refuses a certificate of an authority that it does not know, unless it looks at none`() throws {
    let reason = verifyFailed("unable to get local issuer certificate")
    #expect(try Pair(.tests("stranger")).shake().client == .failed(TLSFailure(reason: reason)))
    var careless = TLSClientConfiguration.tests()
    careless.verifiesServer = false
    #expect(try Pair(.tests("stranger"), client: careless).shake().client == .done)
  }

  @Test func `a client that is known is told to who serves it`() throws {
    let pair = try Pair(.mutual(.require), client: .tests(certificate: "client"))
    #expect(pair.shake().server == .done)
    let certificate = try #require(pair.server.info?.peerCertificate)
    #expect(certificate.subject == "O=Example,CN=device 7")
    #expect(certificate.names == ["device7.test", "urn:device:7", "10.0.0.7"])
    #expect(certificate.fingerprint.count == 64)
  }

  @Test func `a client without a certificate comes in where one is wished, and not where it is required`() throws {
    #expect(try Pair(.mutual(.request)).shake().server == .done)
    let outcome = try Pair(.mutual(.require)).shake().server
    #expect(outcome == .failed(TLSFailure(reason: "peer did not return a certificate")))
  }

  @Test(arguments: [TLSConfiguration.ClientAuth.request, .require])
  func `a client with a certificate of a stranger does not come in`(_ auth: TLSConfiguration.ClientAuth) throws {
    let reason = verifyFailed("unable to get local issuer certificate")
    #expect(
      try Pair(.mutual(auth), client: .tests(certificate: "stranger")).shake().server == .failed(TLSFailure(reason: reason)))
  }

  @Test func `a client whose certificate was revoked does not come in`() throws {
    var configuration = TLSConfiguration.mutual(.require)
    #expect(try Pair(configuration, client: .tests(certificate: "revoked")).shake().server == .done)
    configuration.crlFile = Certificates.path("crl.pem")
    let outcome = try Pair(configuration, client: .tests(certificate: "revoked")).shake().server
    #expect(outcome == .failed(TLSFailure(reason: verifyFailed("certificate revoked"))))
    #expect(try Pair(configuration, client: .tests(certificate: "client")).shake().server == .done)
  }

  @Test func `TLS 1.2 is spoken where it is allowed`() throws {
    var client = TLSClientConfiguration.tests()
    client.maxVersion = .v12
    let pair = try Pair(client: client)
    #expect(pair.shake().server == .done)
    #expect(pair.server.info?.version == "TLSv1.2")
    #expect(pair.server.info?.cipher == "ECDHE-ECDSA-AES256-GCM-SHA384")
    var modern = TLSConfiguration.tests()
    modern.minVersion = .v13
    #expect(try Pair(modern, client: client).shake().server == .failed(TLSFailure(reason: "unsupported protocol")))
  }

  private func verifyFailed(_ reason: String) -> String { "certificate verify failed: \(reason)" }
}
