import Testing
import ZinxTestKit

extension Daemons {
  @Suite("A DataPack of others in the configuration")
  struct FramingTests {
    private static let frames = #"""
      "DataPack": {"LengthOffset": 2, "LengthSize": 1, "LengthAdjustment": 2, "IdOffset": 1, "IdSize": 1},
      "MaxPacketSize": 64, "Plugins": {"echo": {"MsgID": 16}, "greeting": {}, "heartbeat": {}}
      """#

    @Test("is spoken by the daemon, which says so, and tells what was wrong with a frame")
    func spoken() async throws {
      try await withDaemon(local(Self.frames)) { daemon, _ in
        let port = try await daemon.port()
        _ = try await daemon.line(containing: ", length-field, at most")
        let frame: [UInt8] = [0xA2, 16, 3, 1, 2, 3, 0xAA, 0xBB]
        let peer = try await FakePeer.connect(to: port)
        try await peer.write(frame + frame)
        #expect(try await peer.read(2 * frame.count) == frame + frame)
        try await peer.write([0xA2, 16, 0xFF])
        #expect(try await peer.readToEnd().isEmpty)
        peer.close()
        let line = try await daemon.line(containing: "connection ended: oversize")
        #expect(line.contains("conn num = 0: a frame of 260 bytes, MaxPacketSize is 64 "), "\(line)")
        #expect(line.contains(" length=260 ") && line.contains(" limit=64"), "\(line)")
      }
    }
  }
}
