/// Cuts the stream of a peer out of the frames of a WebSocket (RFC 6455, section 5): the payload of binary messages, one behind the
/// other. Where a message or a frame of it ends means nothing.
///
/// What is not whole yet costs a few bytes, however long its frame is going to be.
public struct WebSocketDecoder: Sendable {
  /// What some bytes were.
  public struct Decoded: Sendable, Equatable {
    /// Bytes of the stream, at the beginning of the memory.
    public var count = 0
    /// What the last ping has said, that is to be said again.
    public var ping: [UInt8]?
    /// Nothing is taken behind it.
    public var end: End?
  }

  /// The last that is heard of a peer.
  public enum End: Sendable, Equatable {
    /// It closes, with this code if it says any.
    case closed(UInt16?)
    case failed(Fault)
  }

  /// Who sends the frames: those of clients are masked, and those of servers are not.
  public enum Sender: Sendable {
    case client, server
  }

  /// What no peer may do.
  public enum Fault: Error, Sendable, Equatable {
    /// Text, where messages are binary.
    case text
    /// Bits or an operation that nobody has agreed on.
    case reserved
    /// Of a client.
    case unmasked
    /// Of a server.
    case masked
    /// The continuation of no message, or a message inside another.
    case fragment
    /// A control frame of more than 125 bytes, or in parts.
    case control
    /// A length that is written in more bytes than it takes.
    case length
    case closeCode
    /// Why it closes is no UTF-8.
    case closeText
  }

  private enum Operation {
    static let continuation: UInt8 = 0, text: UInt8 = 1, binary: UInt8 = 2, close: UInt8 = 8, ping: UInt8 = 9, pong: UInt8 = 10
  }

  private static let longestHeader = 14
  /// Bytes of one that tells its length in the second byte.
  private static let shortHeader = 6
  /// The first byte of a message in one frame.
  private static let wholeBinary: UInt16 = 0x82

  /// Bytes of the payload that are still to come; nil between frames.
  private var rest: UInt64?
  private var mask: UInt64 = 0
  private var operation: UInt8 = 0
  private var isLast = true
  /// A message has begun whose last frame is still to come.
  private var isInsideMessage = false
  /// The beginning of a header.
  private var header: [UInt8] = []
  /// The beginning of a control frame.
  private var control: [UInt8] = []

  private let isMasked: Bool

  /// What a decoder needs to go on in another program.
  package struct Held: Sendable, Equatable {
    package var rest: UInt64?
    package var mask: UInt64 = 0
    package var operation: UInt8 = 0
    package var isLast = true
    package var isInsideMessage = false
    package var header: [UInt8] = []
    package var control: [UInt8] = []

    package init() {}
  }

  package var held: Held {
    var held = Held()
    // Between frames the last one means nothing any more.
    if let rest { (held.rest, held.mask, held.operation, held.isLast) = (rest, mask, operation, isLast) }
    (held.isInsideMessage, held.header, held.control) = (isInsideMessage, header, control)
    return held
  }

  /// Goes on where another decoder was; nil for what none can have come to.
  package init?(_ held: Held, of sender: Sender = .client) {
    self.init(of: sender)
    let isControl = held.operation & 0x08 != 0
    guard isControl ? held.control.count <= 125 : held.control.isEmpty else { return nil }
    if let rest = held.rest {
      guard held.header.isEmpty, rest > 0 || !isControl, rest >> 63 == 0, Self.operations.contains(held.operation) else {
        return nil
      }
      guard !isControl || held.isLast && rest <= 125 - held.control.count else { return nil }
      (self.rest, mask, operation, isLast) = (rest, held.mask, held.operation, held.isLast)
    } else if !held.control.isEmpty {
      return nil
    }
    isInsideMessage = held.isInsideMessage
    // The beginning of a header, and no whole one.
    var other = self
    header = held.header
    other.header = held.header
    guard held.header.count < Self.longestHeader, (try? other.readKeptHeader()) == 0 else { return nil }
    control = held.control
  }

  private static let operations = [
    Operation.continuation, Operation.binary, Operation.close, Operation.ping, Operation.pong,
  ]

  public init(of sender: Sender = .client) { isMasked = sender == .client }

  /// Whether a frame or a message has come in part.
  public var isInsideFrame: Bool { rest != nil || isInsideMessage || !header.isEmpty }

