import Glibc
import NIOCore
import Testing
import ZinxTestKit

extension Daemons {
  @Suite("A daemon with a heartbeat")
  struct HeartbeatTests {
    @Test("answers that of a client, as shipped")
    func answers() async throws {
      try await withDaemon { daemon, _ in
        let peer = try await FakePeer.greeted(by: daemon.port())
        #expect(try await peer.ask(99_999, "heartbeat") == "heartbeat")
      }
    }

    @Test("closes a peer that does not answer, and says why")
    func lost() async throws {
      let text = local(#""Plugins": {"greeting": {}, "heartbeat": {"Interval": 0.1, "Timeout": 0.4}}"#)
      try await withDaemon(text) { daemon, _ in
        let peer = try await FakePeer.greeted(by: daemon.port())
        let beats = try await peer.readToEnd()
        #expect(beats.starts(with: FakePeer.frame(99_999, "")))
        peer.close()
        try await daemon.line(containing: "connection ended: heartbeat-lost")
      }
    }

    @Test("that hangs is noticed by a client with a heartbeat, which comes back when the daemon does")
    func hangs() async throws {
      try await withDaemon { daemon, folder in
        let port = try await daemon.port()
        let client = try DaemonProcess(
          [
            DaemonProcess.path("zinx-client"), "listen", "--reconnect", "--heartbeat", "0.1", "--heartbeat-timeout", "0.5",
            "--port", "\(port)",
          ], in: folder.path)
        try await client.outputLine(containing: "DoConnection BEGIN...")
        daemon.signal(SIGSTOP)
        try await client.outputLine(containing: "heartbeat lost")
        daemon.signal(SIGCONT)
        try await client.outputLine(containing: "DoConnection BEGIN...", count: 2)
        client.signal(SIGINT)
        _ = try await client.exit()
      }
    }

    @Test("does not take a time-out in which nobody can answer")
    func refuses() async throws {
      let text = local(#""Plugins": {"heartbeat": {"Interval": 10, "Timeout": 5}}"#)
      let run = try await run("--check", "--config", "zinx.json", files: ["zinx.json": text])
      #expect(run.status == 78)
      #expect(run.errors.first?.contains("Plugins.heartbeat.Timeout is 5, but must be longer than Interval") == true)
    }
  }
}
