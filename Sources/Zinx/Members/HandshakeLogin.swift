import ZinxIO
import ZinxWire

extension RouteRegistrar {
  /// Lets the request by which a client becomes a WebSocket say who it is: a cookie, a token of the query, a header. It is asked before the
  /// answer to the request, on the thread of a worker or, without those, of an event loop; clients without WebSocket are not asked.
  ///
  /// <!-- in: struct NotAllowed: Error {}; func serve(_ routes: inout RouteRegistrar, _ sessions: [String: String]) { … } -->
  /// ```swift
  /// routes.authenticateWebSockets(.replace()) { request in
  ///   guard let session = request.cookie("session") ?? request.parameter("token") else { return nil }
  ///   guard let user = sessions[session] else { throw NotAllowed() }
  ///   return user
  /// }
  /// ```
  ///
  /// It has as long as a peer has to authenticate (``Authentication/deadline``; without one as ``ServerConfiguration/frameTimeout``), and is
  /// cancelled then, or when the client goes away. Of several all are asked, in the order of registration.
  ///
  /// - Parameters:
  ///   - second: what happens if the user has another connection; who is refused (``SecondLogin/refuse``) is refused as who throws.
  ///   - user: whose connection it is, before its `OnConnStart`. Nil: nobody's yet; where ``authenticate(_:)`` wants a user, the client may
  ///     say it by a message. Who throws has the request answered by 401, and nothing becomes of the connection: the reason is
  ///     ``CloseReason/unauthenticated`` in the log and the counters, with the error, of which the client learns nothing.
  ///     The listener has looked at the `Origin` before (``Endpoint/origins``): a cookie says nothing of the page that uses it.
  public mutating func authenticateWebSockets(
    _ second: SecondLogin = .allow, by user: @escaping @Sendable (WebSocketRequest) async throws -> String?
  ) {
    note(HandshakeLogin(second: second, user: user))
  }
}

/// Finds out whose connection a WebSocket is: see ``RouteRegistrar/authenticateWebSockets(_:by:)``.
struct HandshakeLogin: Sendable {
  /// A user, and what happens if that has another connection.
  struct Binding: Sendable {
    let user: String
    let second: SecondLogin

    /// Why it would be refused at this moment.
    func fault(in users: Users) -> ZinxError? {
      if case .refuse = second, !users[user].isEmpty { return .userIsBound(user) }
      return nil
    }
  }

  let second: SecondLogin
  let user: @Sendable (WebSocketRequest) async throws -> String?

  /// Whose connection it is, as far as the logins know.
  static func bindings(of request: WebSocketRequest, by logins: [Self], _ users: Users) async throws -> [Binding] {
    var bindings: [Binding] = []
    for login in logins {
      guard let user = try await login.user(request) else { continue }
      if case .refuse = login.second, await !users.where(user, limit: 1).isEmpty { throw ZinxError.userIsBound(user) }
      bindings.append(Binding(user: user, second: login.second))
    }
    return bindings
  }
}

/// The step of an arrival. Event loop only, but for the plugins' code.
extension Arrival {
  /// Asks whose connection it is. The request stands in `webSocket`, and nothing is read until there is an answer.
  func logIn(_ request: WebSocketRequest, by logins: [HandshakeLogin]) {
    life.stepDone()
    life.awaitLogin()
    stepBegins()
    let executor: any TaskExecutor = server.workers.worker(for: UInt64(descriptor)) ?? context.loop
    // Plugins' code may block a worker. It may go on when nobody waits for it any more: then the arrival is over.
    login = Task.detached(executorPreference: executor) { [context, users = server.users] in
      let result: Result<[HandshakeLogin.Binding], any Error>
      do { result = .success(try await HandshakeLogin.bindings(of: request, by: logins, users)) } catch {
        result = .failure(error)
      }
      context.loop.execute { self.loggedIn(request, result) }
    }
  }

  private func loggedIn(_ request: WebSocketRequest, _ result: Result<[HandshakeLogin.Binding], any Error>) {
    login = nil
    guard life.step == .login else { return }
    do {
      let bindings = try result.get()
      for binding in bindings { if let fault = binding.fault(in: server.users) { throw fault } }
      webSocket?.bindings = bindings
      accept(request)
    } catch { refuse(WebSocketRules.Refusal(401, "This is for those who have logged in."), "\(error)") }
    advance()
  }
}

extension Connection {
  /// Is its user's from the beginning. Event loop.
  func bindFromHandshake() {
    guard let bindings = webSocket?.bindings, !bindings.isEmpty else { return }
    webSocket?.bindings = []
    do { for binding in bindings { try bind(user: binding.user, binding.second) } } catch {
      // Somebody else was faster, since the answer.
      stop(as: .unauthenticated, text: "\(error)")
    }
  }
}
