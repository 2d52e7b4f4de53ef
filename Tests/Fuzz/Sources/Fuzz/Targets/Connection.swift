import NIOCore
import Zinx

/// The server's own receive path, from the socket to the end of the connection, on one side of a socket pair: every request is answered
/// once, in order, byte for byte, and the connection ends for the reason that the stream has.
@Sendable func fuzzConnection(_ input: Input) {
  var input = input
  let setting = input.byte()
  let stream = Stream(&input)
  harnesses.exchange(stream, workers: Int(setting % 2)) { frame, answers in
    guard echoed.contains(frame.id), frame.id != failing else { return }
    stream.pack.encode(id: frame.id, data: UnsafeRawBufferPointer(rebasing: stream.bytes[frame.data]), into: &answers)
  }
}

/// Ids that are echoed; the higher ones after a suspension, and `failing` never.
private let echoed: ClosedRange<UInt32> = 0...15
private let failing: UInt32 = 9

private let harnesses = Harnesses { registrar in
  for id in echoed {
    registrar.route(id) { request in
      if id == failing { throw CancellationError() }
      if id > 7 { await Task.yield() }
      try await request.connection.sendBuffMsg(request.id, request.data)
    }
  }
}
