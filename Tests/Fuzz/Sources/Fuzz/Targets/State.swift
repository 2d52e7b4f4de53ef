import ZinxWire

@testable import Zinx

/// What a program hands over to the next one: whatever it is, it ends in an error or in a state that is written down as it was read, and a
/// queue of it leaves as a whole however the kernel takes it.
@Sendable func fuzzState(_ input: Input) {
  var input = input
  let step = 1 + Int(input.word(UInt8.self))
  guard let state = try? HandoverState(Array(input.bytes)) else { return }
  guard let again = try? HandoverState(state.bytes) else { return require(false, "what is written down can be read") }
  require(again == state, "it is the same")
  for connection in state.connections {
    _ = ConnectionLife(connection.life)
    _ = ReceiveDeadline(connection.receiving)
    for pack in [nil, .ltvLittleEndian, .tlvBigEndian] as [DataPack?] {
      var outbox = Outbox(pack)
      if (try? outbox.goOn(from: connection.outbox)) != nil { empty(&outbox, by: step) }
    }
  }
}

private func empty(_ outbox: inout Outbox, by step: Int) {
  while !outbox.isEmpty {
    require(outbox.messages > 0, "bytes are part of a frame")
    outbox.wrote(min(step, outbox.bytes))
  }
  require(outbox.messages == 0, "no frame is left without bytes")
}
