import Glibc
import Testing
import ZinxTestKit

extension Daemons {
  /// Peers here are Python's `ssl` and OpenSSL's own client.
  @Suite("TLS")
  struct TLSTests {
    /// The short form, with files of the tests.
    private static func secure(_ name: String = "server", _ more: String = "") -> String {
      local(
        #""CertFile": "\#(Certificates.path("\(name).pem"))", "PrivateKeyFile": "\#(Certificates.path("\(name).key"))""# + more)
    }

    /// What every script begins with: `connect(context, session)` and `ask(stream, id, data)`, which answers what comes with the id.
    private static let preamble = """
      import socket, ssl, struct, sys
      port, certificates = int(sys.argv[1]), sys.argv[2]
      def context(version=None):
          made = ssl.create_default_context(cafile=certificates + "ca.pem")
          if version: made.minimum_version = made.maximum_version = version
          return made
      def connect(made, session=None, name="localhost"):
          raw = socket.create_connection(("127.0.0.1", port), timeout=20)
          return made.wrap_socket(raw, server_hostname=name, session=session)
      def receive(stream, count):
          data = b""
          while len(data) < count:
              more = stream.recv(count - len(data))
              if not more: raise EOFError
              data += more
          return data
      def ask(stream, id, data=b""):
          stream.sendall(struct.pack("<II", len(data), id) + data)
          while True:
              length, got = struct.unpack("<II", receive(stream, 8))
              answer = receive(stream, length)
              if got == id: return answer

      """

    private static func python(_ script: String, port: UInt16) async throws -> Run {
      let folder = try TestFolder()
      let process = try DaemonProcess(
        ["python3", "-c", preamble + script, "\(port)", Certificates.path("")], environment: [:], in: folder.path)
      let status = try await process.exit().status
      return Run(status: status, output: process.outputLines, errors: process.errorLines)
    }

    @Test("is spoken in both versions, and sessions are resumed; a farewell is answered")
    func versions() async throws {
      try await withDaemon(Self.secure()) { daemon, _ in
        let script = """
          for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
              made, session = context(version), None
              for turn in range(2):
                  stream = connect(made, session)
                  answer = ask(stream, 0)
                  session = stream.session
                  print(stream.version(), stream.session_reused, answer.decode())
                  stream.unwrap()
          """
        let run = try await Self.python(script, port: try await daemon.port())
        #expect(run.errors.isEmpty)
        #expect(
          run.output == ["TLSv1.2 False", "TLSv1.2 True", "TLSv1.3 False", "TLSv1.3 True"].map { "\($0) ping...ping...ping" })
        try await daemon.line(containing: "connection ended: peer-closed, conn num = 0")
      }
    }

