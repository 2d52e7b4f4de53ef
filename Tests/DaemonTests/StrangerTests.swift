import Testing
import ZinxTestKit
import ZinxWire

extension Daemons {
  @Suite("The log of a running daemon")
  struct StrangerTests {
    @Test("says what a peer that speaks something else looks like")
    func strangers() async throws {
      try await withDaemon { daemon, _ in
        let port = try await daemon.port()
        for (id, stranger) in Stranger.all.enumerated() {
          let peer = try await FakePeer.greeted(by: port)
          try await peer.write(stranger.bytes)
          #expect(try await peer.readToEnd().isEmpty)
          peer.close()
          let line = try await daemon.line(containing: " closeReason=oversize connID=\(id) ")
          #expect(line.contains("connection ended: oversize, conn num = 0: message id "))
          #expect(line.contains("MaxPacketSize is 4096; looks like "), "\(stranger)")
          #expect(line.contains(" looksLike=\(stranger.looksLike)"), "\(stranger)")
        }
      }
    }

    @Test("names the DataPack that fits", arguments: DataPack.allCases, DataPack.allCases)
    func orders(_ listener: DataPack, _ client: DataPack) async throws {
      try await withDaemon(local(#""DataPack": "\#(listener.rawValue)""#)) { daemon, _ in
        let port = try await daemon.port()
        let peer = try await FakePeer.connect(to: port)
        try await peer.write(RawFrame(1, "Zinx Client Test Message").bytes(client))
        if listener == client {
          // The greeting and the answer.
          #expect(try await peer.read(29 + 30).count == 59)
        } else {
          _ = try await peer.readToEnd()
        }
        peer.close()
        let line = try await daemon.line(containing: "connection ended: ")
        #expect(line.contains("; looks like DataPack \(client.rawValue) ") == (listener != client), "\(line)")
        #expect(line.contains(" looksLike=\(client.rawValue)") == (listener != client), "\(line)")
        #expect(line.contains(" limit=4096") == (listener != client), "\(line)")
      }
    }

    @Test("says it already of a message without a route")
    func noRoute() async throws {
      try await withDaemon { daemon, _ in
        let peer = try await FakePeer.greeted(by: try await daemon.port())
        try await peer.write(RawFrame(0, "Zinx Client Test Message").bytes(.tlvBigEndian))
        let line = try await daemon.line(containing: "no route for message id 402653184, dropped; looks like DataPack tlv-be ")
        #expect(line.contains(" length=0 "))
        #expect(line.contains(" looksLike=tlv-be "))
        #expect(try await peer.readToEnd().isEmpty)
      }
    }

    @Test("names length and limit of a message that is too long, and suspects nothing else of a good peer")
    func tooLong() async throws {
      try await withDaemon { daemon, _ in
        let peer = try await FakePeer.greeted(by: try await daemon.port())
        #expect(try await peer.ask(0) == "ping...ping...ping")
        try await peer.write(RawFrame.header(0, length: 4097))
        #expect(try await peer.readToEnd().isEmpty)
        peer.close()
        let line = try await daemon.line(
          containing: "connection ended: oversize, conn num = 0: message id 0 of 4097 bytes announced, MaxPacketSize is 4096 ")
        #expect(line.contains(" length=4097 "))
        #expect(!line.contains("looks"))
      }
    }
  }
}
