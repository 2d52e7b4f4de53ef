import Zinx
import ZinxJSON

/// Rooms, messages from one to another, and who is there, for those who have a token.
struct Chat: RoutePlugin {
  static let name = "chat"
  static let summary = "Rooms, presence and direct messages for those who have a token."
  static let isOnByDefault = true
  /// Who is who and in which room is the server's to know: an upgrade keeps logins and rooms.
  static let handover = PluginHandover.stateless

  /// Users by their tokens: `red=mario green=luigi`.
  private let users: [String: String]
  private let admin: String

  init(settings: inout PluginSettings) {
    let tokens = settings.string("Tokens", default: "", "tokens and their users, such as \"red=mario green=luigi\"")
    users = Dictionary(tokens.split(separator: " ").map { pair(String($0)) }) { first, _ in first }
    admin = settings.string("Admin", default: "admin", shown: true, "the user who may kick others")
  }

  func register(in routes: inout RouteRegistrar) {
    login(&routes)
    rooms(&routes)
    routes.route(30, Kick.self) { [admin] kick, request in
      guard request.user == admin else { throw NotAllowed() }
      for connection in request.users[kick.user] { connection.stop(reason: "kicked: \(kick.reason)") }
    }
  }

  /// Nothing but id 1 gets anywhere before the peer has said who it is.
  private func login(_ routes: inout RouteRegistrar) {
    routes.authenticate(Authentication(ids: [1]))
    routes.route(1, Login.self) { [users] login, request in
      guard let user = users[login.token] else { throw NotAllowed() }
      try request.connection.bind(user: user, .replace())
      try request.reply(Welcome(user: user))
    }
    routes.onFailure { request, error in if error is NotAllowed { try request.reply(403, "not allowed") } }
  }

  private func rooms(_ routes: inout RouteRegistrar) {
    routes.route(10, Room.self) { room, request in
      let (connection, group) = (request.connection, request.groups[room.room])
      if try group.join(connection) { try await tell(group, "came", connection) }
    }
    routes.route(11, Say.self) { say, request in
      let group = request.groups[say.room]
      guard group.contains(request.connection) else { throw NotAllowed() }
      try await group.broadcast(21, Said(from: request.user ?? "", text: say.text))
    }
    routes.route(12, Whisper.self) { whisper, request in
      let said = Said(from: request.user ?? "", text: whisper.text)
      return Delivered(connections: try await request.users.send(to: whisper.to, 21, said).sent)
    }
    routes.onConnStop { connection, _ in for room in connection.joinedGroups { try? await tell(room, "left", connection) } }
  }
}

/// Thrown for what a peer may not do; it is told with id 403.
struct NotAllowed: Error {}

/// Tells a room who came or left.
private func tell(_ room: Group, _ event: String, _ connection: Connection) async throws {
  try await room.broadcast(20, Presence(room: room.name, user: connection.user ?? "", event: event), except: connection)
}

private func pair(_ text: String) -> (String, String) {
  let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
  return (parts.first ?? "", parts.last ?? "")
}
