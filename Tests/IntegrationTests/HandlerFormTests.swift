import NIOCore
import Testing
import Zinx
import ZinxTestKit

private struct Refused: Error {}

private actor World {
  private(set) var texts: [String] = []

  static let shared = World()

  func add(_ text: String) { texts.append(text) }
  func touch() {}
}

/// The forms in which handlers are written, each an echo under id 5.
private enum Form: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case closure, async, isolated, actor, elsewhere, steps, admitted, intercepted

  var testDescription: String { rawValue }

  func register(in routes: inout RouteRegistrar) {
    let world = World()
    switch self {
    case .closure: routes.route(5) { try $0.reply($0.data) }
    case .async: routes.route(5) { try await $0.connection.sendBuffMsg($0.id, $0.data) }
    case .isolated:
      routes.route(5, on: world) { world, request in
        world.add(request.data.text)
        try request.echo()
      }
    case .actor:
      routes.route(5) { request in
        await world.add(request.data.text)
        try await request.connection.sendBuffMsg(request.id, request.data)
      }
    case .elsewhere: routes.route(5, endElsewhere)
    case .steps: routes.route(5, to: Steps(world: world))
    case .admitted:
      routes.admit { $0.id == 5 }
      routes.route(5) { try $0.reply($0.data) }
    case .intercepted:
      routes.intercept(with: Passing())
      routes.route(5) { try $0.reply($0.data) }
    }
  }
}

private struct Passing: Interceptor {
  func intercept(_ request: Request, next: Next) async throws { try await next(request) }
}

/// Of the kind that does not come back to where it was called: what comes last is the actor's.
@concurrent private func endElsewhere(_ request: Request) async throws {
  try await request.connection.sendBuffMsg(request.id, request.data)
  await World.shared.touch()
}

/// A router whose steps all wait for somebody else.
private struct Steps: Router {
  let world: World

  func preHandle(_ request: Request) async throws { await world.add("before") }
  func handle(_ request: Request) async throws {
    #expect(await world.texts.last == "before")
    await world.add("during")
    try await request.connection.sendBuffMsg(request.id, request.data)
  }
  func postHandle(_ request: Request) async throws {
    #expect(await world.texts.last == "during")
    await world.add("after")
  }
}

@Suite("Forms of handlers", .timeLimit(.minutes(1)))
struct HandlerFormTests {
  @Test("a pipeline is answered whole and in order, also when the peer reads late", arguments: pools, Form.allCases)
  fileprivate func pipeline(workers: Int, form: Form) async throws {
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.maxMsgChanLen = 4
      $0.maxPacketSize = 64 << 10
    }
    try await TestServer.run(configuration, register: form.register) { server in
      // Far more than the kernel keeps for a peer that does not read.
      let frames = (0..<200).map { RawFrame(5, "\($0) " + String(repeating: "x", count: 60_000)) }
      let peer = try server.connect(receiveBuffer: 4096)
      async let sending: Void = peer.send(frames)
      for frame in frames { #expect(try await peer.frame().text == frame.text) }
      try await sending
      #expect(server.server.counters.handlerErrors == 0)
    }
  }

  @Test("the requests of many connections enter an actor one at a time", arguments: [0, 4])
  func shared(workers: Int) async throws {
    let world = World()
    try await TestServer.run(
      .test(workers: workers),
      register: { routes in
        routes.route(5, on: world) { world, request in
          world.add(request.data.text)
          try request.echo()
        }
      }
    ) { server in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<20 {
          let peer = try server.connect()
          group.addTask {
            let frames = (0..<100).map { RawFrame(5, "\(number):\($0)") }
            try await peer.send(frames)
            for frame in frames { #expect(try await peer.frame().text == frame.text) }
          }
        }
        try await group.waitForAll()
      }
      let texts = await world.texts
      #expect(texts.count == 2000)
      for number in 0..<20 {
        #expect(texts.filter { $0.hasPrefix("\(number):") } == (0..<100).map { "\(number):\($0)" })
      }
    }
  }

