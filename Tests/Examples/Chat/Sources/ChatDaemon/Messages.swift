import ZinxJSON

/// What peers send and get, by the id of the message. All of it is JSON.
struct Login: JSONPayload { var token: String }
struct Welcome: JSONPayload, Equatable { var user: String }
struct Room: JSONPayload { var room: String }
struct Say: JSONPayload { var room, text: String }
struct Whisper: JSONPayload { var to, text: String }
struct Kick: JSONPayload { var user, reason: String }
struct Said: JSONPayload, Equatable { var from, text: String }
struct Presence: JSONPayload, Equatable { var room, user, event: String }
struct Delivered: JSONPayload, Equatable { var connections: Int }
