import Glibc
import NIOCore
import ZinxWire

/// Says what happens, one line each: to a human, or as JSON.
struct Report: Sendable {
  let isJSON: Bool
  let hasColour: Bool

  init(json: Bool) {
    isJSON = json
    hasColour = !json && Output.hasColour
  }

  /// An event about a message, as JSON; nothing for a human.
  func json(_ event: String, _ message: Message? = nil, _ fields: [(String, JSONLine.Value)] = []) {
    if isJSON { Output.line(Self.object(event, at: Self.timestamp(), message, fields)) }
  }

  /// A line for a human; nothing as JSON.
  func human(_ line: @autoclosure () -> String) {
    if !isJSON { Output.line(line()) }
  }

  func dimmed(_ text: String) -> String { coloured(text, "2") }
  func bad(_ text: String) -> String { coloured(text, "31") }

  private func coloured(_ text: String, _ code: String) -> String { hasColour ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text }

  static func object(
    _ event: String, at time: String, _ message: Message?, _ fields: [(String, JSONLine.Value)]
  ) -> String {
    var line = JSONLine()
    line.add("time", .text(time))
    line.add("event", .text(event))
    if let message {
      line.add("id", .integer(Int(message.id)))
      line.add("length", .integer(message.data.readableBytes))
      switch Bytes(Array(message.data.readableBytesView)) {
      case .text(let text): line.add("text", .text(text))
      case .binary(let bytes): line.add("hex", .text(Bytes.hexadecimal(bytes)))
      }
    }
    for (name, value) in fields { line.add(name, value) }
    return line.line
  }

  /// Now in UTC, to the millisecond, as RFC 3339 has it.
  static func timestamp() -> String { format(gmtime_r, "%Y-%m-%dT%H:%M:%S", zone: "Z") }

  /// Now on the wall clock of this machine's zone.
  static func clock() -> String { format(localtime_r, "%H:%M:%S", zone: "") }

  private static func format(
    _ split: (UnsafePointer<time_t>, UnsafeMutablePointer<tm>) -> UnsafeMutablePointer<tm>?, _ pattern: String, zone: String
  ) -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var parts = tm()
    _ = split(&now.tv_sec, &parts)
    let text = String(unsafeUninitializedCapacity: 64) { buffer in
      buffer.withMemoryRebound(to: CChar.self) { strftime($0.baseAddress, $0.count, pattern, &parts) }
    }
    let milliseconds = String(now.tv_nsec / 1_000_000)
    return "\(text).\(String(repeating: "0", count: 3 - milliseconds.count))\(milliseconds)\(zone)"
  }
}

extension Message {
  /// `id=2 21 bytes: DoConnection BEGIN...`
  var summary: String {
    let bytes = data.readableBytes
    let size = "id=\(id) \(bytes) byte\(bytes == 1 ? "" : "s")"
    return bytes == 0 ? size : "\(size): \(Bytes(Array(data.readableBytesView)).oneLine())"
  }
}