  @Test("a batch of several forms is answered in order", arguments: pools)
  func mixed(workers: Int) async throws {
    let world = World()
    try await TestServer.run(
      .test(workers: workers),
      register: { routes in
        routes.route(1) { try $0.echo() }
        routes.route(2) { request in
          await Task.yield()
          try request.echo()
        }
        routes.route(3, on: world) { _, request in try request.echo() }
        routes.route(4, echo)
      }
    ) { server in
      let peer = try server.connect()
      let frames = (0..<300).map { RawFrame([1, 1, 2, 3, 3, 9, 4, 2, 1][$0 % 9], "\($0)") }
      try await peer.send(frames)
      for frame in frames where frame.id != 9 { #expect(try await peer.frame().text == frame.text) }
      #expect(server.server.counters.unknownMessages == UInt64(frames.filter { $0.id == 9 }.count))
    }
  }

  @Test("an answer for which there is no room is thrown, and the rest has arrived", arguments: pools)
  func full(workers: Int) async throws {
    let answers = Recorder<ZinxError?>()
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgChanLen = 3 }
    try await TestServer.run(
      configuration,
      register: { routes in
        routes.route(5) { request in
          // Larger than what the kernel takes at once, so that what was sent before stays queued.
          let data = ByteBuffer(repeating: 0, count: 8 << 20)
          for _ in 0..<5 {
            do {
              try request.reply(data)
              answers.append(nil)
            } catch { answers.append(error as? ZinxError) }
          }
        }
      }
    ) { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(5, ""))
      try await answers.wait { $0.count == 5 }
      #expect(answers.all.contains(.sendBufferFull))
      for _ in answers.all.filter({ $0 == nil }) { #expect(try await peer.frame().data.count == 8 << 20) }
    }
  }

  @Test("a check is asked once for each request, refuses by itself or by throwing, and may answer", arguments: pools)
  func check(workers: Int) async throws {
    let asked = Recorder<String>()
    try await TestServer.run(
      .test(workers: workers),
      register: { routes in
        routes.admit { request in
          asked.append(request.data.text)
          switch request.data.text {
          case "no": return false
          case "throw": throw Refused()
          case "answer":
            try request.reply(6, "refused")
            return false
          default: return true
          }
        }
        routes.route(5) { try $0.echo() }
        routes.route(7, echo)
      }
    ) { server in
      let peer = try server.connect()
      try await peer.send([
        RawFrame(5, "a"), RawFrame(7, "b"), RawFrame(5, "no"), RawFrame(7, "no"), RawFrame(5, "throw"), RawFrame(7, "answer"),
        RawFrame(7, "c"), RawFrame(5, "d"),
      ])
      for text in ["a", "b", "refused", "c", "d"] { #expect(try await peer.frame().text == text) }
      #expect(asked.all == ["a", "b", "no", "no", "throw", "answer", "c", "d"])
      #expect(server.server.counters.handlerErrors == 1)
    }
  }

  @Test("a check is asked once also for a request that then waits for room", arguments: pools)
  func checkBeforeWait(workers: Int) async throws {
    let asked = Recorder<String>()
    try await TestServer.run(
      .test(workers: workers) { $0.maxMsgChanLen = 2 },
      register: { routes in
        routes.admit { request in
          asked.append(request.data.text)
          return true
        }
        routes.route(5) { try $0.reply($0.data.text + String(repeating: "x", count: 60_000)) }
      }
    ) { server in
      // Small ones, which come as one batch: they are not read one after the other while the queue is full.
      let frames = (100..<300).map { RawFrame(5, "\($0)") }
      let peer = try server.connect(receiveBuffer: 4096)
      try await peer.send(frames)
      // A fast reader would leave room: it begins when a request waits for some.
      try await until { server.server.counters.sendWaits > 0 }
      for frame in frames { #expect(try await peer.frame().text.prefix(3) == frame.text) }
      #expect(asked.all == frames.map(\.text))
    }
  }

  @Test("checks and interceptors stand around a route in the order of their registration", arguments: pools)
  func order(workers: Int) async throws {
    let log = Recorder<String>()
    struct Noting: Interceptor {
      let log: Recorder<String>
      func intercept(_ request: Request, next: Next) async throws {
        log.append("interceptor")
        try await next(request)
      }
    }
    try await TestServer.run(
      .test(workers: workers),
      register: { routes in
        routes.admit { _ in
          log.append("first")
          return true
        }
        routes.intercept(with: Noting(log: log))
        routes.admit { _ in
          log.append("last")
          return true
        }
        routes.route(5) { request in
          log.append("route")
          try request.echo()
        }
      }
    ) { server in
      let peer = try server.connect()
      #expect(try await peer.exchange(RawFrame(5, "x")).text == "x")
      #expect(log.all == ["first", "interceptor", "last", "route"])
    }
  }
}
