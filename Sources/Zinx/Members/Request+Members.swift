/// Who is who, as seen from a request: what its connection has.
extension Request {
  /// The user of the connection; nil without one. Behind ``RouteRegistrar/authenticate(_:)`` there always is one, but for the ids that
  /// peers authenticate by.
  public var user: String? { connection.user }

  /// The users of the server.
  public var users: Users { connection.users }

  /// The groups of the server.
  public var groups: Groups { connection.groups }
}
