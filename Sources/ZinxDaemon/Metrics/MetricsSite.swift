import Zinx
import ZinxControl

/// What somebody asks for by HTTP, as far as it matters here.
struct MetricsRequest: Sendable, Equatable {
  var method = "GET"
  /// Path and query; in front of them a client that takes this for a proxy puts scheme and host (RFC 9112, 3.2.2).
  var target = "/metrics"
  /// Every value of `Host`, of which there should be one.
  var hosts: [String] = []
  /// HTTP/1.1, where `Host` has to be.
  var needsHost = false
  /// Bytes follow that nobody has asked for.
  var hasBody = false
  /// The values of `Accept`, joined by commas.
  var accept = ""
  /// What browsers say of the page that asks.
  var origin: String?
  var fetchSite: String?
  var fetchMode: String?
  /// Whether it came in at an address that only this machine reaches, where no other name than its own is right.
  var isLoopback = false
}

/// What is answered.
struct MetricsReply: Sendable, Equatable {
  var status: Int
  var contentType = "text/plain; charset=utf-8"
  var body: String
  /// More headers.
  var headers: [String: String] = [:]

  /// A line that says what is the matter.
  init(_ status: Int, _ line: String) { (self.status, body) = (status, line + "\n") }
}

/// The pages by which metrics and health are asked for. No socket.
struct MetricsSite: Sendable {
  let families: @Sendable () -> [MetricFamily]
  let health: @Sendable () -> Health
  /// The live connections that come first in an order, so many at most.
  let connections: @Sendable (FieldOrder, _ limit: Int) -> [ConnectionSnapshot]
  /// Names by which this machine may be asked at its own address, beside `localhost`.
  var ownNames: [String] = []

  func answer(_ request: MetricsRequest) -> MetricsReply {
    var request = request
    // The host of the target is the one that counts.
    if request.needsHost, request.hosts.isEmpty { return MetricsReply(400, "Host is missing") }
    if let (host, path) = AbsoluteTarget.parts(request.target) { (request.hosts, request.target) = ([host], path) }
    if let refusal = refusal(request) { return refusal }
    guard ["GET", "HEAD"].contains(request.method) else {
      var reply = MetricsReply(405, "only GET and HEAD")
      reply.headers["Allow"] = "GET, HEAD"
      return reply
    }
    guard let page = page(String(request.target.prefix { $0 != "?" })) else {
      return MetricsReply(404, "not found; there are /, /metrics, /connections, /healthz and /readyz")
    }
    if request.hasBody { return MetricsReply(413, "a request has no body here") }
    return page(request)
  }

  private func page(_ path: String) -> ((MetricsRequest) -> MetricsReply)? {
    switch path {
    case "/": { _ in Self.status }
    case "/metrics": metrics
    case "/connections": busiest
    case "/healthz":
      { _ in
        let health = health()
        return MetricsReply(health.isLive ? 200 : 503, health.liveText)
      }
    case "/readyz":
      { _ in
        let health = health()
        return MetricsReply(health.isReady ? 200 : 503, health.readyText)
      }
    default: nil
    }
  }

  private static var status: MetricsReply {
    var reply = MetricsReply(200, "")
    (reply.contentType, reply.body) = ("text/html; charset=utf-8", StatusPage.html)
    reply.headers["Content-Security-Policy"] = StatusPage.policy
    return reply
  }

  private func metrics(_ request: MetricsRequest) -> MetricsReply {
    let format = AcceptHeader.format(request.accept)
    var reply = MetricsReply(200, "")
    (reply.contentType, reply.body) = (format.contentType, OpenMetrics.text(families(), format))
    return reply
  }

  /// Those that do the most, `?sort=` has another order than by what they send.
  private func busiest(_ request: MetricsRequest) -> MetricsReply {
    guard request.isLoopback else { return MetricsReply(403, "connections are told on loopback alone") }
    let order: FieldOrder
    do throws(ControlError) { order = try TopConnections.order(request.target) } catch { return MetricsReply(400, error.message) }
    var reply = MetricsReply(200, TopConnections.json(connections(order, TopConnections.limit)).description)
    reply.contentType = "application/json"
    return reply
  }