  /// Takes what has come, and leaves the bytes of the stream in it at the front of the same memory.
  public mutating func decode(_ bytes: UnsafeMutableRawBufferPointer) -> Decoded {
    var decoded = Decoded()
    var position = 0
    do throws(Fault) {
      while decoded.end == nil {
        if let rest {
          let count = Int(min(rest, UInt64(bytes.count - position)))
          takePayload(bytes, position, count, &decoded.count)
          position += count
          guard rest == UInt64(count) else {
            self.rest = rest - UInt64(count)
            break
          }
          self.rest = nil
          try frameEnds(&decoded)
        } else {
          if isMasked, header.isEmpty, !isInsideMessage { Self.takeShortMessages(bytes, &position, &decoded.count) }
          guard try takeHeader(bytes, &position) else { break }
        }
      }
    } catch { decoded.end = .failed(error) }
    return decoded
  }

  /// Takes whole messages of at most 125 bytes in one frame each, as far as there is nothing else: most are, and with nothing to be
  /// remembered they take a third of the time.
  private static func takeShortMessages(_ bytes: UnsafeMutableRawBufferPointer, _ position: inout Int, _ target: inout Int) {
    guard let base = bytes.baseAddress else { return }
    var (source, end) = (position, target)
    while bytes.count &- source >= shortHeader {
      let head = UInt16(littleEndian: base.loadUnaligned(fromByteOffset: source, as: UInt16.self))
      // Below zero for one that is not masked.
      let count = Int(head >> 8) &- 0x80
      guard head & 0xFF == wholeBinary, (0...125).contains(count), bytes.count &- source &- shortHeader >= count else { break }
      let mask = base.loadUnaligned(fromByteOffset: source &+ 2, as: UInt32.self)
      unmask(base + (source &+ shortHeader), count, to: base + end, UInt64(mask) << 32 | UInt64(mask))
      source = source &+ shortHeader &+ count
      end = end &+ count
    }
    (position, target) = (source, end)
  }

  // MARK: Headers

  /// Returns whether a header is whole.
  private mutating func takeHeader(_ bytes: UnsafeMutableRawBufferPointer, _ position: inout Int) throws(Fault) -> Bool {
    let available = UnsafeRawBufferPointer(rebasing: bytes[position...])
    if header.isEmpty {
      let length = try readHeader(available)
      position += length
      if length > 0 { return true }
    }
    // What is there is the beginning of one, or goes on with it.
    let known = header.count
    header += available.prefix(Self.longestHeader - known)
    let length = try readKeptHeader()
    guard length > 0 else {
      position = bytes.count
      return false
    }
    header = []
    position += length - known
    return true
  }

  private mutating func readKeptHeader() throws(Fault) -> Int {
    let kept = header
    return try kept.withUnsafeBytes { bytes in Result { () throws(Fault) in try readHeader(bytes) } }.get()
  }

  /// Returns how long the header is; 0 if it is not whole.
  @inline(__always)
  private mutating func readHeader(_ bytes: UnsafeRawBufferPointer) throws(Fault) -> Int {
    guard bytes.count > 0 else { return 0 }
    let first = bytes[0]
    try check(first)
    guard bytes.count > 1 else { return 0 }
    let second = bytes[1]
    guard (second & 0x80 != 0) == isMasked else { throw isMasked ? .unmasked : .masked }
    let short = second & 0x7F
    let isControl = first & 0x08 != 0
    guard short <= 125 || !isControl else { throw .control }
    let lengthSize = short <= 125 ? 0 : short == 126 ? 2 : 8
    let maskSize = isMasked ? 4 : 0
    guard bytes.count >= 2 + lengthSize + maskSize else { return 0 }
    let length = lengthSize == 0 ? UInt64(short) : try longLength(bytes, lengthSize)
    // Zero masks nothing.
    let word = isMasked ? bytes.loadUnaligned(fromByteOffset: 2 + lengthSize, as: UInt32.self) : 0
    mask = UInt64(word) << 32 | UInt64(word)
    (operation, isLast, rest) = (first & 0x0F, first & 0x80 != 0, length)
    if !isControl { isInsideMessage = !isLast }
    return 2 + lengthSize + maskSize
  }

