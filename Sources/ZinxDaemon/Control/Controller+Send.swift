import NIOCore
import Zinx
import ZinxControl

/// Messages that an operator sends. Nobody waits for a peer that takes nothing: it does not get the message, and is counted.
extension Controller {
  func send(_ sending: ControlRequest.Sending, _ peer: ControlPeer) throws(ControlError) -> JSON {
    let (connections, missing) = try receivers(sending.audience)
    tell(
      "sends message \(sending.messageID) of \(sending.data.count) bytes to \(name(sending.audience, connections.count))", peer)
    let delivery = connections.sendToAll(sending.messageID, ByteBuffer(bytes: sending.data))
    return [
      "sent": .count(delivery.sent), "skipped": .count(delivery.skipped), "unencodable": .count(delivery.unencodable),
      "gone": .count(connections.count - delivery.sent - delivery.skipped - delivery.unencodable),
      "missing": .array(missing.map { .count($0) }),
    ]
  }

  private func receivers(_ audience: ControlRequest.Sending.Audience) throws(ControlError) -> (
    found: [Connection], missing: [UInt64]
  ) {
    switch audience {
    case .connections(let target): return try connections(of: target)
    case .all: return (server.connManager.all, [])
    case .group(let name):
      let members = server.groups[name].members
      guard !members.isEmpty else { throw ControlError(.notFound, "there is no group \(JSON.string(String(name.prefix(100))))") }
      return (members, [])
    case .user(let name):
      let connections = server.users[name]
      guard !connections.isEmpty else {
        throw ControlError(.notFound, "there is no user \(JSON.string(String(name.prefix(100))))")
      }
      return (connections, [])
    }
  }

  private func name(_ audience: ControlRequest.Sending.Audience, _ count: Int) -> String {
    switch audience {
    case .connections: Self.counted(count)
    case .all: "all \(Self.counted(count))"
    case .group(let name): "the \(count) of group \(JSON.string(String(name.prefix(100))))"
    case .user(let name): "the \(count) of user \(JSON.string(String(name.prefix(100))))"
    }
  }
}
