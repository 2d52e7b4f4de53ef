import ZinxWire

/// The header of a proxy: whatever it is, the answer is the same wherever it lies and whatever follows, and comes with the byte that
/// decides; more bytes take nothing back.
@Sendable func fuzzProxy(_ input: Input) {
  var input = input
  let cut = Int(input.word(UInt16.self))
  // Memory of its own, so that the sanitizer sees a byte too many.
  let bytes = input.bytes
  let seen = read(bytes[...])
  require(
    ([0xFF] + bytes).withUnsafeBytes { ProxyHeader.read(UnsafeRawBufferPointer(rebasing: $0.dropFirst())) } == seen,
    "at any address")
  let part = read(bytes.prefix(cut % (bytes.count + 1)))
  if part != .needsMore { require(part == seen, "what follows changes nothing") }
  switch seen {
  case .needsMore: require(bytes.count < ProxyHeader.longest, "more is needed of no more than may come")
  case .refused: break
  case .header(let header):
    require(header.length <= bytes.count && header.length <= ProxyHeader.longest, "a header that has come")
    require(read(bytes.prefix(header.length)) == seen, "nothing but the header counts")
    require(read(bytes.prefix(header.length - 1)) == .needsMore, "no sooner than it is whole")
    if bytes[0] == UInt8(ascii: "P") {
      require(header.length <= 107 && bytes[..<header.length].suffix(2) == [13, 10], "a line")
    } else {
      require(header.length == 16 + (Int(bytes[14]) << 8 | Int(bytes[15])), "as long as it says")
    }
    if let ends = header.ends { require(isSameFamily(ends.source.address, ends.destination.address), "one family") }
  }
}

private func read(_ bytes: ArraySlice<UInt8>) -> ProxyHeader.Reading { Array(bytes).withUnsafeBytes(ProxyHeader.read) }

private func isSameFamily(_ one: ProxyHeader.Address, _ other: ProxyHeader.Address) -> Bool {
  switch (one, other) {
  case (.v4, .v4), (.v6, .v6): true
  default: false
  }
}