  /// What pages of others have a browser ask for, and what comes by a name that somebody else has pointed at this machine (DNS rebinding).
  private func refusal(_ request: MetricsRequest) -> MetricsReply? {
    guard request.hosts.count <= 1 else { return MetricsReply(400, "more than one Host") }
    if request.origin != nil { return MetricsReply(403, "not for pages of others") }
    if let site = request.fetchSite, !["same-origin", "none"].contains(site), request.fetchMode != "navigate" {
      return MetricsReply(403, "not for pages of others")
    }
    if request.isLoopback, let host = request.hosts.first, !isOwn(host) {
      return MetricsReply(403, "Host is none of this machine: ask by its address or as localhost")
    }
    return nil
  }

  private func isOwn(_ host: String) -> Bool {
    guard let name = HostHeader.name(host) else { return false }
    return IPAddress(name) != nil || name == "localhost" || ownNames.contains { $0.lowercased() == name }
  }
}

/// The connections of `/connections`. Nobody is asked for a password, so they are told on loopback alone, where the kernel tells
/// everybody the addresses of peers, and without users, groups and properties: zinxctl tells those to whom it lets in.
enum TopConnections {
  static let limit = 10
  private static let usualOrder = "-received"

  /// By the query of a target.
  static func order(_ target: String) throws(ControlError) -> FieldOrder {
    let query = target.drop { $0 != "?" }.dropFirst()
    let sort = query.split(separator: "&").first { $0.hasPrefix("sort=") }
    let order = try FieldOrder(String(sort?.dropFirst(5) ?? usualOrder[...]))
    guard [.user, .groups].contains(order.field) else { return order }
    throw ControlError(.badFilter, "not in the order of \(order.field.rawValue), which is not told here")
  }

  static func json(_ connections: [ConnectionSnapshot]) -> JSON {
    .array(
      connections.map { connection in
        [
          "id": .count(connection.id), "peer": .string("\(connection.peer)"), "listener": .string(connection.listener),
          "ageSeconds": .seconds(connection.age), "idleSeconds": .seconds(connection.idle),
          "received": .count(connection.messagesReceived), "sent": .count(connection.messagesSent),
          "receivedBytes": .count(connection.bytesReceived), "sentBytes": .count(connection.bytesSent),
          "queuedBytes": .count(connection.queuedBytes),
        ]
      })
  }
}

/// A target with scheme and host in front: `http://127.0.0.1:9117/metrics`.
enum AbsoluteTarget {
  /// Host with port, and path with query, `/` without one; nil for every other form.
  static func parts(_ target: String) -> (host: String, path: String)? {
    let scheme = "http://"
    guard target.count > scheme.count, target.lowercased().hasPrefix(scheme) else { return nil }
    let rest = target.dropFirst(scheme.count)
    let host = rest.prefix { $0 != "/" && $0 != "?" }
    let path = rest[host.endIndex...]
    return (String(host), path.hasPrefix("/") ? String(path) : "/" + path)
  }
}

/// The value of `Host`.
enum HostHeader {
  /// The name or address in front of the port, in lower case and without brackets; nil for what is neither.
  static func name(_ value: String) -> String? {
    if value.hasPrefix("[") {
      guard let end = value.firstIndex(of: "]"), isPort(value[value.index(after: end)...]) else { return nil }
      return value[value.index(after: value.startIndex)..<end].lowercased()
    }
    let name = value.prefix { $0 != ":" }
    guard !name.isEmpty, isPort(value[name.endIndex...]) else { return nil }
    return name.lowercased()
  }

  private static func isPort(_ text: Substring) -> Bool {
    text.isEmpty || text.first == ":" && text.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) }
  }
}

/// The value of `Accept`.
enum AcceptHeader {
  /// The format that is liked best; OpenMetrics where that is not said.
  static func format(_ value: String) -> OpenMetrics.Format {
    var (open, text) = (0.0, 0.0)
    for part in value.split(separator: ",") {
      let fields = part.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
      let quality = fields.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
      switch fields.first {
      case "application/openmetrics-text":
        // Prometheus asks for the versions that it knows, the best first.
        open = max(open, fields.contains { $0.hasPrefix("version=") && $0 != "version=1.0.0" } ? 0 : quality)
      case "text/plain", "text/*", "text/html": text = max(text, quality)
      default: break
      }
    }
    return text > open ? .prometheus : .openMetrics
  }
}
