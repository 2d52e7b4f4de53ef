import CNats
import NIOCore
import Zinx

extension Outgoing {
  /// Hands the message to libnats, which copies it.
  func publish(on connection: OpaquePointer, answeredTo reply: String?) -> natsStatus {
    var message: OpaquePointer?
    let created = data.withUnsafeReadableBytes { bytes in
      natsMsg_Create(
        &message, subject, reply, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(clamping: bytes.count))
    }
    guard created == NATS_OK, let message else { return created }
    defer { natsMsg_Destroy(message) }
    let status = headers.set(in: message)
    return status == NATS_OK ? natsConnection_PublishMsg(connection, message) : status
  }
}

extension Outcome.Failure {
  /// Why libnats does not take a message.
  init(_ status: natsStatus) {
    switch status {
    // It knows before we do that the connection is lost: nothing is kept for the next one.
    case NATS_INSUFFICIENT_BUFFER, NATS_CONNECTION_CLOSED, NATS_CONNECTION_DISCONNECTED: self = .away
    default: self = .refused(String(cString: natsStatus_GetText(status)))
    }
  }
}

extension Outcome {
  static let idHeader: StaticString = "Zinx-Msg-Id"

  /// What an answer says, which is somebody else's word.
  init(_ answer: Received) {
    guard !answer.isNoResponder else {
      self = .noResponder
      return
    }
    switch answer.header(Self.idHeader) {
    case .absent: self = .answer(answer.data, id: nil)
    case .value(let text):
      guard case .id(let id)? = MessageIDs(text) else { fallthrough }
      self = .answer(answer.data, id: id)
    case .unreadable: self = .failed(.malformed)
    }
  }
}
