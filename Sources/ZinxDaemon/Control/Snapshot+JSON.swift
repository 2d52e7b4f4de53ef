import Zinx
import ZinxControl
import ZinxTLS

/// Characters of a text, and elements of a list, that a plugin has made: an answer is to be looked at and has to fit into a line.
private let longestText = 1000
private let mostNames = 100

private func brief(_ text: String) -> JSON { .string(String(text.prefix(longestText))) }

private func names(_ names: some Collection<String>) -> JSON { .array(names.prefix(mostNames).map(brief)) }

/// Connections, plugins and routes as the control socket tells them.
extension ConnectionSnapshot {
  /// What a filter may ask.
  func value(of field: Field) -> FieldValue {
    switch field {
    case .id: .number(Double(id))
    case .peer: .address("\(peer)", IPNumber(peer: "\(peer)"))
    case .listener: .text(listener)
    case .user: .text(user)
    case .ageSeconds: .number(age / .seconds(1))
    case .idleSeconds: .number(idle / .seconds(1))
    case .received: .number(Double(messagesReceived))
    case .sent: .number(Double(messagesSent))
    case .queued: .number(Double(queuedMessages))
    case .receivedBytes: .number(Double(bytesReceived))
    case .sentBytes: .number(Double(bytesSent))
    case .queuedBytes: .number(Double(queuedBytes))
    case .worker: .number(worker.map { Double($0) })
    case .groups: .texts(groups)
    case .tls: .flag(tls != nil)
    case .webSocket: .flag(webSocketPath != nil)
    case .busy: .flag(isBusy)
    }
  }

  /// As one of a list.
  var json: JSON {
    [
      "id": .count(id), "peer": .string("\(peer)"), "listener": .string(listener), "user": user.map(brief) ?? .null,
      "ageSeconds": .seconds(age),
      "idleSeconds": .seconds(idle), "received": .count(messagesReceived), "sent": .count(messagesSent),
      "queued": .count(queuedMessages), "receivedBytes": .count(bytesReceived), "sentBytes": .count(bytesSent),
      "queuedBytes": .count(queuedBytes), "worker": worker.map { .count($0) } ?? .null,
      "groups": names(groups),
      "properties": .object(properties.prefix(mostNames).map { JSON.Member($0.name, brief($0.text)) }),
      "tls": .bool(tls != nil),
      "webSocket": .bool(webSocketPath != nil), "busy": .bool(isBusy), "ending": .bool(isEnding),
    ]
  }

  /// With all there is.
  var detail: JSON {
    guard case .object(var members) = json else { return json }
    members.append(JSON.Member("dataPack", .string("\(framing)")))
    members.append(JSON.Member("webSocketPath", .text(webSocketPath)))
    if let tls {
      members.append(JSON.Member("tlsVersion", .string(tls.version)))
      members.append(JSON.Member("tlsCipher", .string(tls.cipher)))
      members.append(JSON.Member("tlsServerName", .text(tls.serverName)))
      members.append(JSON.Member("tlsResumed", .bool(tls.isResumed)))
      members.append(JSON.Member("tlsSubject", .text(tls.peerCertificate?.subject)))
      members.append(JSON.Member("tlsFingerprint", .text(tls.peerCertificate?.fingerprint)))
    }
    return .object(members)
  }
}

extension Server {
  /// Those that come first in an order, `limit` at most, each looked at once more when all have their place.
  func connections(_ order: FieldOrder, limit: Int) -> [ConnectionSnapshot] {
    connections(order, of: connManager.all, limit: limit).map(\.snapshot)
  }

  func connections(_ order: FieldOrder, of all: [Connection], limit: Int) -> [Connection] {
    let keyed = all.map { (key: $0.snapshot.value(of: order.field), connection: $0) }
    return keyed.first(limit) { order.areInOrder($0.key, $1.key) }.map(\.connection)
  }
}

extension Array {
  /// The first ones in an order. Of a few among many the rest is not sorted.
  func first(_ count: Int, by areInOrder: (Element, Element) -> Bool) -> [Element] {
    guard count < self.count / 8 else { return Array(sorted(by: areInOrder).prefix(count)) }
    var first: [Element] = []
    for element in self {
      if first.count == count {
        guard let last = first.last, areInOrder(element, last) else { continue }
        first.removeLast()
      }
      // Behind those that are equal, as one that sorts stably has it.
      first.insert(element, at: first.firstIndex { areInOrder(element, $0) } ?? first.endIndex)
    }
    return first
  }
}

extension EndedConnection {
  var json: JSON {
    let words = [text, fault.map { String($0.clause.drop { ": ".contains($0) }) }].compactMap(\.self).filter { !$0.isEmpty }
    return [
      "id": .count(id), "peer": .string("\(peer)"), "listener": .string(listener), "user": user.map(brief) ?? .null,
      "reason": .string("\(reason)"),
      "text": words.isEmpty ? .null : brief(words.joined(separator: "; ")), "durationSeconds": .seconds(duration),
      "agoSeconds": .seconds(ago), "received": .count(messagesReceived), "sent": .count(messagesSent),
      "receivedBytes": .count(bytesReceived), "sentBytes": .count(bytesSent),
    ]
  }
}

extension RouteInfo {
  var json: JSON {
    [
      "ids": .string("\(ids)"), "plugin": .string(plugin), "messages": .count(messages), "failures": .count(failures),
      "sampledOneIn": .count(Self.sampledOneIn), "handler": handling?.json ?? .null, "queue": queueing?.json ?? .null,
    ]
  }
}

extension Latency {
  fileprivate var json: JSON {
    func seconds(_ time: Duration) -> JSON { .number(time / .seconds(1)) }
    return [
      "samples": .count(count), "p50Seconds": seconds(median), "p99Seconds": seconds(p99), "maxSeconds": seconds(longest),
    ]
  }
}

extension PluginInfo {
  func json(_ metrics: [PluginMetric]) -> JSON {
    [
      "name": .string(name), "summary": .string(summary), "ids": names(ids.map(\.description)),
      "reloadable": .bool(isReloadable),
      "metrics": .object(metrics.filter { $0.plugin == name }.map { JSON.Member($0.name, $0.json) }),
    ]
  }
}

extension PluginMetric {
  fileprivate var json: JSON {
    switch value {
    case .counter(let number): .count(number)
    case .gauge(let number): .number(Double(number))
    case .histogram(let values): ["count": .count(values.count), "sum": .number(values.sum)]
    }
  }
}
