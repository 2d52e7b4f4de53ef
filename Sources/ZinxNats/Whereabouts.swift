import NIOCore
import Zinx
import ZinxIO

/// Where a user is: the question that a node asks of the others, and their answers.
///
/// The question is a request to the subject of the user, with a header and no message. Only nodes that have the user hear it; where there is
/// none NATS says so at once.
enum Whereabouts {
  static let header: StaticString = "Zinx-Ask"
  static let question = "where"
  /// Connections that an answer names.
  static let longest = 1000

  /// Asks the other nodes.
  ///
  /// - Parameter found: called for each node that has answered, and last with nil.
  static func ask(_ user: String, within time: Duration, _ link: NatsLink, _ found: @escaping @Sendable ([UserPlace]?) -> Void) {
    link.ask(link.names.user(user), [(header, question)], within: time.inNanoseconds) { outcome in
      guard case .answer(let data, _) = outcome else { return found(nil) }
      found(places(data) ?? [])
    }
  }

  /// `NODE ID ID ...`, the node as a subject has it.
  static func answer(_ connections: some Collection<UInt64>, node: String) -> String {
    ([node] + connections.prefix(longest).map { "\($0)" }).joined(separator: " ")
  }

  /// Nil for what is no answer: it is somebody else's word.
  static func places(_ data: ByteBuffer) -> [UserPlace]? {
    let words = data.readableBytesView.prefix(64 << 10).split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard let first = words.first, words.count <= longest + 1,
      let node = SubjectName.decode(String(decoding: first, as: UTF8.self))
    else { return nil }
    let ids = words.dropFirst().compactMap { Push.connectionID(String(decoding: $0, as: UTF8.self)) }
    return ids.count == words.count - 1 ? ids.map { UserPlace(node: node, connection: $0) } : nil
  }
}
