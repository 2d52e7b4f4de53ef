import NIOCore
import Testing
import ZinxWire

@Suite("Payloads")
struct PayloadTests {
  @Test("text is its UTF-8", arguments: ["", "a", "grüße", "\u{0}", "👩‍👩‍👧"])
  func text(_ text: String) throws {
    var data = try ByteBuffer(encoding: text)
    #expect(Array(data.readableBytesView) == Array(text.utf8))
    #expect(try String(decoding: &data) == text)
    #expect(data.readableBytes == 0)
  }

  @Test("bytes that are no UTF-8 are no text", arguments: [[0xFF], [0x61, 0xC3], [0xED, 0xA0, 0x80]] as [[UInt8]])
  func noText(_ bytes: [UInt8]) {
    var data = ByteBuffer(bytes: bytes)
    #expect(throws: PayloadError.invalid("is no UTF-8")) { try String(decoding: &data) }
  }

  @Test("bytes are themselves, wherever they lie in their buffer")
  func bytes() throws {
    var data = ByteBuffer(string: "..abc")
    data.moveReaderIndex(forwardBy: 2)
    let own = ByteBuffer(decoding: &data)
    #expect(String(buffer: own) == "abc")
    #expect(data.readableBytes == 0)
    #expect(String(buffer: try ByteBuffer(encoding: own)) == "abc")
  }

  @Test("errors say what is wrong with the data")
  func errors() {
    #expect("\(PayloadError.truncated)" == "the data ends before the value does")
    #expect("\(PayloadError.tooLong)" == "the value has more bytes than its type says")
    #expect("\(PayloadError.invalid("is no UTF-8"))" == "the data is no UTF-8")
  }

  @Test(
    "numbers are the bytes that ByteBuffer makes of them, in either order, and are read again",
    arguments: [Endianness.little, .big])
  func fields(_ order: Endianness) throws {
    var (data, model) = (ByteBuffer(string: "."), ByteBuffer(string: "."))
    try data.writeFields(bytes: 15, endianness: order) {
      $0.put(UInt8(1))
      $0.put(Int16(-2))
      $0.put(UInt32(0x1234_5678))
      $0.put(Int64.min)
    }
    model.writeMultipleIntegers(UInt8(1), Int16(-2), UInt32(0x1234_5678), Int64.min, endianness: order)
    #expect(data == model)
    data.moveReaderIndex(forwardBy: 1)
    data.writeString("rest")
    let read: (UInt8, Int16, UInt32, Int64) = try data.readFields(bytes: 15, endianness: order) {
      ($0.take(), $0.take(), $0.take(), $0.take())
    }
    #expect(read == (1, -2, 0x1234_5678, .min))
    #expect(String(buffer: data) == "rest")
  }

  @Test("fewer bytes than the numbers take are not touched", arguments: [0, 1, 7])
  func tooFew(count: Int) {
    var data = ByteBuffer(repeating: 1, count: count)
    #expect(throws: PayloadError.truncated) { try data.readFields(bytes: 8) { $0.take(UInt64.self) } }
    #expect(data.readableBytes == count)
  }

  @Test("a value of fields is the same bytes to a buffer and to who has memory for them", arguments: [Endianness.little, .big])
  func fieldPayload(_ order: Endianness) throws {
    var expected = ByteBuffer()
    expected.writeMultipleIntegers(UInt8(7), Int32(-2), endianness: order)
    func check<Value: FieldPayload & Equatable>(_ value: Value) throws {
      var data = try ByteBuffer(encoding: value)
      #expect(data == expected)
      #expect(value._withBytes { Array($0) == Array(expected.readableBytesView) })
      data.writeString("of a later version")
      #expect(try data.withUnsafeReadableBytes { try Value._decode($0) { ByteBuffer() } } == value)
      #expect(try Value(decoding: &data) == value)
      #expect(String(buffer: data) == "of a later version")
    }
    switch order {
    case .little: try check(Little(kind: 7, offset: -2))
    case .big: try check(Big(kind: 7, offset: -2))
    }
  }

