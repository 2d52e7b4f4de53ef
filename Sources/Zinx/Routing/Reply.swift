import NIOCore
import ZinxWire

/// Answers to a request, on its connection. None of them waits: while the peer does not take what was sent before, room in its queue is
/// waited for between requests. They throw ``ZinxError/sendBufferFull`` when a handler answers more than fits, and
/// ``ZinxError/connectionClosed``.
extension Request {
  /// Answers with the same id.
  @inline(__always)
  public func reply(_ data: ByteBuffer) throws(ZinxError) { try connection.trySendBuffMsg(id, data) }

  /// Answers with another id.
  @inline(__always)
  public func reply(_ id: UInt32, _ data: ByteBuffer) throws(ZinxError) { try connection.trySendBuffMsg(id, data) }

  /// Answers with a text and the same id.
  public func reply(_ text: String) throws(ZinxError) { try reply(id, text) }

  /// Answers with a text and another id.
  public func reply(_ id: UInt32, _ text: String) throws(ZinxError) {
    if text._withBytes({ connection.gather(id, $0) }) { return }
    try connection.trySendBuffMsg(id, ByteBuffer(string: text))
  }

  /// Answers with the same id and the same data, which is not even sliced for it.
  @inline(__always)
  public func echo() throws(ZinxError) {
    if connection.gather(id, bytes, of: chunk) { return }
    try connection.trySendBuffMsg(id, data)
  }
}
