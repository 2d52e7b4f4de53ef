import NIOCore
import Testing
import Zinx
import ZinxClient
import ZinxJSON
import ZinxTestKit
import ZinxWire

private struct Move: Payload, Equatable {
  var x, y: Int32

  init(x: Int32, y: Int32) { (self.x, self.y) = (x, y) }

  init(decoding data: inout ByteBuffer) throws {
    guard let (x, y) = data.readMultipleIntegers(endianness: .little, as: (Int32, Int32).self) else {
      throw PayloadError.truncated
    }
    self.init(x: x, y: y)
  }

  func encode(into data: inout ByteBuffer) throws {
    if x == 666 { throw PayloadError.invalid("has no such place") }
    data.writeMultipleIntegers(x, y, endianness: .little)
  }
}

private struct Chat: Codable, JSONPayload, Equatable {
  var from: String
  var text: String
}

private actor World {
  private(set) var place = Move(x: 0, y: 0)

  func move(_ move: Move) -> Move {
    place = Move(x: place.x + move.x, y: place.y + move.y)
    return place
  }
}

/// The forms of typed routes, each of which answers a move with the opposite one under the next id.
private enum Form: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case immediate, immediateVoid, waiting, waitingVoid, isolated, isolatedVoid, deadline, intercepted

  var testDescription: String { rawValue }

  func register(in routes: inout RouteRegistrar) {
    switch self {
    case .immediate: routes.route(5, Move.self, replyID: 6) { move, _ in Move(x: -move.x, y: -move.y) }
    case .immediateVoid: routes.route(5, Move.self) { move, request in try request.reply(6, Move(x: -move.x, y: -move.y)) }
    case .waiting:
      routes.route(5, Move.self, replyID: 6) { move, _ in
        await Task.yield()
        return Move(x: -move.x, y: -move.y)
      }
    case .waitingVoid:
      routes.route(5, Move.self) { move, request in
        try await request.connection.sendBuffMsg(6, Move(x: -move.x, y: -move.y))
      }
    case .isolated: routes.route(5, Move.self, on: World(), replyID: 6) { _, move, _ in Move(x: -move.x, y: -move.y) }
    case .isolatedVoid:
      routes.route(5, Move.self, on: World()) { _, move, request in try request.reply(6, Move(x: -move.x, y: -move.y)) }
    case .deadline:
      routes.route(5...5, Move.self, replyID: 6, deadline: .seconds(600)) { move, _ in
        await Task.yield()
        return Move(x: -move.x, y: -move.y)
      }
    case .intercepted:
      routes.group { group in
        group.intercept(with: Passing())
        group.route(5...9, Move.self, replyID: 6) { move, _ in Move(x: -move.x, y: -move.y) }
      }
    }
  }
}

private struct Passing: Interceptor {
  func intercept(_ request: Request, next: Next) async throws { try await next(request) }
}

@Suite("Typed routes", .timeLimit(.minutes(1)))
struct TypedRouteTests {
  private func frame(_ move: Move, id: UInt32 = 5) -> RawFrame { RawFrame(id, Self.bytes(move)) }

  private static func bytes(_ move: Move) -> [UInt8] {
    [move.x, move.y].flatMap { value in withUnsafeBytes(of: value.littleEndian) { Array($0) } }
  }