  @Test("fewer bytes than a value of fields takes are no value, and stay", arguments: 0..<5)
  func tooFewForFields(count: Int) {
    var data = ByteBuffer(repeating: 1, count: count)
    #expect(throws: PayloadError.truncated) { try Big(decoding: &data) }
    #expect(data.readableBytes == count)
    #expect(throws: PayloadError.truncated) {
      try data.withUnsafeReadableBytes { try Big._decode($0) { ByteBuffer() } }
    }
  }

  @Test("numbers beyond those that are there are 0, and the data is truncated", arguments: [Endianness.little, .big])
  func beyond(_ order: Endianness) {
    var data = ByteBuffer(repeating: 0xFF, count: 20)
    var taken: [UInt64] = []
    #expect(throws: PayloadError.truncated) {
      try data.readFields(bytes: 6, endianness: order) { fields in
        taken = [
          UInt64(fields.take(UInt32.self)), fields.take(), UInt64(fields.take(UInt8.self)), UInt64(fields.take(UInt16.self)),
        ]
      }
    }
    // Nor is what is left of the room taken by a smaller one.
    #expect(taken == [0xFFFF_FFFF, 0, 0, 0])
    #expect(data.readableBytes == 20)
  }

  @Test("a peer's number says how many follow, and more than it sent are no value, to the codec's own complaint")
  func counted() throws {
    var data = ByteBuffer(bytes: [2, 7, 8, 0])
    #expect(try Counted(decoding: &data).numbers == [7, 8])
    for bytes in [[4, 7, 8, 9], [255, 1, 1, 1], [4, 1, 1, 1]] as [[UInt8]] {
      var data = ByteBuffer(bytes: bytes)
      #expect(throws: PayloadError.truncated) { try Counted(decoding: &data) }
      #expect(data.readableBytes == 4)
      #expect(throws: PayloadError.truncated) { try bytes.withUnsafeBytes { try Counted._decode($0) { ByteBuffer() } } }
    }
    var wrong = ByteBuffer(bytes: [1, 0, 0, 0])
    #expect(throws: PayloadError.invalid("has a 0")) { try Counted(decoding: &wrong) }
  }

  @Test(
    "numbers are taken together, none of them where the peer announces more than it sends",
    arguments: [-1, 3, 1 << 40, Int64.max])
  func announced(count: Int64) throws {
    var data = ByteBuffer()
    try Listed(numbers: [7, 8]).encode(into: &data)
    var copy = data
    #expect(try Listed(decoding: &copy).numbers == [7, 8])
    data.setInteger(count, at: 0, endianness: .little)
    #expect(throws: PayloadError.truncated) { try Listed(decoding: &data) }
  }

  @Test("a value with more bytes than its type says is not sent")
  func tooLong() throws {
    let value = Counted(numbers: [1, 2, 3, 4])
    var data = ByteBuffer(string: "before")
    #expect(throws: PayloadError.tooLong) { try value.encode(into: &data) }
    #expect(String(buffer: data) == "before")
    #expect(!value._withBytes { _ in true })
    #expect(throws: PayloadError.tooLong) { try data.writeFields(bytes: 3) { $0.put(UInt32(1)) } }
    #expect(throws: PayloadError.tooLong) { try data.writeFields(bytes: -1) { _ in } }
    #expect(String(buffer: data) == "before")
  }

  @Test("fewer than no bytes are none to read")
  func negative() {
    var data = ByteBuffer(string: "abc")
    #expect(throws: PayloadError.truncated) { try data.readFields(bytes: -1) { $0.take(UInt8.self) } }
  }

  @Test("what a value does not put of its room is 0")
  func room() throws {
    let room = Room(number: 0x0102)
    #expect(try Array(ByteBuffer(encoding: room).readableBytesView) == [2, 1, 0, 0, 0])
    #expect(room._withBytes { Array($0) == [2, 1, 0, 0, 0] })
  }

  @Test("a value of no fields is no bytes")
  func nothing() throws {
    var data = try ByteBuffer(encoding: Nothing())
    #expect(data.readableBytes == 0)
    _ = try Nothing(decoding: &data)
    #expect(Nothing()._withBytes { $0.isEmpty })
  }

  @Test("what a value of fields refuses is told")
  func refused() {
    var data = ByteBuffer(bytes: [9])
    #expect(throws: PayloadError.invalid("names no direction")) { try Direction(decoding: &data) }
  }
}

private struct Little: FieldPayload, Equatable {
  var kind: UInt8
  var offset: Int32

  static var encodedSize: Int { 5 }

  init(kind: UInt8, offset: Int32) { (self.kind, self.offset) = (kind, offset) }

  init(from fields: inout FieldReader) { (kind, offset) = (fields.take(), fields.take()) }

  func encode(to fields: inout FieldWriter) {
    fields.put(kind)
    fields.put(offset)
  }
}

private struct Big: FieldPayload, Equatable {
  var kind: UInt8
  var offset: Int32

  static var encodedSize: Int { 5 }
  static var endianness: Endianness { .big }

  init(kind: UInt8, offset: Int32) { (self.kind, self.offset) = (kind, offset) }

  init(from fields: inout FieldReader) { (kind, offset) = (fields.take(), fields.take()) }

  func encode(to fields: inout FieldWriter) {
    fields.put(kind)
    fields.put(offset)
  }
}

private struct Room: FieldPayload {
  var number: UInt16

  static var encodedSize: Int { 5 }

  init(number: UInt16) { self.number = number }

  init(from fields: inout FieldReader) { number = fields.take() }

  func encode(to fields: inout FieldWriter) { fields.put(number) }
}

/// A number of numbers, and these: what its peer says is believed.
private struct Counted: FieldPayload {
  var numbers: [UInt8]

  static var encodedSize: Int { 4 }

  init(numbers: [UInt8]) { self.numbers = numbers }

  init(from fields: inout FieldReader) throws {
    numbers = []
    for _ in 0..<fields.take(UInt8.self) { numbers.append(fields.take()) }
    if numbers.contains(0) { throw PayloadError.invalid("has a 0") }
  }

  func encode(to fields: inout FieldWriter) {
    fields.put(UInt8(numbers.count))
    for number in numbers { fields.put(number) }
  }
}

/// The same, with a number that may be anything.
private struct Listed: FieldPayload {
  var numbers: [UInt16]

  static var encodedSize: Int { 12 }

  init(numbers: [UInt16]) { self.numbers = numbers }

  init(from fields: inout FieldReader) { numbers = fields.take(count: Int(fields.take(Int64.self))) }

  func encode(to fields: inout FieldWriter) {
    fields.put(Int64(numbers.count))
    for number in numbers { fields.put(number) }
  }
}

private struct Nothing: FieldPayload {
  static var encodedSize: Int { 0 }

  init() {}

  init(from fields: inout FieldReader) {}

  func encode(to fields: inout FieldWriter) {}
}

private enum Direction: UInt8, FieldPayload {
  case up = 1
  case down

  static var encodedSize: Int { 1 }

  init(from fields: inout FieldReader) throws {
    guard let direction = Self(rawValue: fields.take()) else { throw PayloadError.invalid("names no direction") }
    self = direction
  }

  func encode(to fields: inout FieldWriter) { fields.put(rawValue) }
}
