import CNats
import Glibc
import ZinxIO

/// The socket of a connection of libnats on an event loop. Loop only.
///
/// It has a descriptor of its own for the socket: libnats closes its at times of its choosing, also on other threads, and the number could
/// then be somebody else's by the time that the loop hears of it.
final class SocketWatch: ReadinessHandler {
  private let loop: ZinxIO.EventLoop
  private let descriptor: Descriptor
  private let connection: OpaquePointer
  private var isWaitingForRoom = false
  private var isOver = false
  /// libnats has something to write.
  var wantsWrite = false

  init(_ descriptor: consuming Descriptor, of connection: OpaquePointer, on loop: ZinxIO.EventLoop) throws(SystemError) {
    (self.connection, self.loop) = (connection, loop)
    self.descriptor = descriptor
    try loop.register(self.descriptor.number, for: .readable, self)
  }

  func ready(_ readiness: Readiness) {
    if readiness.isWritable { wantsWrite = true }
    if readiness.isReadable || readiness.isBroken { natsConnection_ProcessReadEvent(connection) }
  }

  /// Writes what was gathered, in one call at the end of a wake-up in place of one for each message; what the kernel does not take waits for
  /// room.
  func flush() {
    guard wantsWrite, !isOver else { return }
    natsConnection_ProcessWriteEvent(connection)
    guard !isOver, wantsWrite != isWaitingForRoom else { return }
    isWaitingForRoom = wantsWrite
    loop.change(descriptor.number, to: wantsWrite ? [.readable, .writable] : .readable)
  }

  /// Stops to look. The socket may still be open elsewhere, which is why epoll has to be told.
  func end() {
    guard !isOver else { return }
    isOver = true
    loop.deregister(descriptor.number)
  }
}
