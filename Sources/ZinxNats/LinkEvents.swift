import CNats
import Glibc
import Synchronization
import Zinx
import ZinxIO

/// Why there is no connection, in words.
struct ConnectFault: Error, Equatable { let text: String }

/// What libnats says of one of its connections, on whatever thread it says it, brought to the link's loop.
///
/// libnats has a reference to it from the connect on, which goes with the last that it says: that the connection is closed.
final class LinkEvents: Sendable {
  /// libnats gives up what does not answer for so long (two pings): a NATS that has frozen is away like one that is gone.
  private static let pingInterval: Int64 = 2_000
  private static let connectTimeout: Int64 = 2_000

  private let link: NatsLink
  /// What has come and the link has not taken yet.
  let mail = Mutex<[Received]>([])

  init(_ link: NatsLink) { self.link = link }

  /// Connects, on the link's thread. Waits as long as a connect may take.
  func connect() -> Result<OpaquePointer, ConnectFault> {
    var options: OpaquePointer?
    let own = Unmanaged.passRetained(self)
    var status = natsOptions_Create(&options)
    if status == NATS_OK, let options { status = set(options, own.toOpaque()) }
    defer { natsOptions_Destroy(options) }
    var connection: OpaquePointer?
    if status == NATS_OK { status = natsConnection_Connect(&connection, options) }
    guard status == NATS_OK, let connection else {
      own.release()
      return .failure(ConnectFault(text: Self.reason(status)))
    }
    return .success(connection)
  }

  /// What libnats has noted on the calling thread, which says more than the status: `Authorization Violation`.
  static func reason(_ status: natsStatus) -> String {
    var noted = NATS_OK
    var detail = Substring(nats_GetLastError(&noted).map { String(cString: $0) } ?? "")
    // Where in libnats that was found: `(conn.c:2088): `.
    if detail.hasPrefix("("), let end = detail.firstRange(of: "): ") { detail = detail[end.upperBound...] }
    let text = String(cString: natsStatus_GetText(status))
    return detail.isEmpty || noted != status || text.hasPrefix(detail) ? text : "\(text): \(detail)"
  }

  /// Where a connection goes; nil without one.
  static func server(of connection: OpaquePointer) -> String? {
    var text = [CChar](repeating: 0, count: 512)
    guard natsConnection_GetConnectedUrl(connection, &text, text.count) == NATS_OK else { return nil }
    let url = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return url.isEmpty ? nil : url
  }

  private func set(_ options: OpaquePointer, _ own: UnsafeMutableRawPointer) -> natsStatus {
    let settings = OptionSettings(options, link.configuration)
    return settings.apply([
      { natsOptions_SetName(options, self.link.node) },
      { natsOptions_SetTimeout(options, Self.connectTimeout) },
      { natsOptions_SetPingInterval(options, Self.pingInterval) },
      { natsOptions_SetMaxPingsOut(options, 2) },
      // A connection that is lost is given up, and a new one made. On an event loop libnats would go on with its parser as it was: in the
      // middle of a message that it has a part of, and what the new connection says would be taken for the rest.
      { natsOptions_SetAllowReconnect(options, false) },
      { natsOptions_SetSendAsap(options, true) },
      // What this node publishes for others is done here already.
      { natsOptions_SetNoEcho(options, true) },
      // One thread of libnats for all of its callbacks.
      { natsOptions_UseGlobalMessageDelivery(options, true) },
      { natsOptions_SetEventLoop(options, own, attachSocket, readSocket, writeSocket, detachSocket) },
      { natsOptions_SetDisconnectedCB(options, wasDisconnected, own) },
      { natsOptions_SetClosedCB(options, wasClosed, own) },
      { natsOptions_SetErrorHandler(options, wasTroubled, own) },
    ])
  }

  /// Runs on the loop; at once if that is here.
  fileprivate func onLoop(_ body: @escaping @Sendable (NatsLink) -> Void) {
    if link.loop.isCurrent { body(link) } else { link.loop.execute { [link] in body(link) } }
  }