  /// One that does not fit into the second byte.
  private func longLength(_ bytes: UnsafeRawBufferPointer, _ size: Int) throws(Fault) -> UInt64 {
    let length =
      size == 2
      ? UInt64(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
      : UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
    // The highest bit of the longest form is zero too.
    guard length > (size == 2 ? 125 : 0xFFFF), length >> 63 == 0 else { throw .length }
    return length
  }

  /// The first byte, as soon as it is there.
  private func check(_ first: UInt8) throws(Fault) {
    guard first & 0x70 == 0 else { throw .reserved }
    switch first & 0x0F {
    case Operation.continuation: guard isInsideMessage else { throw .fragment }
    case Operation.text: throw .text
    case Operation.binary: guard !isInsideMessage else { throw .fragment }
    case Operation.close, Operation.ping, Operation.pong: guard first & 0x80 != 0 else { throw .control }
    default: throw .reserved
    }
  }

  // MARK: Payload

  private mutating func takePayload(
    _ bytes: UnsafeMutableRawBufferPointer, _ position: Int, _ count: Int, _ target: inout Int
  ) {
    guard operation & 0x08 == 0 else {
      let start = control.count
      control += bytes[position..<position + count]
      for index in start..<control.count {
        control[index] ^= UInt8(truncatingIfNeeded: mask.littleEndian >> (8 * UInt64(index & 3)))
      }
      return
    }
    guard count > 0, let base = bytes.baseAddress else { return }
    Self.unmask(base + position, count, to: base + target, mask)
    target += count
    // What comes next is masked from another byte of the mask on.
    let turn = UInt64(8 * (count & 3))
    if turn > 0 { mask = (mask.littleEndian >> turn | mask.littleEndian << (64 - turn)).littleEndian }
  }

  /// The target is where the source is or in front of it.
  @inline(__always)
  private static func unmask(
    _ source: UnsafeMutableRawPointer, _ count: Int, to target: UnsafeMutableRawPointer, _ mask: UInt64
  ) {
    let wide = SIMD4<UInt64>(repeating: mask)
    var index = 0
    while index &+ 32 <= count {
      let words = source.loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self) ^ wide
      target.storeBytes(of: words, toByteOffset: index, as: SIMD4<UInt64>.self)
      index &+= 32
    }
    while index &+ 8 <= count {
      let word = source.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ mask
      target.storeBytes(of: word, toByteOffset: index, as: UInt64.self)
      index &+= 8
    }
    while index < count {
      let byte =
        source.load(fromByteOffset: index, as: UInt8.self)
        ^ UInt8(truncatingIfNeeded: mask.littleEndian >> UInt64(8 * (index & 7)))
      target.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
      index &+= 1
    }
  }

  private mutating func frameEnds(_ decoded: inout Decoded) throws(Fault) {
    guard operation & 0x08 != 0 else { return }
    defer { control = [] }
    switch operation {
    case Operation.ping: decoded.ping = control
    case Operation.close: decoded.end = .closed(try closeCode())
    default: break
    }
  }

  private func closeCode() throws(Fault) -> UInt16? {
    guard !control.isEmpty else { return nil }
    guard control.count > 1 else { throw .closeCode }
    let code = UInt16(control[0]) << 8 | UInt16(control[1])
    guard WebSocketFrame.mayBeSent(closeCode: code) else { throw .closeCode }
    guard String(validating: control.dropFirst(2), as: UTF8.self) != nil else { throw .closeText }
    return code
  }
}

extension WebSocketDecoder.Fault: CustomStringConvertible {
  /// In words, for the log.
  public var description: String {
    switch self {
    case .text: "it sent text, and messages are binary"
    case .reserved: "its frame has bits or an operation that mean nothing"
    case .unmasked: "its frame is not masked"
    case .masked: "its frame is masked, as none of a server is"
    case .fragment: "its frame continues no message, or begins one inside another"
    case .control: "its control frame is too long or in parts"
    case .length: "its frame tells its length in too many bytes"
    case .closeCode: "it closed with a code that nobody may send"
    case .closeText: "it closed with a reason that is no UTF-8"
    }
  }

  /// What it is told (section 7.4.1).
  public var closeCode: UInt16 {
    switch self {
    case .text: 1003
    case .closeText: 1007
    default: 1002
    }
  }
}
