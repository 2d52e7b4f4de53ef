import ZinxIO
import ZinxWire

/// What is written down of a connection that is a WebSocket.
package struct WebSocketState: Sendable, Equatable {
  /// The request by which it has become one.
  package var path = ""
  package var query: String?
  package var headers: [NamedState] = []
  package var requestLength = 0
  /// Empty where none was agreed on.
  package var subprotocol = ""
  package var decoder = WebSocketDecoder.Held()
  /// What came with the request and was not taken yet.
  package var rest: [UInt8] = []
  /// The code of the last word to the peer, because of what that did; 0 where the reason of the end says it.
  package var closeCode: UInt16 = 0
  package var peerClosed = false
  /// What is left of a message that the last word stands behind.
  package var cut: [UInt8] = []
  /// What is left of the last word; nil while that was not begun.
  package var farewell: [UInt8]?

  package init() {}
}

extension WebSocketState: StatePart {
  func write(to writer: inout StateWriter) {
    writer.put(1, path)
    if let query { writer.put(2, query, always: true) }
    for header in headers { writer.put(3) { header.write(to: &$0) } }
    writer.put(4, requestLength)
    writer.put(5, subprotocol)
    if decoder != WebSocketDecoder.Held() { writer.put(6) { decoder.write(to: &$0) } }
    writer.put(7, bytes: rest)
    writer.put(8, UInt64(closeCode))
    writer.put(9, peerClosed)
    writer.put(10, bytes: cut)
    if let farewell { writer.put(11, bytes: farewell, always: true) }
  }

  mutating func take(_ field: StateReader.Field) throws(StateReader.Fault) {
    switch field.number {
    case 1: path = try field.text
    case 2: query = try field.text
    case 3: headers.append(try NamedState(field.fields))
    case 4: requestLength = try field.exactly()
    case 5: subprotocol = try field.text
    case 6: decoder = try WebSocketDecoder.Held(field.fields)
    case 7: rest = Array(try field.bytes)
    case 8: closeCode = try field.exactly()
    case 9: peerClosed = try field.flag
    case 10: cut = Array(try field.bytes)
    case 11: farewell = Array(try field.bytes)
    default: break
    }
  }

  var isPossible: Bool { requestLength >= 0 && WebSocketDecoder(decoder) != nil }
}

extension WebSocketDecoder.Held: StatePart {
  fileprivate func write(to writer: inout StateWriter) {
    if let rest { writer.put(1, rest &+ 1) }
    writer.put(2, mask)
    writer.put(3, UInt64(operation))
    writer.put(4, !isLast)
    writer.put(5, isInsideMessage)
    writer.put(6, bytes: header)
    writer.put(7, bytes: control)
  }

  mutating func take(_ field: StateReader.Field) throws(StateReader.Fault) {
    switch field.number {
    case 1: rest = try field.integer &- 1
    case 2: mask = try field.integer
    case 3: operation = try field.exactly()
    case 4: isLast = try !field.flag
    case 5: isInsideMessage = try field.flag
    case 6: header = Array(try field.bytes)
    case 7: control = Array(try field.bytes)
    default: break
    }
  }
}

extension WebSocket {
  /// Event loop, or who has stopped that.
  var state: WebSocketState {
    var state = WebSocketState()
    (state.path, state.query, state.requestLength) = (request.path, request.query, request.length)
    state.headers = request.headers.map { NamedState($0.name, Array($0.value.utf8)) }
    (state.subprotocol, state.decoder, state.rest) = (subprotocol ?? "", decoder.held, rest)
    (state.closeCode, state.peerClosed) = (closeCode ?? 0, peerClosed)
    (state.cut, state.farewell) = (cut, farewell.map(Array.init))
    return state
  }

  /// One that another program has written down.
  convenience init(_ state: WebSocketState) {
    let headers = state.headers.map { WebSocketRequest.Header(name: $0.name, value: String(decoding: $0.bytes, as: UTF8.self)) }
    self.init(
      WebSocketRequest(length: state.requestLength, path: state.path, query: state.query, headers: headers),
      subprotocol: state.subprotocol.isEmpty ? nil : state.subprotocol, rest: state.rest, ending: nil)
    if let decoder = WebSocketDecoder(state.decoder) { self.decoder = decoder }
    (closeCode, peerClosed) = (state.closeCode == 0 ? nil : state.closeCode, state.peerClosed)
    (cut, farewell) = (state.cut, state.farewell.map { $0[...] })
  }
}
