import CLinux
import Glibc
import Zinx
import ZinxControl
import ZinxIO

/// The lines in which a trace is told.
struct TraceLines {
  /// Ids in a line at most.
  static let mostIDs = 1000
  /// Bytes of a line beside its messages.
  private static let frame = 512

  private let id: JSON
  /// What is to be added to the monotonic clock to get seconds of Unix time.
  private let offset: Double

  /// A moment on both clocks.
  struct Clock {
    var monotonic: Int64
    var unix: Double

    static var now: Clock {
      var time = timespec()
      clock_gettime(CLOCK_REALTIME, &time)
      return Clock(monotonic: Instant.now.nanoseconds, unix: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9)
    }
  }

  init(_ id: JSON, clock: Clock) { (self.id, offset) = (id, clock.unix - Double(clock.monotonic) / 1e9) }

  /// One at least; what was left out is in the last one.
  func lines(_ messages: [TracedMessage], _ leftOut: TraceGap) -> [String] {
    var (lines, elements, size) = ([String](), [JSON](), 0)
    func end(_ leftOut: Int) {
      let result: JSON = ["messages": .array(elements), "leftOut": .count(leftOut)]
      lines.append(ControlProtocol.answer(id, result, more: true).description)
      (elements, size) = ([], 0)
    }
    for message in messages {
      let element = json(message)
      let length = element.description.utf8.count + 1
      if size + length > ControlProtocol.longestLine - Self.frame { end(0) }
      elements.append(element)
      size += length
    }
    end(leftOut.messages)
    return lines
  }

  /// How it has ended, and what there was in all.
  func last(_ reason: TraceSchedule.End, _ counts: (shown: Int, leftOut: Int)) -> String {
    let end: JSON = ["reason": .string(reason.rawValue), "messages": .count(counts.shown), "leftOut": .count(counts.leftOut)]
    return ControlProtocol.answer(id, ["messages": [], "leftOut": 0, "end": end]).description
  }

  /// Of data of which there is more the beginning alone; microseconds.
  private func json(_ message: TracedMessage) -> JSON {
    let at = ((offset + Double(message.at) / 1e9) * 1e6).rounded() / 1e6
    return [
      "connection": .count(message.connection), "direction": .string(message.direction.rawValue), "at": .number(at),
      "msgId": message.id.map { .count($0) } ?? .null, "length": .count(message.length), "data": .string(Hex.text(message.data)),
    ]
  }
}
