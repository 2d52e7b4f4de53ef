import ZinxWire

/// What first bytes look like: whatever they are, the answer is bounded, the same wherever they lie, and none for messages of the
/// listener itself that have a route; what it says of an order of the header, the bytes bear out.
@Sendable func fuzzLookalike(_ input: Input) {
  var input = input
  let listener = input.element(of: [nil] + DataPack.allCases)
  let word = input.word(UInt32.self)
  let limit = word & 0x8000_0000 == 0 ? word % 4096 : word
  let routes = input.word(UInt16.self)
  // Memory of its own, so that the sanitizer sees a byte too many.
  let bytes = input.bytes
  var asked = 0
  let hasRoute: (UInt32) -> Bool = { id in
    asked += 1
    return id < 16 && routes >> id & 1 == 1
  }
  func look(_ bytes: UnsafeRawBufferPointer) -> Lookalike? {
    Lookalike(firstBytes: bytes, listener: listener, maxPacketSize: limit, hasRoute: hasRoute)
  }
  let seen = bytes.withUnsafeBytes(look)
  require(asked <= DataPack.allCases.count, "each order asks for one route")
  require(([0xFF] + bytes).withUnsafeBytes { look(UnsafeRawBufferPointer(rebasing: $0.dropFirst())) } == seen, "at any address")
  guard let seen else { return }
  require(bytes.count >= 4, "nothing is told by less than four bytes")
  if let listener, let own = header(bytes, listener) {
    require(own.length > limit || !hasRoute(own.id), "a message that has a route is not suspected")
  }
  guard case .frames(let pack) = seen else { return require(bytes.first != 0, "no protocol begins with zero") }
  require(pack != listener, "another order than that of the listener")
  guard let first = header(bytes, pack) else { return require(false, "an order is told by a whole header") }
  require(first.length <= limit, "its length is allowed")
  let isWhole = bytes.count - 8 >= Int(first.length)
  require(hasRoute(first.id) || first.id < 1 << 16 || isWhole, "its id has a route, or is small, or its data is there")
}

/// Every byte by itself: nothing here is shared with what is tested.
private func header(_ bytes: [UInt8], _ pack: DataPack) -> (id: UInt32, length: UInt32)? {
  guard bytes.count >= 8 else { return nil }
  func field(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    (pack == .tlvBigEndian ? Array(bytes) : bytes.reversed()).reduce(0) { $0 << 8 | UInt32($1) }
  }
  let (first, second) = (field(bytes[0..<4]), field(bytes[4..<8]))
  return pack == .ltvLittleEndian ? (second, first) : (first, second)
}
