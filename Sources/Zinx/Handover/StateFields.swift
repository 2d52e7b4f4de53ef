/// Writes fields in the encoding of Protocol Buffers, numbers and counted bytes, so that `protoc --decode_raw` shows what is in a state. What
/// is zero or empty is left out: whoever reads takes that for it.
struct StateWriter {
  private(set) var bytes: [UInt8] = []

  /// - Parameter capacity: bytes that there will be about.
  init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  mutating func put(_ field: Int, _ number: UInt64) {
    guard number != 0 else { return }
    varint(UInt64(field) << 3)
    varint(number)
  }

  mutating func put(_ field: Int, _ number: Int) { put(field, UInt64(bitPattern: Int64(number))) }

  mutating func put(_ field: Int, _ flag: Bool) { put(field, flag ? 1 : 0 as UInt64) }

  /// - Parameter always: also when there are none: an element of a list.
  mutating func put(_ field: Int, bytes value: some Collection<UInt8>, always: Bool = false) {
    guard always || !value.isEmpty else { return }
    varint(UInt64(field) << 3 | 2)
    varint(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  mutating func put(_ field: Int, _ text: String, always: Bool = false) { put(field, bytes: text.utf8, always: always) }

  /// Fields within a field, also when there are none.
  mutating func put(_ field: Int, _ fields: (inout StateWriter) -> Void) {
    varint(UInt64(field) << 3 | 2)
    // Room for how many bytes there are, which shows at the end: a number may be longer than it has to be.
    let start = bytes.count
    for _ in 0..<Self.roomForLength { bytes.append(0x80) }
    fields(&self)
    var rest = bytes.count - start - Self.roomForLength
    for index in 0..<Self.roomForLength {
      bytes[start + index] = UInt8(rest & 0x7f) | (index < Self.roomForLength - 1 ? 0x80 : 0)
      rest >>= 7
    }
  }

  /// Of a number below 2^35.
  private static let roomForLength = 5

  private mutating func varint(_ number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }
}

/// Reads what ``StateWriter`` has written, or anything: it ends with an error, and never beyond the bytes.
///
/// Unchecked: a value over bytes that nobody changes while there are readers of them.
struct StateReader: @unchecked Sendable {
  /// Bytes that are no state, by where they cease to be one.
  struct Fault: Error, Equatable {
    var offset: Int
  }

  struct Field {
    let number: Int
    let value: Value
    private let offset: Int

    enum Value {
      case number(UInt64)
      case bytes(UnsafeRawBufferPointer)
    }

    init(_ number: Int, _ value: Value, at offset: Int) { (self.number, self.value, self.offset) = (number, value, offset) }

    /// What is none of what it is asked for is a fault of the whole: a field keeps its kind for ever.
    var integer: UInt64 {
      get throws(Fault) {
        guard case .number(let number) = value else { throw fault }
        return number
      }
    }

    /// Valid as long as the bytes that are read.
    var bytes: UnsafeRawBufferPointer {
      get throws(Fault) {
        guard case .bytes(let bytes) = value else { throw fault }
        return bytes
      }
    }

    var signed: Int64 { get throws(Fault) { Int64(bitPattern: try integer) } }

    var flag: Bool { get throws(Fault) { try integer != 0 } }

    var text: String {
      get throws(Fault) {
        guard let text = String(validating: try bytes, as: UTF8.self) else { throw fault }
        return text
      }
    }

    var fields: StateReader { get throws(Fault) { StateReader(try bytes) } }

    /// A number that fits.
    func exactly<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) throws(Fault) -> Number {
      if let number = Number(exactly: try integer) { return number }
      guard let number = Number(exactly: try signed) else { throw fault }
      return number
    }

    /// A descriptor, which is none of the first three.
    var descriptor: Int32 {
      get throws(Fault) {
        let number: Int32 = try exactly()
        guard number > 2 else { throw fault }
        return number
      }
    }

    /// For a value that cannot be.
    var fault: Fault { Fault(offset: offset) }
  }

  // Not an array: a slice for each of a few hundred thousand fields would count references, while all connections wait. Every look is
  // within the bounds that were checked.
  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  /// - Parameter bytes: valid as long as the reader and its fields.
  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The next field; nil at the end. Those of kinds that are not ours are passed over.
  mutating func next() throws(Fault) -> Field? {
    while position < bytes.count {
      let start = position
      let tag = try varint()
      let number = Int(truncatingIfNeeded: tag >> 3)
      guard number > 0 else { throw Fault(offset: start) }
      switch tag & 7 {
      case 0: return Field(number, .number(try varint()), at: start)
      case 1: _ = try take(8)
      case 2:
        guard let count = Int(exactly: try varint()) else { throw Fault(offset: start) }
        return Field(number, .bytes(try take(count)), at: start)
      case 5: _ = try take(4)
      default: throw Fault(offset: start)
      }
    }
    return nil
  }

  private mutating func take(_ count: Int) throws(Fault) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= bytes.count - position else { throw Fault(offset: position) }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }

  private mutating func varint() throws(Fault) -> UInt64 {
    let start = position
    var (number, shift): (UInt64, UInt64) = (0, 0)
    while position < bytes.count, shift < 64 {
      let byte = bytes[position]
      position += 1
      // The tenth byte has one bit left.
      guard shift < 63 || byte < 2 else { break }
      number |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return number }
      shift += 7
    }
    throw Fault(offset: start)
  }
}

/// A part of a state that is made of fields: one of a kind that is not known is passed over, one that is missing keeps its value.
protocol StatePart {
  init()

  /// What it is before any of its fields is read.
  static var unread: Self { get }

  /// Takes one of its fields, if it is known.
  mutating func take(_ field: StateReader.Field) throws(StateReader.Fault)

  /// Whether it can be, once it has all.
  var isPossible: Bool { get }
}

extension StatePart {
  static var unread: Self { Self() }
  var isPossible: Bool { true }

  init(_ fields: StateReader) throws(StateReader.Fault) {
    self = Self.unread
    var fields = fields
    while let field = try fields.next() { try take(field) }
    guard isPossible else { throw StateReader.Fault(offset: 0) }
  }
}
