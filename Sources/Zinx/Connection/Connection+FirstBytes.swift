import NIOCore
import Synchronization
import ZinxWire

/// Peers that speak something else. Their first bytes are looked at once, while they are in the receive buffer or the inbox: when the
/// first message is whole, or never will be. Event loop only.
extension Connection {
  /// Nothing whole has come yet.
  private var awaitsFirstMessage: Bool { attention.contains(.firstMessage) }

  /// Called for what stands before everything that was not taken yet, until the first message is whole, once a header is refused, and while
  /// the connection is traced.
  @inline(never)
  func examine(_ bytes: UnsafeRawBufferPointer, _ scan: FrameDecoder.Scan, maxPacketSize: UInt32) {
    if attention.contains(.trace), scan.frames > 0 {
      traceReceived(scan.frames, of: UnsafeRawBufferPointer(rebasing: bytes[..<scan.bytes]))
    }
    guard !isForeign else { return examineForeign(scan, maxPacketSize: maxPacketSize) }
    if awaitsFirstMessage, scan.frames > 0 || scan.error != nil {
      // A good peer, which is nearly all of them, costs one look at the table of routes.
      if !beginsWithRoute(bytes, scan) { looksLike = lookalike(bytes, maxPacketSize: maxPacketSize) }
      attention.remove(.firstMessage)
    }
    guard case .oversize(let message, let length) = scan.error else { return }
    let header = FrameHeader(id: message, length: length)
    context.refusals[id] = WireFault(header: header, maxPacketSize: maxPacketSize, looksLike: looksLike)
  }

  /// Bytes of another protocol are not compared with those that are known: it may well begin as one of them does.
  private func examineForeign(_ scan: FrameDecoder.Scan, maxPacketSize: UInt32) {
    attention.remove(.firstMessage)
    guard let error = scan.error else { return }
    context.refusals[id] = foreignFault(error, maxPacketSize: maxPacketSize)
  }

  private func foreignFault(_ error: WireError, maxPacketSize: UInt32) -> WireFault {
    var fault = WireFault(header: nil, maxPacketSize: maxPacketSize, error: error)
    if case .codec(let codec) = framing { fault.codec = codec.name }
    return fault
  }

  /// What the end of the connection tells of bytes that did not become a message.
  func takeFault(_ reason: CloseReason) -> WireFault? {
    if !context.refusals.isEmpty, let refused = context.refusals.removeValue(forKey: id) { return refused }
    let maxPacketSize = endpoint.maxPacketSize.load(ordering: .relaxed)
    // What no scan has refused was denied while its batch was handled: see `nextForeign(_:in:from:)`.
    if isForeign, reason == .badFrame { return foreignFault(.contradiction, maxPacketSize: maxPacketSize) }
    guard let inbox, !isForeign else { return nil }
    return inbox.withUnsafeReadableBytes { bytes in
      let header = FrameDecoder(pack, maxPacketSize: maxPacketSize).header(in: bytes, at: 0)
      let looksLike = awaitsFirstMessage ? lookalike(bytes, maxPacketSize: maxPacketSize) : nil
      let isUnfinished = [.truncated, .headerTimeout, .bodyTimeout].contains(reason) && header != nil
      guard isUnfinished || looksLike != nil else { return nil }
      return WireFault(header: header, maxPacketSize: maxPacketSize, looksLike: looksLike)
    }
  }

  private func beginsWithRoute(_ bytes: UnsafeRawBufferPointer, _ scan: FrameDecoder.Scan) -> Bool {
    guard scan.frames > 0, let first = FrameDecoder(pack, maxPacketSize: .max).header(in: bytes, at: 0) else { return false }
    return handler.hasRoute(first.id)
  }

  private func lookalike(_ bytes: UnsafeRawBufferPointer, maxPacketSize: UInt32) -> Lookalike? {
    Lookalike(firstBytes: bytes, listener: pack, maxPacketSize: maxPacketSize, hasRoute: handler.hasRoute)
  }
}
