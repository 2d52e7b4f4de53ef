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
      let text = local(#""Plugins": {"greeting": {}, "heartbeat": {"Interval": 0.1, "Timeout": 2.1}}"#)
      try await withDaemon(text) { daemon, _ in
        let peer = try await FakePeer.greeted(by: daemon.port())
        let beats = try await peer.readToEnd()
        #expect(beats.starts(with: FakePeer.frame(99_999, "")))
        peer.close()
        try await daemon.line(containing: "connection ended: heartbeat-lost")
      }
    }

    @Test("that lives is kept by a client with a heartbeat, one that hangs is noticed, and found again when it goes on")
    func hangs() async throws {
      try await withDaemon { daemon, folder in
        let port = try await daemon.port()
        let client = try DaemonProcess(
          [
            DaemonProcess.path("zinx-client"), "listen", "--reconnect", "--heartbeat", "0.1", "--heartbeat-timeout", "2.1",
            "--port", "\(port)",
          ], in: folder.path)
        try await client.outputLine(containing: "DoConnection BEGIN...")
        // Four answers, a second apart: longer than the time-out.
        try await client.outputLine(containing: "id=99999", count: 4)
        #expect(client.outputLines.allSatisfy { !$0.contains("heartbeat lost") })
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
      let text = local(#""Plugins": {"heartbeat": {"Interval": 0, "Timeout": 1}}"#)
      let run = try await run("--check", "--config", "zinx.json", files: ["zinx.json": text])
      #expect(run.status == 78)
      #expect(run.errors.first?.contains("Plugins.heartbeat.Timeout is 1, but must be 0, or 2 seconds longer") == true)
    }
  }
}
