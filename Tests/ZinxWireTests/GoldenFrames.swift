import Foundation
import NIOCore
import Testing
import ZinxWire

/// One line of `golden-frames.txt`: a message and the bytes that it is on the wire.
struct GoldenFrame: CustomTestStringConvertible {
  var pack: DataPack
  var message: Message
  var bytes: ByteBuffer

  var testDescription: String { "\(pack.rawValue) id \(message.id), \(message.data.readableBytes) bytes" }

  static let ping = ByteBuffer(string: "ping...ping...ping")

  /// Beside this file, so that the tests need no resource bundle.
  static let all: [GoldenFrame] = goldenLines("golden-frames.txt").map(parse)

  private static func parse(_ line: Substring) -> GoldenFrame {
    let fields = line.split(separator: " ")
    guard fields.count == 4, let pack = DataPack(rawValue: String(fields[0])), let id = UInt32(fields[1]) else {
      fatalError("golden-frames.txt: \(line)")
    }
    let data =
      switch fields[2] {
      case "empty": ByteBuffer()
      case "ping": ping
      default: ByteBuffer(bytes: (0..<300).map { UInt8(truncatingIfNeeded: $0) })
      }
    return GoldenFrame(pack: pack, message: Message(id: id, data: data), bytes: ByteBuffer(hex: fields[3]))
  }
}

/// The lines of a file beside this one, so that the tests need no resource bundle.
func goldenLines(_ name: String) -> [Substring] {
  let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: name)
  do {
    return try String(contentsOf: path, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }
  } catch {
    fatalError("\(path.path()): \(error)")
  }
}

extension ByteBuffer {
  /// The bytes that pairs of hexadecimal digits stand for.
  init(hex: some StringProtocol) {
    let digits = hex.compactMap(\.hexDigitValue).map(UInt8.init)
    self.init(bytes: stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
  }
}
