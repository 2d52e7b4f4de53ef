import NIOCore
import Zinx

struct Forms: RoutePlugin {
  static let name = "forms"
  static let summary = "Answers with the same id and data, by a handler of the form that is asked for."

  private enum Form: String, CaseIterable {
    case immediate, closure, async, router, actor, isolated, admitting, middleware
  }

  private let form: Form

  init(settings: inout PluginSettings) {
    form = settings.choice("Form", default: .immediate, "how the handler is written")
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
    case .middleware:
      routes.intercept(with: Passing())
      routes.route(3) { request in try request.reply(request.data) }
    }
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
