import Logging
import Systemd
import Zinx
import ZinxConfig
import ZinxControl
import ZinxIO

/// Does what comes by the control socket, on the thread of the client that asks: a look at the server, or a hand on it.
struct Controller: Sendable {
  let server: Server
  let status: Status
  let watch: HealthWatch
  let reloader: Reloader
  let supervision: Supervision
  let upgrader: Upgrader
  let output: LogOutput
  let log: Logger
  let version: String
  let drains: OperatorDrain
  let focus: LogFocusTable

  /// Answers a request. `write` returns false when nobody takes the answer any more; without a line it only says whether somebody does.
  func answer(_ request: ControlRequest, _ peer: ControlPeer, _ write: (String?) -> Bool) {
    do throws(ControlError) {
      switch request.command {
      case .connections(let selection): try list(selection, request.id, write)
      case .trace(let tracing): try trace(tracing, request.id, peer, write)
      case .upgrade(let upgrade): try self.upgrade(upgrade, request.id, peer, write)
      case .closed(let limit):
        let ended = server.recentlyEnded
        send(request.id, "closed", ended.prefix(limit ?? ended.count).lazy.map(\.json), write)
      case .groups:
        let groups = server.groups.all.map { (name: $0.name, members: $0.count) }.sorted { $0.name < $1.name }
        send(
          request.id, "groups", groups.lazy.map { ["name": .string($0.name), "node": node, "members": .count($0.members)] }, write
        )
      case .users:
        let users = server.users.all.sorted()
        send(
          request.id, "users",
          users.lazy.map { ["name": .string($0), "node": node, "connections": .count(server.users[$0].count)] }, write)
      case .routes: send(request.id, "routes", server.routes.lazy.map(\.json), write)
      case .plugins:
        let metrics = server.pluginMetrics
        send(request.id, "plugins", server.runningPlugins.lazy.map { $0.json(metrics) }, write)
      default: _ = write(ControlProtocol.answer(request.id, try result(of: request, peer)).description)
      }
    } catch { _ = write(ControlProtocol.answer(request.id, error).description) }
  }

  /// The node whose users and groups are told; null where the server is connected to no others.
  private var node: JSON { .text(server.users.node) }

  private func send(_ id: JSON, _ name: String, _ elements: some Sequence<JSON>, _ write: (String?) -> Bool) {
    var elements = elements.makeIterator()
    withoutActuallyEscaping({ elements.next() }) { next in
      for line in ControlPages(id, name, next) where !write(line) { return }
    }
  }

  private func result(of request: ControlRequest, _ peer: ControlPeer) throws(ControlError) -> JSON {
    switch request.command {
    case .status: return report
    case .health: return health
    case .show(let id): return try connection(id).snapshot.detail
    case .close(let closing): return try close(closing, peer)
    case .send(let sending), .broadcast(let sending): return try send(sending, peer)
    case .drain(let draining): return try drain(draining, peer)
    case .resume:
      if status.isDraining { throw ControlError(.draining, "the daemon ends: it accepts nobody any more") }
      tell("accepts again", peer)
      drains.callOff()
      server.resume()
      return ["draining": false]
    case .reload: return try reload(peer)
    case .set(let key, let value): return try set(key, value, peer)
    case .log(let level, let subject): return try setLevel(level, subject, peer)
    case .connections, .trace, .upgrade, .closed, .groups, .users, .routes, .plugins: return [:]
    }
  }

  static func counted(_ count: Int) -> String { count == 1 ? "1 connection" : "\(count) connections" }

  /// What changes is a line in the log, with who has asked for it.
  func tell(_ what: String, _ peer: ControlPeer) {
    log.notice(
      "control: \(what) (\(peer))",
      metadata: ["MESSAGE_ID": "\(LifecycleMessage.controlled.rawValue)", "peer": "\(peer.address)"])
  }

  // MARK: Connections

  private func connection(_ id: UInt64) throws(ControlError) -> Connection {
    do throws(ZinxError) { return try server.connManager.get(id) } catch {
      throw ControlError(.notFound, "there is no connection \(id)")
    }
  }

  /// In order of the ids unless told otherwise. What is looked at is each connection by itself when its place in the answer comes.
  private func list(_ selection: ControlRequest.Selection, _ id: JSON, _ write: (String?) -> Bool) throws(ControlError) {
    let limit = selection.limit ?? .max
    if let order = selection.order {
      let sorted = server.connections(order, of: matching(selection.filter), limit: limit)
      return send(id, "connections", sorted.lazy.map(\.snapshot.json), write)
    }
    var (rest, left) = (server.connManager.all.sorted { $0.id < $1.id }[...], limit)
    let elements = AnyIterator<JSON> {
      while left > 0, let snapshot = rest.popFirst()?.snapshot {
        guard selection.filter?.matches(snapshot.value) ?? true else { continue }
        left -= 1
        return snapshot.json
      }
      return nil
    }
    send(id, "connections", elements, write)
  }

