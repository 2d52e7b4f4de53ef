import Glibc
import NIOCore
import Testing
import ZinxIO
import ZinxTestKit
import ZinxWire

extension FakePeer {
  /// Connects and takes the greeting, which is when the connection counts.
  static func greeted(by port: UInt16) async throws -> FakePeer {
    let peer = try await connect(to: port)
    let greeting = try await peer.receive()
    #expect(greeting.id == 2)
    return peer
  }

  /// Sends a request and returns the text of the answer, which has the same id.
  func ask(_ id: UInt32, _ text: String = "") async throws -> String {
    try await send(id, text)
    let answer = try await receive()
    #expect(answer.id == id)
    return String(buffer: answer.data)
  }
}

extension NotifySocket {
  /// The next notification; none within ten seconds is an error.
  func following() async throws -> String {
    try #require(try await onThread { self.next() }, "no notification came")
  }

  /// The notifications up to the first that contains `text`, that one included.
  @discardableResult
  func upTo(_ text: String) async throws -> [String] {
    var all: [String] = []
    repeat { all.append(try await following()) } while !(all.last ?? "").contains(text)
    return all
  }
}

/// CPU time of a process so far, in hundredths of a second.
func processorTicks(of pid: pid_t) throws -> Int {
  let descriptor = try Descriptor(open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC), from: "open")
  var bytes = [UInt8](repeating: 0, count: 1024)
  let count = read(descriptor.number, &bytes, bytes.count)
  // Behind the name, which may have spaces in it, the eleventh field is the time in user mode, the next that in the kernel.
  let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  let fields = text.split(separator: ")").last?.split(separator: " ").compactMap { Int($0) } ?? []
  return fields.count > 12 ? fields[10] + fields[11] : 0
}
