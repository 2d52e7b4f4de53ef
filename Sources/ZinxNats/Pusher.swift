import NIOCore
import Zinx
import ZinxWire

/// Does what somebody on NATS wants done here. On the thread of the link, one after the other, so that what one sender wants is done in
/// order; none of it waits, but for a bind that other nodes may refuse, which is done beside it.
struct Pusher: Sendable {
  private let connManager: ConnManager
  private let users: Users
  private let groups: Groups
  private let names: PushSubjects
  private let counters: PushCounters

  init(_ context: PluginContext, _ names: PushSubjects) {
    (connManager, users, groups) = (context.connManager, context.users, context.groups)
    (self.names, counters) = (names, PushCounters(context.metrics))
  }

  func take(_ subject: String, _ message: Received, on link: NatsLink) {
    guard let push = Push(subject, names) else { return counters.malformed.add() }
    switch message.header("Zinx-Instance") {
    case .absent: break
    // Ids began at 0 again since.
    case .value(let instance):
      if case .connection = push.target, instance != link.instance { return counters.stale.add() }
    case .unreadable: return counters.malformed.add()
    }
    counters.pushes.add()
    let connections = connections(push.target)
    if case .user = push.target, push.verb == .send, message.header(Whereabouts.header) == .value(Whereabouts.question) {
      guard let reply = message.reply, !connections.isEmpty else { return }
      let answer = Whereabouts.answer(connections.map(\.id), node: names.node)
      return link.tell(reply, [], ByteBuffer(string: answer))
    }
    if push.verb == .bind, message.secondLogin == .refuse, let user = message.text(bytes: 1...1024) {
      return bindAlone(connections, user, message.reply, link)
    }
    guard perform(push.verb, connections, message) else { return counters.malformed.add() }
    // Nodes that have nobody to do it to are not who was asked.
    if !connections.isEmpty, let reply = message.reply { link.tell(reply, [], ByteBuffer(string: "\(connections.count)")) }
  }

  private func bindAlone(_ connections: [Connection], _ user: String, _ reply: String?, _ link: NatsLink) {
    guard let connection = connections.first else { return }
    Task { [counters] in
      var count = 1
      do { try await connection.bindAlone(user: user) } catch {
        counters.refusedBinds.add()
        count = 0
      }
      if let reply { link.tell(reply, [], ByteBuffer(string: "\(count)")) }
    }
  }

  private func connections(_ target: Push.Target) -> [Connection] {
    switch target {
    case .user(let name): users[name]
    case .group(let name): groups[name].members
    case .connection(let id): (try? connManager.get(id)).map { [$0] } ?? []
    case .all: connManager.all
    }
  }

  /// Returns false for a message that does not say what it has to.
  private func perform(_ verb: Push.Verb, _ connections: [Connection], _ message: Received) -> Bool {
    switch verb {
    case .send:
      guard let id = message.id else { return false }
      _ = connections.sendToAll(id, message.data)
    case .close:
      let text = message.text(bytes: 0...200)
      for connection in connections { connection.stop(reason: text) }
    case .join, .leave:
      guard let name = message.text(bytes: 1...1024) else { return false }
      let group = groups[name]
      for connection in connections {
        // One that ends right now joins nothing.
        if verb == .join { _ = try? group.join(connection) } else { group.leave(connection) }
      }
    case .bind:
      guard let user = message.text(bytes: 1...1024), let second = message.secondLogin?.policy else { return false }
      // A refusal, and the end of a connection: who wants to know asks by a request of its own.
      for connection in connections { do { try connection.bind(user: user, second) } catch { counters.refusedBinds.add() } }
    case .replaced:
      let notice = message.id.map { Message(id: $0, data: message.data) }
      for connection in connections { connection.replace(notice: notice) }
    }
    return true
  }
}

/// What is counted of it.
private struct PushCounters: Sendable {
  let pushes, malformed, stale, refusedBinds: PluginCounter

  init(_ metrics: PluginMetrics) {
    pushes = metrics.counter("pushes", "Messages from elsewhere to connections, users and groups of this node.")
    malformed = metrics.counter("malformed_pushes", "Those that do not say what they have to.")
    stale = metrics.counter("stale_pushes", "Those to connections of an earlier run of this node.")
    refusedBinds = metrics.counter("refused_binds", "Connections that could not be bound to a user from elsewhere.")
  }
}

extension Received {
  /// The message id that it names; nil without a good one.
  fileprivate var id: UInt32? {
    guard case .value(let text) = header(Outcome.idHeader), case .id(let id)? = MessageIDs(text) else { return nil }
    return id
  }

  /// The data as printable text; nil if it is none, or has another length.
  fileprivate func text(bytes: ClosedRange<Int>) -> String? {
    let data = data
    guard bytes.contains(data.readableBytes), let text = String(validating: data.readableBytesView, as: UTF8.self),
      text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
    else { return nil }
    return text
  }

  /// What happens to the other connections of a user who is bound; nil for a word that is none.
  fileprivate var secondLogin: SecondLoginWord? {
    switch header("Zinx-Second-Login") {
    case .absent: .allow
    case .value(let word): SecondLoginWord(rawValue: word)
    case .unreadable: nil
    }
  }
}

/// A ``SecondLogin`` as a header says it.
private enum SecondLoginWord: String {
  case allow, refuse, replace

  var policy: SecondLogin {
    switch self {
    case .allow: .allow
    case .refuse: .refuse
    case .replace: .replace(notice: nil)
    }
  }
}