  func matching(_ filter: Filter?) -> [Connection] {
    let all = server.connManager.all
    guard let filter else { return all }
    return all.filter { filter.matches($0.snapshot.value) }
  }

  private func close(_ closing: ControlRequest.Closing, _ peer: ControlPeer) throws(ControlError) -> JSON {
    let (connections, missing) = try connections(of: closing.target)
    // Who is on the way out already is none of those that this closes, unless it is to be cut short.
    let targets = connections.filter { closing.atOnce ? !$0.isClosed : !$0.isEnding }
    if !closing.isTrial {
      if !targets.isEmpty { tell("closes \(Self.counted(targets.count))\(closing.atOnce ? " at once" : "")", peer) }
      for connection in targets { connection.kill(reason: "\(peer)", atOnce: closing.atOnce) }
    }
    return [
      "closed": .count(targets.count), "ending": .count(connections.count - targets.count),
      "missing": .array(missing.map { .count($0) }),
    ]
  }

  private func drain(_ draining: ControlRequest.Draining, _ peer: ControlPeer) throws(ControlError) -> JSON {
    let spread = Duration.milliseconds(Int64((draining.spread ?? 0) * 1000))
    let deadline = draining.deadline.map { Duration.milliseconds(Int64($0 * 1000)) }
    let over = draining.spread.map { " over \($0) s" } ?? ""
    let latest = draining.deadline.map { ", those that are left after \($0) s at once" } ?? ""
    tell("accepts nobody any more\(draining.closing ? " and ends all connections\(over)\(latest)" : "")", peer)
    let count = server.connManager.count
    if spread > .zero || deadline != nil {
      do throws(SystemError) { try drains.begin(spread: spread, deadline: deadline, "\(peer)") } catch {
        throw ControlError(.refused, "\(error)")
      }
    } else {
      drains.callOff()
      if draining.closing { server.suspendAndEndConnections() } else { server.suspend() }
    }
    return ["draining": true, "connections": .count(count)]
  }

  // MARK: Settings

  private func reload(_ peer: ControlPeer) throws(ControlError) -> JSON {
    if status.isDraining { throw ControlError(.draining, "the daemon ends: it reads its file no more") }
    tell("reload", peer)
    supervision.announceReload()
    defer { supervision.announceReady() }
    let outcome = reloader.reload()
    if !outcome.problems.isEmpty { throw ControlError(.refused, Self.brief(outcome.problems)) }
    func list(_ lines: [String]) -> JSON { .array(lines.map { .string($0) }) }
    return [
      "applied": list(outcome.applied), "needsRestart": list(outcome.needsRestart), "warnings": list(outcome.warnings),
    ]
  }

  /// As many as a line of the protocol holds with ease; the last one, which says what to do, always.
  private static func brief(_ lines: [String]) -> String {
    let (most, size) = (lines.dropLast(), 16 << 10)
    var text = most.joined(separator: "\n")
    if text.utf8.count > size { text = String(decoding: text.utf8.prefix(size), as: UTF8.self) + " \u{2026}" }
    return (text.isEmpty ? "" : text + "\n") + String((lines.last ?? "").prefix(4096))
  }

  /// A daemon that ends reloads no more.
  private var endOfSettings: String { status.isDraining ? "the daemon ends" : "the next reload" }

  private func set(_ key: String, _ value: JSON, _ peer: ControlPeer) throws(ControlError) -> JSON {
    let change = try reloader.set(key, value)
    tell("\(change.key) is \(change.value) until \(endOfSettings)", peer)
    return [
      "key": .string(change.key), "value": change.value, "before": change.before, "ending": .bool(status.isDraining),
    ]
  }

  private func setLevel(
    _ text: String, _ subject: ControlRequest.LogSubject?, _ peer: ControlPeer
  ) throws(ControlError) -> JSON {
    guard let level = Logger.Level(rawValue: text) else {
      throw ControlError(
        .notFound,
        "there is no level \(JSON.string(text)); there are \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    if let subject { return try focus(subject, level, peer) }
    let before = output.level
    // Told at a level that lets it through, before or after.
    if level > before { tell("logs from \(level) on until \(endOfSettings)", peer) }
    reloader.setLevel(level)
    if level <= before { tell("logs from \(level) on until \(endOfSettings)", peer) }
    return ["level": .string(level.rawValue), "before": .string(before.rawValue)]
  }

  private func focus(
    _ subject: ControlRequest.LogSubject, _ level: Logger.Level, _ peer: ControlPeer
  ) throws(ControlError) -> JSON {
    if case .connection(let id) = subject { _ = try connection(id) }
    guard focus.set(.init(subject: subject, level: level)) else {
      throw ControlError(.refused, "\(LogFocus.mostRules) connections and networks have a level of their own already")
    }
    tell("logs what is about \(subject.text) from \(level) on until \(endOfSettings)", peer)
    return ["level": .string(level.rawValue), "subject": .string(subject.text)]
  }
}
