/// What is registered for one id, or for several.
///
/// A request is tried in a plain call first. What has to wait goes on in the task of its batch, where one asynchronous call runs all
/// requests that follow one another to the same route. The closures are made where the type of the handler is known, so that it becomes
/// one function with the loop.
///
/// Routes live as long as their server and are not counted on the way of a message.
@usableFromInline
class Route: @unchecked Sendable {
  /// Handles one request.
  @usableFromInline typealias One = nonisolated(nonsending) @Sendable (Request) async throws -> Void
  /// Handles the current request and those that follow it to the same route.
  @usableFromInline typealias All = nonisolated(nonsending) @Sendable (Requests) async -> Void

  let one: One
  let all: All

  @usableFromInline init(one: @escaping One, all: @escaping All) { (self.one, self.all) = (one, all) }

  /// Handles a request without suspending, as far as that is possible. Returns what is left to be run: nil when it is done, the route
  /// itself when nothing is done yet.
  func runImmediately(_ request: inout Request) throws -> Unmanaged<Route>? { .passUnretained(self) }
}

/// A handler that answers most requests in a plain call.
@usableFromInline
final class ImmediateRoute: Route, @unchecked Sendable {
  /// Handles a request without suspending; false, with nothing done, if that is not possible.
  @usableFromInline typealias Attempt = @Sendable (Request) throws -> Bool

  private let attempt: Attempt

  @usableFromInline init(_ attempt: @escaping Attempt, one: @escaping One, all: @escaping All) {
    self.attempt = attempt
    super.init(one: one, all: all)
  }

  override func runImmediately(_ request: inout Request) throws -> Unmanaged<Route>? {
    try attempt(request) ? nil : .passUnretained(self)
  }
}

/// A closure that does not wait. Its requests do, for room in the send queue.
@usableFromInline
final class ImmediateClosureRoute: Route, @unchecked Sendable {
  private let body: @Sendable (Request) throws -> Void

  @usableFromInline
  init(_ body: @escaping @Sendable (Request) throws -> Void) {
    self.body = body
    let one: One = { request in
      await request.connection.waitForRoom()
      try body(request)
    }
    super.init(one: one, all: { await $0.forEach(one) })
  }

  override func runImmediately(_ request: inout Request) throws -> Unmanaged<Route>? {
    guard request.connection.hasRoomForReply else { return .passUnretained(self) }
    try body(request)
    return nil
  }
}

/// A closure that runs isolated to an actor, which the requests that follow one another enter once.
@usableFromInline
final class IsolatedRoute<Isolation: Actor>: Route, @unchecked Sendable {
  @usableFromInline typealias Body = @Sendable (isolated Isolation, Request) throws -> Void

  @usableFromInline
  init(_ isolation: Isolation, _ body: @escaping Body) {
    super.init(
      one: { request in
        await request.connection.waitForRoom()
        try await body(isolation, request)
      },
      all: { requests in
        while await !Self.run(requests, body, isolatedTo: isolation) { await requests.connection.waitForRoom() }
      })
  }

  /// Returns false when it stopped before a request for lack of room in the send queue.
  private static func run(_ requests: Requests, _ body: Body, isolatedTo isolation: isolated Isolation) async -> Bool {
    requests.enter()
    defer { requests.leave() }
    var request = requests.current
    repeat {
      guard request.connection.hasRoomForReply else {
        requests.current = request
        return false
      }
      do { try body(isolation, request) } catch { requests.failed(request, error) }
    } while requests.advanceIsolated(&request)
    return true
  }
}

/// A route behind a check that admits or refuses in a plain call, and so leaves the route as immediate as it is.
final class AdmittingRoute: Route, @unchecked Sendable {
  typealias Check = @Sendable (inout Request) throws -> Bool

  private let admits: Check
  private let inner: Route

  init(_ admits: @escaping Check, before inner: Route) {
    (self.admits, self.inner) = (admits, inner)
    let one: One = { request in
      var request = request
      if try admits(&request) { try await inner.one(request) }
    }
    super.init(one: one, all: { await $0.forEach(one) })
  }

  override func runImmediately(_ request: inout Request) throws -> Unmanaged<Route>? {
    try admits(&request) ? try inner.runImmediately(&request) : nil
  }
}

/// An interceptor's closures, made where its type is known.
@usableFromInline
struct Interception: Sendable {
  @usableFromInline typealias One = nonisolated(nonsending) @Sendable (Request, Interceptor.Next) async throws -> Void
  @usableFromInline typealias All = nonisolated(nonsending) @Sendable (Requests, Interceptor.Next) async -> Void

  private let one: One
  private let all: All

  @usableFromInline init(one: @escaping One, all: @escaping All) { (self.one, self.all) = (one, all) }

  /// The route with the interceptor around it.
  func around(_ inner: Route) -> Route {
    let next = inner.one
    return Route(one: { [one] in try await one($0, next) }, all: { [all] in await all($0, next) })
  }
}
