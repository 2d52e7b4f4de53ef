/// A key of a terminal.
enum Key: Hashable {
  case character(Character)
  case up, down, left, right, pageUp, pageDown, home, end, enter, escape, backspace
}

/// Keys in what a terminal sends (ECMA-48, and what xterm(1) makes of it): a value, without terminal or clock.
struct KeyDecoder {
  /// A sequence that has begun.
  private var pending: [UInt8] = []
  /// Longer is none that is known.
  private static let longest = 16

  /// Whether something may follow that belongs to what came: after a moment without, see ``flush()``.
  var isWaiting: Bool { !pending.isEmpty }

  mutating func keys(from bytes: [UInt8]) -> [Key] {
    pending += bytes
    var keys: [Key] = []
    while let (key, length) = next() {
      if let key { keys.append(key) }
      pending.removeFirst(length)
    }
    return keys
  }

  /// Nothing more came: an escape that is alone is a key.
  mutating func flush() -> [Key] {
    defer { pending = [] }
    return pending.first == 0x1B ? [.escape] : []
  }

  /// The first key and its length, a nil key for what is none that is known; nil while it is not whole.
  private func next() -> (Key?, Int)? {
    guard let first = pending.first else { return nil }
    switch first {
    case 0x1B: return sequence()
    case 0x0A, 0x0D: return (.enter, 1)
    case 0x08, 0x7F: return (.backspace, 1)
    case ..<0x20: return (nil, 1)
    default: return character(first)
    }
  }

  private func character(_ first: UInt8) -> (Key?, Int)? {
    let length = first < 0x80 ? 1 : first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    guard pending.count >= length else { return nil }
    guard let text = String(validating: pending.prefix(length), as: UTF8.self), let character = text.first else {
      return (nil, 1)
    }
    return (.character(character), length)
  }

  /// `ESC [ … letter`, `ESC [ … ~`, `ESC O letter`.
  private func sequence() -> (Key?, Int)? {
    guard pending.count > 1 else { return nil }
    guard pending[1] == UInt8(ascii: "[") || pending[1] == UInt8(ascii: "O") else { return (.escape, 1) }
    guard let end = pending[2...].firstIndex(where: { (0x40...0x7E).contains($0) }) else {
      return pending.count < Self.longest ? nil : (nil, pending.count)
    }
    return (Self.names[String(decoding: pending[2...end], as: UTF8.self)], end + 1)
  }

  private static let names: [String: Key] = [
    "A": .up, "B": .down, "C": .right, "D": .left, "H": .home, "F": .end, "1~": .home, "7~": .home, "4~": .end, "8~": .end,
    "5~": .pageUp, "6~": .pageDown, "3~": .backspace,
  ]
}
