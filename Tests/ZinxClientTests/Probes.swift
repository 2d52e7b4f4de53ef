@testable import ZinxClient

/// What tests wait for inside of a client.
extension Client {
  var hasBacklog: Bool { get async { await connection.hasBacklog } }
  var isReadingPaused: Bool { get async { await connection.isReadingPaused } }
  var unreadBytes: Int { get async { await connection.unread.bytes } }
  var hasReader: Bool { get async { await !connection.readers.isEmpty } }
}

extension Connection {
  fileprivate var hasBacklog: Bool { !outbox.isEmpty }
}
