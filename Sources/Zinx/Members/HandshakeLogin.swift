import ZinxWire

extension RouteRegistrar {
  /// Lets the request by which a client became a WebSocket say who it is: a cookie, a token of the query, a header. As an `OnConnStart`,
  /// before its first message is handled; clients without WebSocket are not asked.
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
  /// - Parameters:
  ///   - second: what happens if the user has another connection; who is refused (``SecondLogin/refuse``) ends as who throws.
  ///   - user: whose connection it is. Nil: nobody's yet; where ``authenticate(_:)`` wants a user, the client may say it by a message. Who
  ///     throws ends the connection with reason ``CloseReason/unauthenticated`` (code 1008), the error being its ``Connection/closeText``.
  ///     The listener has looked at the `Origin` before (``Endpoint/origins``): a cookie says nothing of the page that uses it.
  public mutating func authenticateWebSockets(
    _ second: SecondLogin = .allow, by user: @escaping @Sendable (WebSocketRequest) async throws -> String?
  ) {
    onConnStart { connection in
      guard let request = connection.webSocketRequest else { return }
      do {
        guard let user = try await user(request) else { return }
        try connection.bind(user: user, second)
      } catch { connection.stop(as: .unauthenticated, text: "\(error)") }
    }
  }
}
