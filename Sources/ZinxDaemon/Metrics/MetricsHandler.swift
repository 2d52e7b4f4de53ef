import NIOCore
import NIOHTTP1

/// What both handlers of a visitor know. The event loop of the metrics alone touches it.
private final class Visit {
  /// Bytes of a request with all of its headers, however they are spread. Browsers send some hundreds, and behind a proxy or with cookies
  /// of others on the same host some thousands.
  static let mostBytes = 16 << 10
  static let mostHeaders = 64
  /// For all of it, from the connect to the end of the answer.
  static let mostTime = TimeAmount.seconds(10)
  /// For the peer to close after the answer.
  static let linger = TimeAmount.seconds(1)

  var received = 0
  var isAnswered = false
}

/// The requests of one visitor: one, and then the connection ends. Whoever asks every few seconds loses nothing by it, and there is no way
/// to keep a place, or to hide a request behind another.
enum MetricsPipeline {
  /// The header lines that are taken: what is beyond has the same answer as what is too long altogether.
  private static var limits: NIOHTTPDecoderLimitConfiguration {
    var limits = NIOHTTPDecoderLimitConfiguration()
    (limits.maxHeaderFieldSize, limits.maxHeaderListSize) = (Visit.mostBytes, Visit.mostBytes)
    limits.maxHeaderFieldCount = Visit.mostHeaders
    return limits
  }

  static func set(up channel: any Channel, _ site: MetricsSite) throws {
    let visit = Visit()
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(VisitLimit(visit))
    try pipeline.addHandler(HTTPResponseEncoder())
    try pipeline.addHandler(
      ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)))
    try pipeline.addHandler(MetricsHandler(site, visit))
  }
}

/// Keeps to the bytes and the time that a visitor has, and drops what it sends after its request.
private final class VisitLimit: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  /// Told to the handler of the request.
  struct TooLong {}

  private let visit: Visit
  private var end: Scheduled<Void>?

  init(_ visit: Visit) { self.visit = visit }

  func channelActive(context: ChannelHandlerContext) {
    end = context.eventLoop.assumeIsolated().scheduleTask(in: Visit.mostTime) { context.close(promise: nil) }
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    end?.cancel()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !visit.isAnswered else { return }
    visit.received += unwrapInboundIn(data).readableBytes
    guard visit.received <= Visit.mostBytes else { return context.fireUserInboundEventTriggered(TooLong()) }
    context.fireChannelRead(data)
  }
}

/// Answers the request of a visitor.
private final class MetricsHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let site: MetricsSite
  private let visit: Visit
  private var head: HTTPRequestHead?

  init(_ site: MetricsSite, _ visit: Visit) { (self.site, self.visit) = (site, visit) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      // Answered at once: a body that never comes would have the visitor wait for nothing.
      let request = Self.request(head, at: context.channel.localAddress)
      if request.hasBody { answer(site.answer(request), to: head, context) }
    case .body: break
    case .end:
      guard let head else { return }
      answer(site.answer(Self.request(head, at: context.channel.localAddress)), to: head, context)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // Of the socket: there is nobody to answer.
    guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
    answer(error == .headerOverflow ? tooLong : MetricsReply(400, "this is no request of HTTP/1.1"), to: nil, context)
  }

  private var tooLong: MetricsReply {
    guard head == nil else { return MetricsReply(413, "a request has no body here") }
    return MetricsReply(431, "a request has \(Visit.mostBytes) bytes and \(Visit.mostHeaders) header lines at most")
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case is VisitLimit.TooLong: answer(tooLong, to: nil, context)
    // The peer sends no more: if that was no request, nothing can follow.
    case ChannelEvent.inputClosed:
      if !visit.isAnswered || isLingering { context.close(promise: nil) }
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  /// The answer has left.
  private var isLingering = false

  private func answer(_ reply: MetricsReply, to request: HTTPRequestHead?, _ context: ChannelHandlerContext) {
    guard !visit.isAnswered else { return }
    visit.isAnswered = true
    var headers = HTTPHeaders([
      ("Content-Type", reply.contentType), ("Content-Length", "\(reply.body.utf8.count)"), ("Connection", "close"),
      ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"), ("Cross-Origin-Resource-Policy", "same-origin"),
      ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"), ("Referrer-Policy", "no-referrer"),
    ])
    for (name, value) in reply.headers.sorted(by: { $0.key < $1.key }) { headers.replaceOrAdd(name: name, value: value) }
    let head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: reply.status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if request?.method != .HEAD {
      context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(string: reply.body)))), promise: nil)
    }
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { _ in self.part(context) }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
  }

  /// A socket that is closed with bytes in it that nobody has read resets the connection, and the answer may be lost: shut down, wait for
  /// the peer to close, for a moment.
  private func part(_ context: ChannelHandlerContext) {
    isLingering = true
    context.close(mode: .output, promise: nil)
    context.eventLoop.assumeIsolated().scheduleTask(in: Visit.linger) { context.close(promise: nil) }
  }

  private static func request(_ head: HTTPRequestHead, at address: NIOCore.SocketAddress?) -> MetricsRequest {
    MetricsRequest(
      method: head.method.rawValue, target: head.uri, hosts: head.headers["host"],
      needsHost: head.version == .http1_1, hasBody: hasBody(head.headers),
      accept: head.headers["accept"].joined(separator: ","), origin: head.headers.first(name: "origin"),
      fetchSite: head.headers.first(name: "sec-fetch-site"), fetchMode: head.headers.first(name: "sec-fetch-mode"),
      isLoopback: address.map(isLoopback) ?? false)
  }

  private static func hasBody(_ headers: HTTPHeaders) -> Bool {
    !headers["transfer-encoding"].isEmpty || headers.first(name: "content-length").map { $0 != "0" } ?? false
  }

  private static func isLoopback(_ address: NIOCore.SocketAddress) -> Bool {
    guard let text = address.ipAddress else { return false }
    return text.hasPrefix("127.") || text == "::1" || text.lowercased().hasPrefix("::ffff:127.")
  }
}
