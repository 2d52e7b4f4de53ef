import CNats
import Synchronization

/// The subscription to the answers of a connection, and what their subjects begin with.
struct Inbox {
  let subscription: OpaquePointer
  let prefix: String
}

extension LinkEvents {
  /// Subscribes to the answers. On the link's thread.
  ///
  /// They are taken by a callback, on a thread that libnats has for all of its callbacks, and not by natsSubscription_NextMsg, which would
  /// save that thread: where nobody listens to a subject that call says so without the message, and so not whose request it was.
  func subscribe(on connection: OpaquePointer) -> Result<Inbox, ConnectFault> {
    var name: UnsafeMutablePointer<natsInbox>?
    let status = natsInbox_Create(&name)
    guard status == NATS_OK, let name else { return .failure(ConnectFault(text: Self.reason(status))) }
    defer { natsInbox_Destroy(name) }
    let prefix = String(cString: name) + "."
    return subscribe(on: connection, to: prefix + "*").map { Inbox(subscription: $0, prefix: prefix) }
  }

  /// Subscribes to a subject, or to what a pattern says. On the link's thread.
  func subscribe(on connection: OpaquePointer, to subject: String) -> Result<OpaquePointer, ConnectFault> {
    var subscription: OpaquePointer?
    let own = Unmanaged.passRetained(self)
    let status = natsConnection_Subscribe(&subscription, connection, subject, wasReceived, own.toOpaque())
    guard status == NATS_OK, let subscription else {
      own.release()
      return .failure(ConnectFault(text: Self.reason(status)))
    }
    // It may be called until this says that it will be no more.
    natsSubscription_SetOnCompleteCB(subscription, wasCompleted, own.toOpaque())
    return .success(subscription)
  }

  fileprivate func received(_ message: OpaquePointer) {
    let one = Received(message)
    let isFirst = mail.withLock { mail in
      mail.append(one)
      return mail.count == 1
    }
    if isFirst { later { $0.takeReceived($1) } }
  }

  /// Those that have come. On the link's thread.
  func takeMail() -> [Received] {
    mail.withLock { mail in
      defer { mail = [] }
      return mail
    }
  }
}

// Functions and not closures: they run on threads of libnats, and belong to no actor.

private func wasReceived(
  _ connection: OpaquePointer?, _ subscription: OpaquePointer?, _ message: OpaquePointer?, _ own: UnsafeMutableRawPointer?
) {
  guard let own, let message else { return }
  Unmanaged<LinkEvents>.fromOpaque(own).takeUnretainedValue().received(message)
}

private func wasCompleted(_ own: UnsafeMutableRawPointer?) { if let own { Unmanaged<LinkEvents>.fromOpaque(own).release() } }