    @Test("passes a megabyte in each direction at once")
    func large() async throws {
      try await withDaemon(Self.secure("server", #", "MaxPacketSize": 1000000, "Plugins": {"echo": {"MsgID": 7}}"#)) {
        daemon, _ in
        let script = """
          import os, threading
          stream, data = connect(context()), os.urandom(1000000)
          print(all(ask(stream, 7, data) == data for turn in range(8)))
          """
        let run = try await Self.python(script, port: try await daemon.port())
        #expect(run.errors.isEmpty)
        #expect(run.output == ["True"])
      }
    }

    @Test("shows the certificate for the name, and takes clients that are known")
    func mutual() async throws {
      func path(_ name: String) -> String { Certificates.path(name) }
      let tls = #"""
        "CertFile": "\#(path("server.pem"))", "PrivateKeyFile": "\#(path("server.key"))", "ClientAuth": "require",
        "ClientCAFile": "\#(path("ca.pem"))", "CrlFile": "\#(path("crl.pem"))",
        "Sni": [{"Names": ["other.test"], "CertFile": "\#(path("other.pem"))", "PrivateKeyFile": "\#(path("other.key"))"}]
        """#
      try await withDaemon(#"{"Listeners": [{"Name": "s", "Address": "127.0.0.1:0", "Tls": {\#(tls)}}]}"#) { daemon, _ in
        let line = try await daemon.line(containing: "listens on")
        #expect(line.contains(", ltv-le over TLS"))
        let port = try #require(
          try line.firstMatch(of: Regex(#"127\.0\.0\.1:(\d+)"#))?.output[1].substring.flatMap { UInt16($0) })
        let script = """
          for client, name in ("client", "localhost"), ("client", "other.test"), ("revoked", "localhost"), (None, "localhost"):
              made = context()
              if client: made.load_cert_chain(certificates + client + ".pem", certificates + client + ".key")
              try:
                  stream = connect(made, name=name)
                  answer = ask(stream, 0)
                  print(client, stream.getpeercert()["subjectAltName"][0][1], answer.decode())
              except ssl.SSLError as error:
                  print(client, error.reason)
          """
        let run = try await Self.python(script, port: port)
        #expect(run.errors.isEmpty)
        #expect(
          run.output == [
            "client localhost ping...ping...ping", "client other.test ping...ping...ping",
            "revoked SSLV3_ALERT_CERTIFICATE_REVOKED", "None TLSV13_ALERT_CERTIFICATE_REQUIRED",
          ])
        try await daemon.line(containing: "connection not added: tls-failed: certificate verify failed: certificate revoked")
        let told = try await daemon.line(containing: "connection not added: tls-failed: peer did not return a certificate")
        #expect(told.contains("listener=s peer=127.0.0.1:"))
      }
    }

    @Test("is what OpenSSL's own client expects")
    func openssl() async throws {
      try await withDaemon(Self.secure()) { daemon, folder in
        let command =
          "openssl s_client -connect 127.0.0.1:\(try await daemon.port()) -servername localhost -verify_return_error -brief "
          + "-CAfile \(Certificates.path("ca.pem")) </dev/null 2>&1"
        let client = try DaemonProcess(["sh", "-c", command], environment: [:], in: folder.path)
        #expect(try await client.exit().status == 0)
        #expect(client.outputLines.contains("Verification: OK"))
        #expect(client.outputLines.contains("Protocol version: TLSv1.3"))
      }
    }

    @Test("has the certificates of a reload, which connections outlive; a bad pair changes nothing")
    func reload() async throws {
      let members = #""CertFile": "c.pem", "PrivateKeyFile": "c.key""#
      func write(_ certificate: String, _ key: String, _ folder: TestFolder) throws {
        try folder.write("c.pem", try Repository.text("Tests/Certificates/\(certificate).pem"))
        try folder.write("c.key", try Repository.text("Tests/Certificates/\(key).key"))
      }
      let folder = try TestFolder()
      try write("server", "server", folder)
      try folder.write("zinx.json", local(members))
      let zinxd = try daemon([], in: folder)
      do {
        let port = try await zinxd.port()
        let shows = """
          made = context()
          made.check_hostname = False
          stream = connect(made)
          print(stream.getpeercert()["subject"][0][0][1], ask(stream, 0).decode())
          """
        #expect(try await Self.python(shows, port: port).output == ["localhost ping...ping...ping"])
        try write("other", "other", folder)
        zinxd.signal(SIGHUP)
        try await zinxd.line(containing: "configuration reloaded: nothing changed; certificates were read anew")
        #expect(try await Self.python(shows, port: port).output == ["other.test ping...ping...ping"])
        try write("other", "server", folder)
        zinxd.signal(SIGHUP)
        try await zinxd.line(containing: "c.key: the key does not belong to the certificate in c.pem")
        try await zinxd.line(containing: "reload refused")
        try write("expired", "expired", folder)
        zinxd.signal(SIGHUP)
        try await zinxd.line(containing: "c.pem: expired on 2021-01-01 00:00:00 UTC")
        #expect(try await Self.python(shows, port: port).output == ["other.test ping...ping...ping"])
      } catch {
        try await zinxd.kill()
        throw error
      }
      try await zinxd.kill()
    }

    @Test("is checked without a socket: what would keep it from starting is an error, a certificate out of time a warning")
    func check() async throws {
      let expired = try await run("--check", files: ["zinx.json": Self.secure("expired")])
      #expect(expired.status == 0)
      #expect(expired.output.contains { $0.contains(#"warning: the listener "zinx": Tls: CertFile: "#) && $0.hasSuffix("UTC") })
      let mixed = Self.secure().replacing("server.key", with: "other.key")
      let refused = try await run("--check", files: ["zinx.json": mixed])
      #expect(refused.status == 78)
      #expect(refused.errors.contains { $0.contains("the key does not belong to the certificate in ") })
      let start = try await run(files: ["zinx.json": mixed])
      #expect(start.status == 78)
    }

    @Test("finds its key among the credentials of the service")
    func credentials() async throws {
      let text = Self.secure().replacing(Certificates.path("server.key"), with: "$CREDENTIALS_DIRECTORY/server.key")
      try await withDaemon(text, environment: ["CREDENTIALS_DIRECTORY": Certificates.path("")]) { daemon, _ in
        let run = try await Self.python("print(ask(connect(context()), 0).decode())", port: try await daemon.port())
        #expect(run.output == ["ping...ping...ping"])
      }
      let without = try await Daemons.runWithout(text)
      #expect(without.status == 78)
      #expect(without.errors.contains { $0.contains("CREDENTIALS_DIRECTORY is not set") })
    }
  }

  private static func runWithout(_ text: String) async throws -> Run { try await run(files: ["zinx.json": text]) }
}
