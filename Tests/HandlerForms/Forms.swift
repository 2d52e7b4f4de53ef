import NIOCore
import Synchronization
import Zinx
import ZinxWire

struct Forms: RoutePlugin {
  static let name = "forms"
  static let summary = "Answers with the same id and data, by a handler of the form that is asked for."
  static let handover = PluginHandover.stateless

  private enum Form: String, CaseIterable {
    case immediate, closure, async, router, actor, isolated, admitting, middleware, typed
    case typedAsync = "typed-async"
    case group, login
  }

  private let form: Form
  private var authentication = Authentication(ids: [Login.id, Login.open])

  init(settings: inout PluginSettings) {
    form = settings.choice("Form", default: .immediate, "how the handler is written")
    authentication.strikes = settings.integer("Strikes", default: 0, in: 0...1000, "of the form login: see Authentication")
    authentication.failures = settings.integer("Failures", default: 0, in: 0...1000, "likewise")
    authentication.deadline = settings.seconds("Deadline", default: .seconds(10), in: .zero ... .seconds(60), "likewise")
  }

  func register(in routes: inout RouteRegistrar) {
    switch form {
    case .immediate: routes.route(3, to: ImmediateEcho())
    case .closure: routes.route(3) { request in try request.reply(request.data) }
    case .async: routes.route(3) { request in try await request.connection.sendBuffMsg(request.id, request.data) }
    case .router: routes.route(3, to: EchoRouter())
    case .actor:
      let world = World()
      routes.route(3) { request in
        await world.count()
        try request.reply(request.data)
      }
    case .isolated:
      routes.route(3, on: World()) { world, request in
        world.count()
        try request.reply(request.data)
      }
    case .admitting:
      routes.admit { $0.id == 3 }
      routes.route(3) { request in try request.reply(request.data) }
    case .group: Crowd().register(in: &routes)
    case .login: Login(authentication).register(in: &routes)
    case .typed: routes.route(3, Move.self) { move, _ in move }
    case .typedAsync: routes.route(3, Move.self) { move, _ async in move }
    case .middleware:
      routes.intercept(with: Passing())
      routes.route(3) { request in try request.reply(request.data) }
    }
  }
}

/// Most of what a move of a game has, and a rest that is passed on: together the 64 bytes of a message that is measured.
private struct Move: FieldPayload {
  var player: UInt64
  var x, y, z: UInt32
  var flags: UInt32
  var rest: (UInt64, UInt64, UInt64, UInt64, UInt64)

  static var encodedSize: Int { 64 }

  init(from fields: inout FieldReader) {
    player = fields.take()
    (x, y, z) = (fields.take(), fields.take(), fields.take())
    flags = fields.take()
    rest = (fields.take(), fields.take(), fields.take(), fields.take(), fields.take())
  }

  func encode(to fields: inout FieldWriter) {
    fields.put(player)
    fields.put(x)
    fields.put(y)
    fields.put(z)
    fields.put(flags)
    fields.put(rest.0)
    fields.put(rest.1)
    fields.put(rest.2)
    fields.put(rest.3)
    fields.put(rest.4)
  }
}

private struct ImmediateEcho: ImmediateRouter {
  func handleImmediately(_ request: Request) throws -> Bool {
    try request.connection.sendImmediately(request.id, dataOf: request)
  }

  func handle(_ request: Request) async throws {
    try await request.connection.sendBuffMsg(request.id, request.data)
  }
}

private struct EchoRouter: Router {
  func handle(_ request: Request) async throws {
    try await request.connection.sendBuffMsg(request.id, request.data)
  }
}

private struct Passing: Interceptor {
  func intercept(_ request: Request, next: Next) async throws {
    try await next(request)
  }
}

private actor World {
  private var messages = 0

  func count() { messages += 1 }
}

/// A group for `bench/crowd`: id 3 joins it, and what comes with id 4 goes to all of it with id 5. The answer tells how many got it, how many
/// did not, and how many messages were encoded so far.
private final class Crowd: Sendable {
  private struct News: Payload {
    let data: ByteBuffer
    let crowd: Crowd

    init(_ data: ByteBuffer, of crowd: Crowd) { (self.data, self.crowd) = (data, crowd) }
    init(decoding data: inout ByteBuffer) throws { throw PayloadError.invalid("is only sent") }

    func encode(into data: inout ByteBuffer) {
      crowd.encodings.add(1, ordering: .relaxed)
      data.writeImmutableBuffer(self.data)
    }
  }

  private let encodings = Atomic(0)

  func register(in routes: inout RouteRegistrar) {
    routes.route(3) { request in
      try request.connection.groups["crowd"].join(request.connection)
      try request.echo()
    }
    routes.route(4) { [self] request in
      let delivery = try await request.connection.groups["crowd"].broadcast(5, News(request.data, of: self))
      try request.reply("\(delivery.sent) \(delivery.skipped) \(encodings.load(ordering: .relaxed))")
    }
  }
}

/// For those who have logged in alone, for `bench/guards` and `bench/outsiders`: id 1 logs in with a token, 2 is open to everybody, and 3 is
/// not. Both are answered with what they were sent.
private struct Login {
  struct WrongToken: Error {}

  static let id: UInt32 = 1, open: UInt32 = 2
  private static let token = "open sesame"

  private let authentication: Authentication

  init(_ authentication: Authentication) { self.authentication = authentication }

  func register(in routes: inout RouteRegistrar) {
    routes.authenticate(authentication)
    routes.heartbeat(Heartbeat())
    routes.route(Self.id) { request in
      guard String(buffer: request.data) == Self.token else { throw WrongToken() }
      try request.connection.bind(user: "ali")
      try request.echo()
    }
    for id in [Self.open, 3] { routes.route(id) { request in try request.reply(request.data) } }
    routes.onFailure { request, _ in try request.reply(request.data) }
  }
}
