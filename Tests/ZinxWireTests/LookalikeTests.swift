import Testing
import ZinxTestKit
import ZinxWire

@Suite("What first bytes look like")
struct LookalikeTests {
  static let limit: UInt32 = 4096
  /// A listener that speaks none, as before a TLS handshake, and one of each order.
  static let listeners: [DataPack?] = [nil] + DataPack.allCases
  /// Listener and client that do not agree.
  static let disagreements = DataPack.allCases.flatMap { listener in
    DataPack.allCases.filter { $0 != listener }.map { (listener, $0) }
  }

  /// Ids 0 to 3 have routes.
  private func look(_ bytes: some Sequence<UInt8>, _ listener: DataPack?, limit: UInt32 = Self.limit) -> Lookalike? {
    Array(bytes).withUnsafeBytes {
      Lookalike(firstBytes: $0, listener: listener, maxPacketSize: limit, hasRoute: { $0 <= 3 })
    }
  }

  // MARK: Other protocols

  @Test(
    "a client of another protocol is told by what it sends, from the first bytes on that are evidence", arguments: Stranger.all)
  func strangers(_ stranger: Stranger) {
    for listener in Self.listeners {
      for limit in [0, Self.limit, .max] {
        for count in 0...stranger.bytes.count {
          let seen = look(stranger.bytes.prefix(count), listener, limit: limit)
          if count >= stranger.evidence {
            #expect(seen == stranger.looksLike, "\(count) bytes, \(String(describing: listener)), limit \(limit)")
          } else {
            // A WebSocket is any HTTP request until its line for that has come.
            #expect(seen == nil || stranger.looksLike == .webSocket && seen == .http, "\(count) bytes")
          }
        }
      }
    }
  }

  @Test("what comes behind does not matter", arguments: Stranger.all)
  func whateverFollows(_ stranger: Stranger) {
    for tail in [0, 0x0A, 0x20, 0xFF] as [UInt8] {
      #expect(look(stranger.bytes + Array(repeating: tail, count: 100_000), .ltvLittleEndian) == stranger.looksLike)
    }
  }

  @Test(
    "a request that does not ask for a WebSocket in its headers is plain HTTP",
    arguments: [
      "GET /?Upgrade:websocket HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nX-Upgrade: websocket\r\n\r\n",
      "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n", "GET / HTTP/1.1\r\nUpgrade : websocket\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\nUpgrade: websocket\r\n",
    ])
  func plainRequest(_ text: String) {
    #expect(look(text.utf8, .ltvLittleEndian) == .http)
  }

