import CNats
import Synchronization

/// The subscription to the answers of a connection, and what their subjects begin with.
struct Inbox {
  let subscription: OpaquePointer
  let prefix: String
}

/// A message of libnats that is ours.
final class Received: @unchecked Sendable {
  // Unchecked: it is only read, by one thread after the other.
  let message: OpaquePointer

  init(_ message: OpaquePointer) { self.message = message }

  deinit { natsMsg_Destroy(message) }
}

extension LinkEvents {
  /// Subscribes to the answers. On the link's thread.
  ///
  /// They are taken by a callback, on a thread that libnats has for all of its callbacks, and not by natsSubscription_NextMsg, which would
  /// save that thread: where nobody listens to a subject that call says so without the message, and so not whose request it was.
  func subscribe(on connection: OpaquePointer) -> Result<Inbox, ConnectFault> {
    var name: UnsafeMutablePointer<natsInbox>?
    var status = natsInbox_Create(&name)
    guard status == NATS_OK, let name else { return .failure(ConnectFault(text: Self.reason(status))) }
    defer { natsInbox_Destroy(name) }
    let prefix = String(cString: name) + "."
    var subscription: OpaquePointer?
    let own = Unmanaged.passRetained(self)
    status = natsConnection_Subscribe(&subscription, connection, prefix + "*", wasAnswered, own.toOpaque())
    guard status == NATS_OK, let subscription else {
      own.release()
      return .failure(ConnectFault(text: Self.reason(status)))
    }
    // It may be called until this says that it will be no more.
    natsSubscription_SetOnCompleteCB(subscription, wasCompleted, own.toOpaque())
    return .success(Inbox(subscription: subscription, prefix: prefix))
  }

  fileprivate func answered(_ message: OpaquePointer) {
    let received = Received(message)
    let isFirst = answers.withLock { answers in
      answers.append(received)
      return answers.count == 1
    }
    if isFirst { later { $0.takeAnswers($1) } }
  }

  /// Those that have come. On the link's thread.
  func takeAnswers() -> [Received] {
    answers.withLock { answers in
      defer { answers = [] }
      return answers
    }
  }
}

// Functions and not closures: they run on threads of libnats, and belong to no actor.

private func wasAnswered(
  _ connection: OpaquePointer?, _ subscription: OpaquePointer?, _ message: OpaquePointer?, _ own: UnsafeMutableRawPointer?
) {
  guard let own, let message else { return }
  Unmanaged<LinkEvents>.fromOpaque(own).takeUnretainedValue().answered(message)
}

private func wasCompleted(_ own: UnsafeMutableRawPointer?) { if let own { Unmanaged<LinkEvents>.fromOpaque(own).release() } }
