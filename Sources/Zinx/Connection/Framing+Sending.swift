import NIOCore
import ZinxWire

extension Framing {
  /// The frame of a message.
  ///
  /// Throws: ``ZinxError/unencodable(reason:)``.
  func frame(of message: Message) throws(ZinxError) -> ByteBuffer {
    do { return try encoded(message) } catch { throw .unencodable(reason: error.description) }
  }
}