  func later(_ body: @escaping @Sendable (NatsLink, LinkEvents) -> Void) {
    link.loop.execute { [link] in body(link, self) }
  }

  /// A new socket, on the thread that has connected, under libnats' lock.
  fileprivate func attach(_ socket: natsSock, _ connection: OpaquePointer) -> natsStatus {
    // libnats leaves it open for a program that this process becomes, as at an upgrade, and NATS would wait for that to read.
    _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
    let copy = fcntl(socket, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { return NATS_IO_ERROR }
    let pointer = Int(bitPattern: connection)
    onLoop { link in
      let descriptor = Descriptor(owning: copy)
      // It is alive as long as its socket is watched: libnats detaches it first.
      if let connection = OpaquePointer(bitPattern: pointer) { link.attached(descriptor, connection) }
    }
    return NATS_OK
  }
}

private func events(_ pointer: UnsafeMutableRawPointer?) -> LinkEvents? {
  // What was handed to libnats in `connect`, and is held until it has said that the connection is closed.
  pointer.map { Unmanaged<LinkEvents>.fromOpaque($0).takeUnretainedValue() }
}

/// What libnats noted of a connection, in words.
private func lastError(of connection: OpaquePointer?) -> String {
  var text: UnsafePointer<CChar>?
  guard let connection, natsConnection_GetLastError(connection, &text) != NATS_OK, let text, text.pointee != 0 else {
    return "the connection was closed"
  }
  return String(cString: text)
}

// Functions and not closures: they run on threads of libnats, and belong to no actor.

private func attachSocket(
  _ data: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ loop: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
  _ socket: natsSock
) -> natsStatus {
  guard let data, let connection, let events = events(loop) else { return NATS_ILLEGAL_STATE }
  // The first of a connection: from here to the detach libnats holds it once more, as that may come after the word that it is closed.
  if data.pointee == nil { data.pointee = Unmanaged.passRetained(events).toOpaque() }
  return events.attach(socket, connection)
}

private func readSocket(_ data: UnsafeMutableRawPointer?, _ isAdded: Bool) -> natsStatus {
  if !isAdded { events(data)?.onLoop { $0.detached() } }
  return NATS_OK
}

private func writeSocket(_ data: UnsafeMutableRawPointer?, _ isAdded: Bool) -> natsStatus {
  events(data)?.onLoop { $0.wantsWrite(isAdded) }
  return NATS_OK
}

private func detachSocket(_ data: UnsafeMutableRawPointer?) -> natsStatus {
  if let data { Unmanaged<LinkEvents>.fromOpaque(data).takeRetainedValue().onLoop { $0.detached() } }
  return NATS_OK
}

private func wasDisconnected(_ connection: OpaquePointer?, _ own: UnsafeMutableRawPointer?) {
  let reason = lastError(of: connection)
  events(own)?.later { link, _ in link.lost(reason) }
}

private func wasClosed(_ connection: OpaquePointer?, _ own: UnsafeMutableRawPointer?) {
  let reason = lastError(of: connection)
  guard let own else { return }
  Unmanaged<LinkEvents>.fromOpaque(own).takeRetainedValue().later { $0.closed($1, reason) }
}

private func wasTroubled(
  _ connection: OpaquePointer?, _ subscription: OpaquePointer?, _ status: natsStatus, _ own: UnsafeMutableRawPointer?
) {
  var text: UnsafePointer<CChar>?
  let hasWords = natsConnection_GetLastError(connection, &text) != NATS_OK
  let reason =
    text.flatMap { hasWords && $0.pointee != 0 ? String(cString: $0) : nil } ?? String(cString: natsStatus_GetText(status))
  let isSlow = status == NATS_SLOW_CONSUMER
  events(own)?.later { link, _ in
    if isSlow { link.wasSlow() }
    link.troubled(reason)
  }
}