  @Test(
    "take a value and answer with one; what cannot be decoded is counted, told once and answered", arguments: pools, Form.allCases
  )
  fileprivate func forms(workers: Int, form: Form) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      form.register(in: &routes)
      routes.onFailure { request, error in try request.reply(400, "\(error)") }
    } use: { server in
      let peer = try server.connect()
      let moves = (0..<100).map { Move(x: $0, y: -$0 * 3) }
      try await peer.send(moves.flatMap { [frame($0), RawFrame(5, "short")] })
      for move in moves {
        let answer = try await peer.frame()
        #expect(answer.id == 6)
        #expect(answer.data == Self.bytes(Move(x: -move.x, y: -move.y)))
        let refusal = try await peer.frame()
        #expect(refusal.id == 400)
        #expect(refusal.text == "the data is no Move: the data ends before the value does")
      }
      #expect(server.server.counters.undecodableMessages == 100)
      #expect(server.server.counters.handlerErrors == 0)
      let told = server.events.all.filter {
        if case .undecodableMessage(_, 5, is UndecodableMessage) = $0 { true } else { false }
      }
      #expect(told.count == 1)
    }
  }

  @Test("without a hook what cannot be decoded has no answer, and the connection stays", arguments: pools)
  func noHook(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: { $0.route(5, Move.self) { move, _ in move } }) { server in
      let peer = try server.connect()
      try await peer.send([RawFrame(5, ""), RawFrame(5, "1234567"), frame(Move(x: 1, y: 2))])
      #expect(try await peer.frame().data == Self.bytes(Move(x: 1, y: 2)))
      #expect(server.server.counters.undecodableMessages == 2)
    }
  }

  @Test("nil is no answer", arguments: pools)
  func optional(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(5, Move.self) { move, _ -> Move? in
        if move.x < 0 { return nil }
        return move
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send([frame(Move(x: -1, y: 0)), frame(Move(x: 1, y: 0))])
      #expect(try await peer.frame().data == Self.bytes(Move(x: 1, y: 0)))
      #expect(server.server.counters.handlerErrors == 0)
    }
  }

  @Test("an answer that cannot be encoded is the handler's failure, and nothing of it is sent", arguments: pools)
  func encodingFails(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(5, Move.self) { move, _ in move }
      routes.onFailure { request, error in try request.reply(500, "\(error)") }
    } use: { server in
      let peer = try server.connect()
      try await peer.send([frame(Move(x: 666, y: 0)), frame(Move(x: 1, y: 0))])
      #expect(try await peer.frame().text == "the data has no such place")
      #expect(try await peer.frame().data == Self.bytes(Move(x: 1, y: 0)))
      #expect(server.server.counters.handlerErrors == 1)
      #expect(server.server.counters.undecodableMessages == 0)
    }
  }

  @Test("values that are kept stay what they are while others are decoded and encoded", arguments: pools)
  func kept(workers: Int) async throws {
    let kept = Recorder<ByteBuffer>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(5, ByteBuffer.self) { data, _ in
        kept.append(data)
        return data
      }
    } use: { server in
      let peer = try server.connect()
      let texts = (0..<500).map { "\($0) " + String(repeating: "x", count: $0 * 7 % 300) }
      for part in 0..<5 {
        let some = texts[(part * 100)..<(part * 100 + 100)]
        try await peer.send(some.map { RawFrame(5, $0) })
        for text in some { #expect(try await peer.frame().text == text) }
      }
      #expect(kept.all.map(\.text) == texts)
    }
  }

  @Test("a hook of a plugin answers for its own routes only", arguments: pools)
  func hookOfPlugin(workers: Int) async throws {
    struct First: RoutePlugin {
      static let name = "first"
      static let summary = "Answers failures."
      init(settings: inout PluginSettings) {}
      func register(in routes: inout RouteRegistrar) {
        routes.route(1, Move.self) { move, _ in move }
        routes.onFailure { request, _ in try request.reply("first") }
      }
    }
    var settings = PluginSettings(plugin: "first", value: nil)
    try await TestServer.run(.test(workers: workers), plugins: [First(settings: &settings)]) { routes in
      routes.route(2, Move.self) { move, _ in move }
      routes.route(3) { try $0.echo() }
    } use: { server in
      let peer = try server.connect()
      try await peer.send([RawFrame(2, ""), RawFrame(1, ""), RawFrame(3, "end")])
      #expect(try await peer.frame().text == "first")
      #expect(try await peer.frame().text == "end")
    }
  }

  @Test("a client asks with a value and gets one, in each codec", arguments: pools)
  func client(workers: Int) async throws {
    let world = World()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(10, Move.self, on: world) { world, move, _ in world.move(move) }
      routes.route(11, String.self, replyID: 12) { text, _ in text.uppercased() }
      routes.route(13, Chat.self) { chat, _ in Chat(from: "server", text: chat.text + "!") }
    } use: { server in
      let client = try await Client.connect(host: "127.0.0.1", port: server.port)
      #expect(try await client.request(10, Move(x: 2, y: 3), as: Move.self) == Move(x: 2, y: 3))
      #expect(try await client.request(10, Move(x: 1, y: -1), as: Move.self) == Move(x: 3, y: 2))
      #expect(try await client.request(11, "hello", as: String.self, replyID: 12) == "HELLO")
      let answer = try await client.request(13, Chat(from: "me", text: "hi"), as: Chat.self)
      #expect(answer == Chat(from: "server", text: "hi!"))
      await #expect(throws: ClientError.undecodableReply(reason: "the data ends before the value does")) {
        try await client.request(11, "short", as: Move.self, replyID: 12)
      }
      await #expect(throws: ClientError.cannotEncode(reason: "the data has no such place")) {
        try await client.request(10, Move(x: 666, y: 0), as: Move.self)
      }
      await client.close()
    }
  }

  @Test("JSON that is none, or lacks a member, is not decoded", arguments: pools)
  func wrongJSON(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(13, Chat.self) { chat, request in try request.reply(chat.text) }
    } use: { server in
      let peer = try server.connect()
      try await peer.send([
        RawFrame(13, ""), RawFrame(13, "{"), RawFrame(13, #"{"from": "me"}"#), RawFrame(13, #"{"from": 1, "text": "x"}"#),
        RawFrame(13, String(repeating: "[", count: 4000)), RawFrame(13, #"{"from": "me", "text": "fine", "more": [1]}"#),
      ])
      #expect(try await peer.frame().text == "fine")
      #expect(server.server.counters.undecodableMessages == 5)
    }
  }
}
