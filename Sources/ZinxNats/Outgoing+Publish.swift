import CNats
import NIOCore
import Zinx

extension Outgoing {
  /// Hands the message to libnats, which copies it.
  func publish(on connection: OpaquePointer, answeredTo reply: String?) -> natsStatus {
    var message: OpaquePointer?
    let created = data.withUnsafeReadableBytes { bytes in
      natsMsg_Create(&message, subject, reply, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(clamping: bytes.count))
    }
    guard created == NATS_OK, let message else { return created }
    defer { natsMsg_Destroy(message) }
    for (key, value) in headers {
      // What a literal points to ends with a NUL, as C has it.
      let status = key.utf8Start.withMemoryRebound(to: CChar.self, capacity: key.utf8CodeUnitCount + 1) {
        natsMsgHeader_Set(message, $0, value)
      }
      guard status == NATS_OK else { return status }
    }
    return natsConnection_PublishMsg(connection, message)
  }
}

extension Outcome {
  static let idHeader: StaticString = "Zinx-Msg-Id"

  /// What an answer says, which is somebody else's word.
  init(_ answer: OpaquePointer) {
    if natsMsg_IsNoResponders(answer) {
      self = .noResponder
      return
    }
    var id: UInt32?
    var value: UnsafePointer<CChar>?
    let status = Self.idHeader.utf8Start.withMemoryRebound(to: CChar.self, capacity: Self.idHeader.utf8CodeUnitCount + 1) {
      natsMsgHeader_Get(answer, $0, &value)
    }
    // Anything but that there is no such header: headers that cannot be read, or a value that is none.
    if status != NATS_NOT_FOUND {
      guard status == NATS_OK, let text = value.map({ String(cString: $0) }), case .id(let named)? = MessageIDs(text) else {
        self = .failed(.malformed)
        return
      }
      id = named
    }
    let bytes = UnsafeRawBufferPointer(start: natsMsg_GetData(answer), count: Int(max(0, natsMsg_GetDataLength(answer))))
    self = .answer(ByteBuffer(bytes: bytes), id: id)
  }
}
