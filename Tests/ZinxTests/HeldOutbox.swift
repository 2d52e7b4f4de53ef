import NIOCore
import ZinxIO
import ZinxWire

@testable import Zinx

/// An outbox that a test can look into: `#expect` takes values that can be copied, and an outbox is none.
final class HeldOutbox {
  private var outbox: Outbox

  init(_ pack: DataPack?, isWebSocket: Bool = false) { outbox = Outbox(pack, isWebSocket: isWebSocket) }

  var queue: ByteBuffer { outbox.queue }
  var messages: Int { outbox.messages }
  var messagesWritten: UInt64 { outbox.messagesWritten }
  var bytesAccepted: UInt64 { outbox.bytesAccepted }
  var bytesWritten: UInt64 { outbox.bytesWritten }
  var isClosed: Bool { outbox.isClosed }
  var blockedSince: Instant? { outbox.blockedSince }
  var isEmpty: Bool { outbox.isEmpty }
  var bytes: Int { outbox.bytes }
  var memory: Int { outbox.memory }
  var hasWaiters: Bool { outbox.hasWaiters }

  func hasRoom(_ limit: Outbox.Limit) -> Bool { outbox.hasRoom(limit) }
  func append(frame: ByteBuffer, isCorked: Bool, isShared: Bool = false, isRaw: Bool = false) {
    outbox.append(frame: frame, isCorked: isCorked, isShared: isShared, isRaw: isRaw)
  }
  func passed(_ count: Int) -> Bool { outbox.passed(count, frames: 1) }
  func uncork(_ frames: ByteBuffer, count: Int, written: Int) { outbox.uncork(frames, count: count, written: written) }
  func block(at now: Instant, progress: Bool) -> Bool { outbox.block(at: now, progress: progress) }
  func unblock() { outbox.unblock() }
  func restOfCutFrame(onTheWay: Int) -> [UInt8] { outbox.restOfCutFrame(onTheWay: onTheWay) }
  func wrote(_ count: Int) { outbox.wrote(count) }
  func waitForRoom(for bytes: Int, _ resume: @escaping Outbox.Resume) -> UInt64 { outbox.waitForRoom(for: bytes, resume) }
  func waitUntilWritten(_ resume: @escaping Outbox.Resume) -> UInt64 { outbox.waitUntilWritten(resume) }
  func giveUp(_ token: UInt64) -> Outbox.Resume? { outbox.giveUp(token) }
  func takeResumable(limit: Outbox.Limit) -> [Outbox.Resume]? { outbox.takeResumable(limit: limit) }
  func close() -> [Outbox.Resume] { outbox.close() }
}