  @Test(
    "bytes that resemble a protocol are not taken for it",
    arguments: [
      Array("get / HTTP/1.1\r\n".utf8), Array("GETAWAY/".utf8), Array("PRIMROSE".utf8), Array("PROXYTCP4".utf8),
      Array("PROXY FOR YOU".utf8), Array("SSH is here".utf8), [0x16, 3, 1, 0xFF, 0xFF, 1, 0, 0], [0x16, 3, 1, 0, 0, 1, 0, 0],
      [0x16, 3, 9, 1, 0, 1, 0, 0], [0x16, 3, 1, 1, 0, 2, 0, 0], [0x16, 3, 1, 1, 0, 1, 9, 9], [0x17, 3, 3, 1, 0, 1, 0, 0],
      [0x10, 0x0C, 0, 4] + Array("MQTP____".utf8), [0x20, 0x0C, 0, 4] + Array("MQTT____".utf8),
      [0x10, 0x80, 0x80, 0x80, 0x80, 1, 0, 4] + Array("MQTT".utf8), [13, 10, 13, 10, 13, 10, 13, 10],
    ])
  func resemblance(_ bytes: [UInt8]) {
    for listener in Self.listeners { #expect(look(bytes, listener) == nil) }
  }

  // MARK: Other orders of the header

  @Test(
    "a client of another order is told by its first message, whole or in the company of others", arguments: Self.disagreements)
  func orders(_ listener: DataPack, _ client: DataPack) {
    for id: UInt32 in 0...3 {
      for text in ["ping...ping...ping", "Zinx Client Test Message", String(repeating: "x", count: 300)] {
        let message = RawFrame(id, text).bytes(client)
        let following = [
          [], message, message + message.prefix(3), message + message.prefix(9), RawFrame(77, "more").bytes(client),
        ]
        for tail in following { #expect(look(message + tail, listener) == .frames(client), "id \(id), \(text.count) bytes") }
      }
    }
  }

  @Test(
    "of numbers with their bytes the other way round the header is enough",
    arguments: Self.disagreements.filter { $0 == .tlvBigEndian || $1 == .tlvBigEndian })
  func header(_ listener: DataPack, _ client: DataPack) {
    let message = RawFrame(1, "Zinx Client Test Message").bytes(client)
    for count in 0...message.count {
      let seen = look(message.prefix(count), listener)
      // With one byte behind it the header is a whole message in the other order of the fields, too.
      let isEither = count == DataPack.headerLength + 1 && listener == .tlvBigEndian
      if count >= DataPack.headerLength, !isEither {
        #expect(seen == .frames(client), "\(count) bytes")
      } else {
        #expect(seen == nil)
      }
    }
  }

  @Test("of fields that changed places the whole message is needed, for a header says either", arguments: [false, true])
  func places(_ isMirrored: Bool) {
    let (listener, client): (DataPack, DataPack) =
      isMirrored ? (.tlvLittleEndian, .ltvLittleEndian) : (.ltvLittleEndian, .tlvLittleEndian)
    let message = RawFrame(2, "ping...ping...ping").bytes(client)
    for count in 0..<message.count { #expect(look(message.prefix(count), listener) == nil, "\(count) bytes") }
    #expect(look(message, listener) == .frames(client))
  }

  @Test(
    "an id without a route is told too, where the numbers leave no doubt",
    arguments: Self.disagreements.filter { $0 == .tlvBigEndian || $1 == .tlvBigEndian })
  func withoutRoute(_ listener: DataPack, _ client: DataPack) {
    #expect(look(RawFrame(900, [UInt8](repeating: 0x61, count: 5)).bytes(client), listener) == .frames(client))
  }

  @Test("an empty message to a route is told by the bytes of its id", arguments: [DataPack.ltvLittleEndian, .tlvLittleEndian])
  func empty(_ listener: DataPack) {
    #expect(look(RawFrame(3).bytes(.tlvBigEndian), listener) == .frames(.tlvBigEndian))
  }

  @Test("plain bytes on a listener that speaks TLS are told by the order that fits", arguments: DataPack.allCases)
  func beforeTLS(_ client: DataPack) {
    #expect(look(RawFrame(2, "ping...ping...ping").bytes(client), nil) == .frames(client))
    #expect(look(RawFrame(900, "hello").bytes(client), nil) == .frames(client))
  }

  @Test("bytes that fit two orders equally well are neither")
  func ambiguous() {
    for bytes in [[5, 0, 0, 0, 5, 0, 0, 0], [1, 0, 0, 0, 2, 0, 0, 0], [UInt8](repeating: 0, count: 8)] as [[UInt8]] {
      for listener in Self.listeners { #expect(look(bytes, listener) == nil, "\(bytes), \(String(describing: listener))") }
    }
  }

  /// Ids that have routes.
  static let tables: [Set<UInt32>] = [[0, 1, 2, 3], [1], [10, 11, 12, 30], Set(0...20), []]

  @Test(
    "short messages of small ids are told by their order or not at all, and all that are not ambiguous are",
    arguments: listeners, tables)
  func shortMessages(_ listener: DataPack?, _ routes: Set<UInt32>) {
    for client in DataPack.allCases where client != listener {
      for id in 0...20 as ClosedRange<UInt32> {
        for length in 0...64 {
          for data in [Array("ping...pong!".utf8), [0], [0xFF]] {
            let message = RawFrame(id, (0..<length).map { data[$0 % data.count] }).bytes(client)
            let seen = message.withUnsafeBytes {
              Lookalike(firstBytes: $0, listener: listener, maxPacketSize: Self.limit, hasRoute: routes.contains)
            }
            let what = "id \(id), \(length) bytes of \(data[0]), \(client) to \(String(describing: listener))"
            #expect(seen == nil || seen == .frames(client), "\(what)")
            // Zeros behind a header may be empty messages.
            guard data.count > 1, routes.contains(id) else { continue }
            #expect((seen == nil) == Self.isAmbiguous(listener, client, id, UInt32(length), routes), "\(what)")
          }
        }
      }
    }
  }

  /// Whether the header says something else as well: a message that the listener has a route for, or the same in two orders that it does
  /// not speak.
  private static func isAmbiguous(
    _ listener: DataPack?, _ client: DataPack, _ id: UInt32, _ length: UInt32, _ routes: Set<UInt32>
  ) -> Bool {
    if id == 0, length == 0 { return true }
    guard client != .tlvBigEndian else { return false }
    return listener == nil || listener == .tlvBigEndian ? id == length : routes.contains(length)
  }

  @Test("a large MaxPacketSize, which refuses nothing, does not hide a wrong order", arguments: Self.disagreements)
  func largeLimit(_ listener: DataPack, _ client: DataPack) {
    let message = RawFrame(2, "ping...ping...ping").bytes(client)
    #expect(look(message, listener, limit: .max) == .frames(client))
  }
}

@Suite("Messages of the right order look like nothing else")
struct RightOrderTests {
  private func look(_ bytes: [UInt8], _ pack: DataPack, limit: UInt32 = 4096) -> Lookalike? {
    bytes.withUnsafeBytes { Lookalike(firstBytes: $0, listener: pack, maxPacketSize: limit, hasRoute: { $0 <= 3 }) }
  }

  @Test("with a route, whatever their data and whatever follows", arguments: DataPack.allCases)
  func routed(_ pack: DataPack) {
    var random = SplitMix64(seed: 1)
    for round in 0..<2000 {
      let length = Int.random(in: 0...64, using: &random)
      let data = (0..<length).map { _ in round % 2 == 0 ? 0 : UInt8.random(in: .min ... .max, using: &random) }
      let stream = RawFrame(.random(in: 0...3, using: &random), data).bytes(pack) + data
      for count in 0...stream.count { #expect(look(Array(stream.prefix(count)), pack) == nil, "\(stream) cut at \(count)") }
    }
  }

  @Test("without a route", arguments: DataPack.allCases)
  func withoutRoute(_ pack: DataPack) {
    for id in [4, 77, 900, 65535, 65536, 70_000, 0x0002_0001, 0x1234_5678, .max] as [UInt32] {
      for text in ["", "?", "hello", "Zinx Client Test Message", String(repeating: "\0", count: 40)] {
        let message = RawFrame(id, text).bytes(pack)
        for stream in [message, message + message, message + RawFrame(id &+ 1, "x").bytes(pack), Array(message.prefix(8))] {
          #expect(look(stream, pack) == nil, "id \(id), \(text.count) bytes")
        }
      }
    }
  }

  @Test("that are longer than allowed", arguments: DataPack.allCases)
  func tooLong(_ pack: DataPack) {
    for id in [0, 3, 4, 77, 900, 70_000] as [UInt32] {
      for length in [4097, 5000, 8192, 65535, 65536, 100_000, 1 << 20, 1 << 24, .max] as [UInt32] {
        let header = RawFrame.header(id, length: length, pack)
        for byte in [0x61, 0, 0xFF] as [UInt8] {
          // The header of 16 MiB for id 0 or 1 is that of a short message, too, until more of it is there.
          for count in [0, 3, 500, 1460, 65_536] where count > 3 || length < 1 << 24 {
            let stream = header + [UInt8](repeating: byte, count: count)
            #expect(look(stream, pack) == nil, "id \(id), \(length) bytes of \(byte), \(count) there")
          }
        }
      }
    }
  }

  @Test("and neither do random bytes", arguments: DataPack.allCases)
  func noise(_ pack: DataPack) {
    var random = SplitMix64(seed: 2)
    for _ in 0..<20_000 {
      let noise = (0..<24).map { _ in UInt8.random(in: .min ... .max, using: &random) }
      #expect(look(noise, pack) == nil, "\(noise)")
    }
  }
}
