/// Cuts the stream of a client out of the frames of a WebSocket (RFC 6455, section 5): the payload of binary messages, one behind the
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

  /// The last that is heard of a client.
  public enum End: Sendable, Equatable {
    /// It closes, with this code if it says any.
    case closed(UInt16?)
    case failed(Fault)
  }

  /// What no client may do.
  public enum Fault: Error, Sendable, Equatable {
    /// Text, where messages are binary.
    case text
    /// Bits or an operation that nobody has agreed on.
    case reserved
    case unmasked
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

  public init() {}

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
          guard try takeHeader(bytes, &position) else { break }
        }
      }
    } catch { decoded.end = .failed(error) }
    return decoded
  }

  // MARK: Headers

  /// Returns whether a header is whole.
  private mutating func takeHeader(_ bytes: UnsafeMutableRawBufferPointer, _ position: inout Int) throws(Fault) -> Bool {
    let available = bytes[position...]
    if header.isEmpty, let length = try readHeader(available) {
      position += length
      return true
    }
    // What is there is the beginning of one, or goes on with it: a header has at most 14 bytes.
    let known = header.count
    header += available.prefix(14 - known)
    guard let length = try readHeader(header) else {
      position = bytes.count
      return false
    }
    header = []
    position += length - known
    return true
  }

  /// Returns how long the header is; nil if it is not whole.
  private mutating func readHeader(_ bytes: some RandomAccessCollection<UInt8>) throws(Fault) -> Int? {
    guard let first = bytes.first else { return nil }
    try check(first)
    guard let second = bytes.dropFirst().first else { return nil }
    guard second & 0x80 != 0 else { throw .unmasked }
    let short = second & 0x7F
    let isControl = first & 0x08 != 0
    guard !isControl || short <= 125 else { throw .control }
    let lengthSize = short == 126 ? 2 : short == 127 ? 8 : 0
    guard bytes.count >= 6 + lengthSize else { return nil }
    let length = bytes.dropFirst(2).prefix(lengthSize).reduce(lengthSize == 0 ? UInt64(short) : 0) { $0 << 8 | UInt64($1) }
    // The highest bit of the longest form is zero too.
    guard lengthSize == 0 || length > (lengthSize == 2 ? 125 : 0xFFFF), length >> 63 == 0 else { throw .length }
    // As it would be loaded from memory.
    let word = UInt32(bigEndian: bytes.dropFirst(2 + lengthSize).prefix(4).reduce(0) { $0 << 8 | UInt32($1) })
    mask = UInt64(word) << 32 | UInt64(word)
    (operation, isLast, rest) = (first & 0x0F, first & 0x80 != 0, length)
    if !isControl { isInsideMessage = !isLast }
    return 6 + lengthSize
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
    unmask(base + position, count, to: base + target)
    target += count
    // What comes next is masked from another byte of the mask on.
    let turn = UInt64(8 * (count & 3))
    if turn > 0 { mask = (mask.littleEndian >> turn | mask.littleEndian << (64 - turn)).littleEndian }
  }

  /// The target is where the source is or in front of it.
  private func unmask(_ source: UnsafeMutableRawPointer, _ count: Int, to target: UnsafeMutableRawPointer) {
    var index = 0
    while index + 8 <= count {
      let word = source.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ mask
      target.storeBytes(of: word, toByteOffset: index, as: UInt64.self)
      index += 8
    }
    while index < count {
      let byte =
        source.load(fromByteOffset: index, as: UInt8.self)
        ^ UInt8(truncatingIfNeeded: mask.littleEndian >> UInt64(8 * (index & 7)))
      target.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
      index += 1
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
