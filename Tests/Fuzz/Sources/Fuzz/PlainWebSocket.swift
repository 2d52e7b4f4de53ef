/// What the frames of a WebSocket mean, found out in the plainest way from RFC 6455, a byte after the other. It shares nothing with what it
/// is the measure of.
struct PlainWebSocket {
  /// The last that is heard of a peer.
  enum End: Equatable {
    case closed(UInt16?)
    /// It broke a rule. Where it broke two at a time, either may be what it is told.
    case failed(codes: Set<UInt16>)
  }

  /// Section 5.2.
  private static let text: UInt8 = 1, binary: UInt8 = 2, close: UInt8 = 8, ping: UInt8 = 9, pong: UInt8 = 10
  /// Section 7.4.1: a rule is broken, data of a kind that is not taken, text that is no UTF-8.
  private static let protocolError: UInt16 = 1002, unsupported: UInt16 = 1003, inconsistent: UInt16 = 1007

  let isOfClient: Bool
  private(set) var messages: [[UInt8]] = []
  /// Of a message whose last frame is still to come.
  private(set) var unfinished: [UInt8]?
  private(set) var pings: [[UInt8]] = []
  private(set) var end: End?
  private var header: [UInt8] = []
  private var payload: [UInt8] = []

  init(isOfClient: Bool) { self.isOfClient = isOfClient }

  /// A frame or a message has come in part.
  var isInside: Bool { !header.isEmpty || unfinished != nil }

  /// The payload of binary messages so far. Of a frame in part too: nothing is held back until it is whole.
  var stream: [UInt8] {
    let isData = !header.isEmpty && isWhole && header[0] % 16 < 8
    return messages.flatMap { $0 } + (unfinished ?? []) + (isData ? payload : [])
  }

  mutating func read(_ byte: UInt8) {
    guard end == nil else { return }
    if header.isEmpty || !isWhole {
      header.append(byte)
      checkHeader()
    } else {
      let index = payload.count
      payload.append(isOfClient ? byte ^ header[header.count - 4 + index % 4] : byte)
    }
    if end == nil, isWhole, UInt64(payload.count) == length { frameEnds() }
  }

  // MARK: The header, section 5.2

  private var lengthBytes: Int {
    switch header[1] % 128 {
    case 126: 2
    case 127: 8
    default: 0
    }
  }

  private var isWhole: Bool { header.count >= 2 && header.count == 2 + lengthBytes + (isOfClient ? 4 : 0) }

  private var length: UInt64 {
    lengthBytes == 0 ? UInt64(header[1] % 128) : header[2..<2 + lengthBytes].reduce(0) { $0 * 256 + UInt64($1) }
  }

  /// Each part of it as soon as it is there, but the length with all of it.
  private mutating func checkHeader() {
    var broken: Set<UInt16> = []
    let (operation, isFinal) = (header[0] % 16, header[0] >= 128)
    let isControl = operation >= 8
    if header.count == 1 {
      // No extension was agreed on that would give the three bits a meaning.
      if header[0] / 16 % 8 != 0 { broken.insert(Self.protocolError) }
      switch operation {
      // Section 5.4: fragments of two messages are not mixed.
      case 0: if unfinished == nil { broken.insert(Self.protocolError) }
      case Self.text, Self.binary:
        if unfinished != nil { broken.insert(Self.protocolError) }
        if operation == Self.text { broken.insert(Self.unsupported) }
      // Section 5.5: control frames are not fragmented.
      case Self.close, Self.ping, Self.pong: if !isFinal { broken.insert(Self.protocolError) }
      default: broken.insert(Self.protocolError)
      }
    } else if header.count == 2 {
      // Section 5.1: who masks.
      if (header[1] >= 128) != isOfClient { broken.insert(Self.protocolError) }
      // Section 5.5: at most 125 bytes.
      if isControl, header[1] % 128 > 125 { broken.insert(Self.protocolError) }
    }
    if isWhole {
      // The fewest bytes that can tell it, and below 2^63.
      if lengthBytes == 2, length < 126 { broken.insert(Self.protocolError) }
      if lengthBytes == 8, length < 65536 || length >= 1 << 63 { broken.insert(Self.protocolError) }
    }
    if !broken.isEmpty { end = .failed(codes: broken) }
  }

  // MARK: What a frame means, sections 5.4 to 5.6

  private mutating func frameEnds() {
    switch header[0] % 16 {
    case 0, Self.binary:
      let message = (unfinished ?? []) + payload
      if header[0] >= 128 {
        messages.append(message)
        unfinished = nil
      } else {
        unfinished = message
      }
    case Self.ping: pings.append(payload)
    case Self.close: end = closing()
    default: break
    }
    (header, payload) = ([], [])
  }

  /// Section 5.5.1: nothing, or a code and why in UTF-8.
  private func closing() -> End {
    if payload.isEmpty { return .closed(nil) }
    if payload.count == 1 { return .failed(codes: [Self.protocolError]) }
    let code = UInt16(payload[0]) * 256 + UInt16(payload[1])
    var broken: Set<UInt16> = []
    if !Self.mayBeSent(code) { broken.insert(Self.protocolError) }
    if !Self.isText(payload.dropFirst(2)) { broken.insert(Self.inconsistent) }
    return broken.isEmpty ? .closed(code) : .failed(codes: broken)
  }

  /// Section 7.4: those below 1000 are not used; of the protocol's own, three are only for those who tell of an end without one, one has no
  /// meaning, and those that were registered end at 1014; others begin at 3000.
  private static func mayBeSent(_ code: UInt16) -> Bool {
    let neverSent: Set<UInt16> = [1004, 1005, 1006, 1015]
    return code >= 1000 && code < 5000 && !neverSent.contains(code) && (code < 1015 || code >= 3000)
  }

  /// Section 4 of RFC 3629.
  private static func isText(_ bytes: ArraySlice<UInt8>) -> Bool {
    var rest = bytes
    while let first = rest.popFirst() {
      let tails: Int
      var second: ClosedRange<UInt8> = 0x80...0xBF
      switch first {
      case 0x00...0x7F: continue
      case 0xC2...0xDF: tails = 1
      case 0xE0: (tails, second) = (2, 0xA0...0xBF)
      case 0xED: (tails, second) = (2, 0x80...0x9F)
      case 0xE1...0xEF: tails = 2
      case 0xF0: (tails, second) = (3, 0x90...0xBF)
      case 0xF1...0xF3: tails = 3
      case 0xF4: (tails, second) = (3, 0x80...0x8F)
      default: return false
      }
      for index in 0..<tails {
        guard let tail = rest.popFirst(), index == 0 ? second.contains(tail) : (0x80...0xBF).contains(tail) else { return false }
      }
    }
    return true
  }
}
