/// What a client may send on a WebSocket, and what has to become of it: the rules of RFC 6455, sections 5 and 7, one by one, in the order of
/// the groups of the Autobahn test suite. Data are binary, and messages of Zinx with id 7: what is text there is refused here.
public struct WebSocketCase: Sendable, CustomStringConvertible {
  /// How it ends.
  public enum Outcome: Sendable, Equatable {
    case open
    /// The client closes, and the same is said again.
    case closed(UInt16?)
    /// The client does what it may not, and is told so.
    case failed(UInt16)
  }

  public let description: String
  public let bytes: [UInt8]
  public let messages: [RawFrame]
  public let pings: [[UInt8]]
  public let outcome: Outcome

  private init(
    _ description: String, _ frames: [[UInt8]], _ messages: [RawFrame], pings: [[UInt8]] = [], _ outcome: Outcome
  ) {
    self.description = description
    bytes = frames.flatMap { $0 }
    self.messages = messages
    self.pings = pings
    self.outcome = outcome
  }

  /// Without a message.
  private init(_ description: String, _ frames: [[UInt8]], pings: [[UInt8]] = [], _ outcome: Outcome) {
    self.init(description, frames, [], pings: pings, outcome)
  }

  /// A masked frame, its length in as few bytes as there can be.
  public static func frame(_ first: UInt8, _ payload: [UInt8] = [], mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]) -> [UInt8] {
    let count = payload.count
    let length: [UInt8] =
      switch count {
      case ...125: [UInt8(count)]
      case ...0xFFFF: [126, UInt8(count >> 8), UInt8(count & 0xFF)]
      default: [127] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
      }
    return [first, length[0] | 0x80] + length.dropFirst() + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
  }

  // MARK: Parts

  private static let (continuation, text, binary, close, ping, pong): (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) =
    (0x80, 0x81, 0x82, 0x88, 0x89, 0x8A)
  /// Of a first byte: other frames of the message follow.
  private static func begun(_ first: UInt8) -> UInt8 { first & 0x7F }

  /// A message whose frame is so many bytes long.
  private static func message(_ count: Int) -> RawFrame {
    RawFrame(7, (0..<count - 8).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) })
  }

  private static let hello = RawFrame(7, "hello")
  private static let helloFrame = frame(binary, hello.bytes())
  private static let parts = stride(from: 0, to: hello.bytes().count, by: 4).map {
    Array(hello.bytes()[$0..<min($0 + 4, hello.bytes().count)])
  }

  /// A message in frames of four bytes, with something between any two.
  private static func fragments(between: [UInt8] = []) -> [[UInt8]] {
    parts.indices.flatMap { index -> [[UInt8]] in
      let last = index == parts.count - 1
      let first = index == 0 ? begun(binary) : last ? continuation : begun(continuation)
      return [frame(first, parts[index])] + (last || between.isEmpty ? [] : [between])
    }
  }

  private static func closing(_ code: Int, _ reason: [UInt8] = []) -> [UInt8] {
    frame(close, [UInt8(code >> 8), UInt8(code & 0xFF)] + reason)
  }

  private static func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 0x2A, count: count) }

  // MARK: The cases

  public static let all: [Self] =
    framing + pings + reserved + operations + fragmentation + texts + closes + lengths + masks + limits

  private static let framing: [Self] =
    [Self("1.2.1 an empty message", [frame(binary), helloFrame], [hello], .open)]
    + [9, 125, 126, 127, 128, 65_535, 65_536].map { count in
      Self("1.2 a message of \(count) bytes", [frame(binary, message(count).bytes())], [message(count)], .open)
    }
    + [0, 125, 126, 65_536].map { Self("1.1 text of \($0) bytes", [helloFrame, frame(text, bytes($0))], [hello], .failed(1003)) }

  private static let pings: [Self] = [
    Self("2.1 a ping without payload", [frame(ping)], pings: [[]], .open),
    Self("2.2 a ping with text", [frame(ping, Array("Hello, world!".utf8))], pings: [Array("Hello, world!".utf8)], .open),
    Self("2.3 a ping that is no UTF-8", [frame(ping, [0, 0xFF, 0xFE, 0xFD, 0])], pings: [[0, 0xFF, 0xFE, 0xFD, 0]], .open),
    Self("2.4 a ping of 125 bytes", [frame(ping, bytes(125))], pings: [bytes(125)], .open),
    Self("2.5 a ping of 126 bytes", [frame(ping, bytes(126))], .failed(1002)),
    Self("2.7 a pong that nobody asked for", [frame(pong), helloFrame], [hello], .open),
    Self("2.8 a pong with payload", [frame(pong, bytes(9)), helloFrame], [hello], .open),
    Self("2.9 a pong, then a ping", [frame(pong, bytes(9)), frame(ping, bytes(3))], pings: [bytes(3)], .open),
    Self("2.10 ten pings", (1...10).map { frame(ping, bytes($0)) }, pings: (1...10).map(bytes), .open),
    Self("2 a pong of 126 bytes", [frame(pong, bytes(126))], .failed(1002)),
  ]

  private static let reserved: [Self] = (1...7).flatMap { bits -> [Self] in
    [("3.1", "an empty message", binary), ("3.2", "text", text), ("3.5", "a ping", ping), ("3.6", "a close", close)].map {
      group, what, first in
      Self("\(group) reserved bits \(bits) of \(what)", [helloFrame, frame(first | UInt8(bits << 4))], [hello], .failed(1002))
    }
  }

  private static let operations: [Self] = (Array(3...7) + Array(11...15)).flatMap { operation -> [Self] in
    [
      Self("4 the operation \(operation)", [helloFrame, frame(0x80 | UInt8(operation))], [hello], .failed(1002)),
      Self(
        "4 the operation \(operation) with payload, and what follows", [frame(0x80 | UInt8(operation), bytes(5)), frame(ping)],
        .failed(1002)),
    ]
  }

  private static let fragmentation: [Self] = [
    Self("5.1 a ping in two frames", [frame(begun(ping), bytes(1)), frame(continuation, bytes(1))], .failed(1002)),
    Self("5.2 a pong in two frames", [frame(begun(pong), bytes(1)), frame(continuation, bytes(1))], .failed(1002)),
    Self("5 a close in two frames", [frame(begun(close), [3]), frame(continuation, [0xE8])], .failed(1002)),
    Self("5.3 a message in frames", fragments(), [hello], .open),
    Self(
      "5.6 with a ping between them", fragments(between: frame(ping, bytes(2))), [hello], pings: [bytes(2), bytes(2), bytes(2)],
      .open),
    Self("5 with a pong between them", fragments(between: frame(pong, bytes(2))), [hello], .open),
    Self(
      "5 of which some are empty",
      [frame(begun(binary)), frame(begun(continuation)), frame(begun(continuation), hello.bytes()), frame(continuation)],
      [hello], .open),
    Self("5.9 the end of no message", [frame(continuation, bytes(3)), helloFrame], .failed(1002)),
    Self("5.12 the middle of no message", [frame(begun(continuation), bytes(3)), helloFrame], .failed(1002)),
    Self("5.15 a message in frames, then the end of none", fragments() + [frame(begun(continuation))], [hello], .failed(1002)),
    Self("5.18 a message inside another", [frame(begun(binary), hello.bytes()), helloFrame], [hello], .failed(1002)),
    Self("5 text inside a message", [frame(begun(binary), hello.bytes()), frame(text)], [hello], .failed(1003)),
    Self("5 the beginning of a message inside another", [frame(begun(binary)), frame(begun(binary))], .failed(1002)),
    Self(
      "5.19 pings inside and outside", fragments(between: frame(ping)) + [frame(ping, [1])], [hello], pings: [[], [], [], [1]],
      .open),
  ]

  private static let texts: [Self] = [
    Self("6.1 text in frames", [frame(begun(text)), frame(continuation)], .failed(1003)),
    Self("6.3 text that is no UTF-8", [frame(text, [0xCE, 0xBA, 0xED, 0xA0, 0x80])], .failed(1003)),
  ]

  private static let goodCodes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
  private static let badCodes = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]

  private static let closes: [Self] =
    [
      Self("7.1.1 a message, then a close", [helloFrame, closing(1000)], [hello], .closed(1000)),
      Self("7.1.2 two closes", [closing(1000), closing(1001)], .closed(1000)),
      Self("7.1.3 a ping behind the close", [closing(1000), frame(ping, bytes(3))], .closed(1000)),
      Self("7.1.4 a message behind the close", [closing(1000), helloFrame], .closed(1000)),
      Self(
        "7.1.5 a close inside a message", [frame(begun(binary), hello.bytes()), closing(1000), frame(continuation)], [hello],
        .closed(1000)),
      Self(
        "7.1.6 a long message, then a close", [frame(binary, message(262_144).bytes()), closing(1000)], [message(262_144)],
        .closed(1000)),
      Self("7 what may not be behind the close", [closing(1000), [0xFF, 0xFF, 0xFF]], .closed(1000)),
      Self("7.3.1 a close without payload", [frame(close)], .closed(nil)),
      Self("7.3.2 a close with half a code", [frame(close, [3])], .failed(1002)),
      Self("7.3.4 a close with a reason", [closing(1000, Array("Hello World!".utf8))], .closed(1000)),
      Self("7.3.5 a close with the longest reason", [closing(1000, bytes(123))], .closed(1000)),
      Self("7.3.6 a close with one that is longer", [closing(1000, bytes(124))], .failed(1002)),
      Self("7.5.1 a close with a reason that is no UTF-8", [closing(1000, [0xCE, 0xBA, 0xED, 0xA0, 0x80, 0x65])], .failed(1007)),
      Self("7.5 a close with half a character at the end", [closing(1000, [0x61, 0xC3])], .failed(1007)),
      Self("7.5 a close with an overlong character", [closing(1000, [0xC0, 0xAF])], .failed(1007)),
      Self("7.5 a close with more than Unicode has", [closing(1000, [0xF4, 0x90, 0x80, 0x80])], .failed(1007)),
      Self("7.5 a close with the last character of Unicode", [closing(1000, [0xF4, 0x8F, 0xBF, 0xBF])], .closed(1000)),
    ]
    + goodCodes.map { Self("7.7 a close with \($0)", [closing($0)], .closed(UInt16($0))) }
    + badCodes.map { Self("7.9 a close with \($0)", [helloFrame, closing($0)], [hello], .failed(1002)) }

  private static let lengths: [Self] = [
    Self("5.2 a length of 125 in two bytes", [[0x82, 0xFE, 0, 125, 1, 2, 3, 4]], .failed(1002)),
    Self("5.2 a length of 65 535 in eight bytes", [[0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 1, 2, 3, 4]], .failed(1002)),
    Self("5.2 a length with the highest bit", [[0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]], .failed(1002)),
  ]

  private static let masks: [Self] =
    [[0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 1], [0x80, 0, 0, 0]].map {
      Self("5.3 a message under the mask \($0)", [frame(binary, hello.bytes(), mask: $0)], [hello], .open)
    }
    + [("a message", binary), ("a ping", ping), ("a close", close)].map { what, first in
      Self("5.1 \(what) without a mask", [helloFrame, [first, 0]], [hello], .failed(1002))
    }

  private static let limits: [Self] = [
    Self(
      "9 messages of every length side by side", (9...200).map { frame(binary, message($0).bytes()) }, (9...200).map(message),
      .open),
    Self("9.3 a message of 256 KiB in frames of 1000 bytes", slices(message(262_144), 1000), [message(262_144)], .open),
    Self(
      "9.7 a thousand messages", [[UInt8]](repeating: helloFrame, count: 1000), [RawFrame](repeating: hello, count: 1000), .open),
    Self("10.1 messages glued in one", [frame(binary, hello.bytes(times: 300))], [RawFrame](repeating: hello, count: 300), .open),
    Self(
      "10 a message in two", [frame(binary, Array(hello.bytes().prefix(5))), frame(binary, Array(hello.bytes().dropFirst(5)))],
      [hello], .open),
  ]

  private static func slices(_ message: RawFrame, _ size: Int) -> [[UInt8]] {
    let bytes = message.bytes()
    return stride(from: 0, to: bytes.count, by: size).map { start in
      let isLast = start + size >= bytes.count
      return frame(
        start == 0 ? begun(binary) : isLast ? continuation : begun(continuation),
        Array(bytes[start..<min(start + size, bytes.count)]))
    }
  }
}
