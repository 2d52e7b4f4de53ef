import ZinxIO

/// What is written down of a connection. Times are nanoseconds of ``ZinxIO/Instant``, which is the kernel's and goes on whatever program runs.
package struct ConnectionState: Sendable, Equatable {
  package var id: UInt64 = 0
  package var descriptor: Int32 = -1
  /// The place of its listener in ``HandoverState/listeners``.
  package var listener = 0
  package var peer = AddressState()
  package var acceptedAt: Int64 = 0
  package var receivedAt: Int64 = 0
  package var messagesReceived: UInt64 = 0
  package var bytesReceived: UInt64 = 0
  /// Bytes that were received and are no handled request.
  package var inbox: [UInt8] = []
  /// The first message was whole: what it looks like is known.
  package var hasSpoken = false
  package var outbox = OutboxState()
  package var life = LifeState()
  package var receiving = ReceivingState()
  package var user = ""
  package var groups: [String] = []
  package var properties: [NamedState] = []
  /// Why it ends, in words.
  package var closeText = ""
  /// Messages that came before the peer has authenticated, logins of it that failed, and by when it has to have; 0 for no time.
  package var strikes = 0
  package var failedLogins = 0
  package var authenticationDeadline: Int64 = 0
  /// When the peer was last sent a heartbeat; 0 for never.
  package var beatAt: Int64 = 0
  /// When a plugin's deadline ends it; 0 for never.
  package var deadline: Int64 = 0
  package var lingerDeadline: Int64 = 0
  /// Bytes that are still to be read and dropped after the end.
  package var discards = 0
  /// What its lines in the log have, in words.
  package var metadata: [NamedState] = []
  /// How its event loop has it in the epoll set; nil where that is not gone on with.
  package var registration: RegistrationState?
  /// Nil on a connection that is no WebSocket.
  package var webSocket: WebSocketState? {
    get { webSockets.first }
    set { webSockets = newValue.map { [$0] } ?? [] }
  }
  /// One or none, out of the way: most connections are none, and each of many is moved while nothing is answered.
  private var webSockets: [WebSocketState] = []

  package init() {}
}

/// The address of a peer, as ``SocketAddress`` has it.
package struct AddressState: Sendable, Equatable {
  package var family: UInt16 = 0
  package var port: UInt16 = 0
  package var high: UInt64 = 0
  package var low: UInt64 = 0
  package var scope: UInt32 = 0

  package init() {}
}

/// What waits to be written to the peer.
package struct OutboxState: Sendable, Equatable {
  package var bytes: [UInt8] = []
  /// Frames in it, one of which a part has left included.
  package var frames = 0
  /// Bytes of the first frame.
  package var firstFrame = 0
  /// Some of that has left.
  package var isCut = false
  /// Those behind the first, where frames do not tell how long they are.
  package var lengths: [UInt32] = []
  /// The first frame is one of the protocol's own, on a WebSocket.
  package var isControl = false
  package var bytesWritten: UInt64 = 0
  package var messagesWritten: UInt64 = 0
  /// When the peer last took something, while it takes no more; 0 while it does.
  package var blockedSince: Int64 = 0

  package init() {}
}

/// How an event loop has a descriptor in its epoll set: see `EventLoop.adopt`.
package struct RegistrationState: Sendable, Equatable {
  /// The place of the loop in ``HandoverState/loopSets``.
  package var loop = 0
  package var number: UInt32 = 0
  /// What epoll is asked for.
  package var interest: UInt32 = 0

  package init() {}

  package init(loop: Int, number: UInt32, interest: UInt32) { (self.loop, self.number, self.interest) = (loop, number, interest) }
}

/// How far its life has come: see ``ConnectionLife``.
package struct LifeState: Sendable, Equatable {
  /// How far, by the order in which its phases follow.
  package enum Phase: UInt8, Sendable { case new, serving, flushing, lastFlush, lingering }

  package var phase = Phase.serving
  /// The text of its reason; empty while it does not end.
  package var reason = ""
  package var dropsRest = false
  package var isBroken = false
  package var peerIsDone = false

  package init() {}
}

/// When bytes came: see ``ReceiveDeadline``.
package struct ReceivingState: Sendable, Equatable {
  package var quietSince: Int64 = 0
  package var hasReceived = false
  /// A frame that is not whole has taken so long; -1 without one.
  package var frameSpent: Int64 = -1

  package init() {}
}

/// Something that has a name and says itself how it is written: a property, or what a plugin knows.
package struct NamedState: Sendable, Equatable {
  package var name = ""
  package var bytes: [UInt8] = []

  package init() {}

  package init(_ name: String, _ bytes: [UInt8]) { (self.name, self.bytes) = (name, bytes) }
}

// MARK: Bytes

extension ConnectionState: StatePart {
  func write(to writer: inout StateWriter) {
    writer.put(1, id)
    writer.put(2, Int(descriptor))
    writer.put(3, listener)
    writer.put(4) { peer.write(to: &$0) }
    writer.put(5, Int(acceptedAt))
    writer.put(6, Int(receivedAt))
    writer.put(7, messagesReceived)
    writer.put(8, bytesReceived)
    writer.put(9, bytes: inbox)
    writer.put(10, hasSpoken)
    if outbox != OutboxState() { writer.put(11) { outbox.write(to: &$0) } }
    if life != LifeState() { writer.put(12) { life.write(to: &$0) } }
    if receiving != ReceivingState() { writer.put(13) { receiving.write(to: &$0) } }
    writer.put(14, user)
    for group in groups { writer.put(15, group, always: true) }
    for property in properties { writer.put(16) { property.write(to: &$0) } }
    writer.put(17, closeText)
    writer.put(18, strikes)
    writer.put(19, Int(authenticationDeadline))
    writer.put(20, Int(beatAt))
    writer.put(21, Int(deadline))
    writer.put(22, Int(lingerDeadline))
    writer.put(23, discards)
    for entry in metadata { writer.put(24) { entry.write(to: &$0) } }
    writer.put(25, failedLogins)
    if let registration { writer.put(26) { registration.write(to: &$0) } }
    if let webSocket { writer.put(27) { webSocket.write(to: &$0) } }
  }

  mutating func take(_ field: StateReader.Field) throws(StateReader.Fault) {
    switch field.number {
    case 1: id = try field.integer
    case 2: descriptor = try field.descriptor
    case 3: listener = try field.exactly()
    case 4: peer = try AddressState(field.fields)
    case 5: acceptedAt = try field.signed
    case 6: receivedAt = try field.signed
    case 7: messagesReceived = try field.integer
    case 8: bytesReceived = try field.integer
    case 9: inbox = Array(try field.bytes)
    case 10: hasSpoken = try field.flag
    case 11: outbox = try OutboxState(field.fields)
    case 12: life = try LifeState(field.fields)
    case 13: receiving = try ReceivingState(field.fields)
    case 14: user = try field.text
    case 15: groups.append(try field.text)
    case 16: properties.append(try NamedState(field.fields))
    case 17: closeText = try field.text
    case 18: strikes = try field.exactly()
    case 19: authenticationDeadline = try field.signed
    case 20: beatAt = try field.signed
    case 21: deadline = try field.signed
    case 22: lingerDeadline = try field.signed
    case 23: discards = try field.exactly()
    case 24: metadata.append(try NamedState(field.fields))
    case 25: failedLogins = try field.exactly()
    case 26: registration = try RegistrationState(field.fields)
    case 27: webSocket = try WebSocketState(field.fields)
    default: break
    }
  }

  var isPossible: Bool { descriptor >= 0 && listener >= 0 && strikes >= 0 && failedLogins >= 0 && discards >= 0 && isInTime }

  /// Whether times are some that a clock can have had, and counts some that it can have come to: nothing that is reckoned with them
  /// overflows.
  private var isInTime: Bool {
    let times = [
      acceptedAt, receivedAt, authenticationDeadline, beatAt, deadline, lingerDeadline, receiving.quietSince, outbox.blockedSince,
      receiving.frameSpent + 1,
    ]
    let counts = [messagesReceived, bytesReceived, outbox.bytesWritten, outbox.messagesWritten]
    return times.allSatisfy { (0..<Self.most).contains($0) } && counts.allSatisfy { $0 < UInt64(Self.most) }
  }

  private static let most: Int64 = 1 << 62
}

extension AddressState: StatePart {
  fileprivate func write(to writer: inout StateWriter) {
    writer.put(1, UInt64(family))
    writer.put(2, UInt64(port))
    writer.put(3, high)
    writer.put(4, low)
    writer.put(5, UInt64(scope))
  }

  mutating func take(_ field: StateReader.Field) throws(StateReader.Fault) {
    switch field.number {
    case 1: family = try field.exactly()
    case 2: port = try field.exactly()
    case 3: high = try field.integer
    case 4: low = try field.integer
    case 5: scope = try field.exactly()
    default: break
    }
  }
}

extension OutboxState: StatePart {
  fileprivate func write(to writer: inout StateWriter) {
    writer.put(1, bytes: bytes)
    writer.put(2, frames)
    writer.put(3, firstFrame)
    writer.put(4, isCut)
    for length in lengths { writer.put(5, UInt64(length)) }
    writer.put(6, bytesWritten)
    writer.put(7, messagesWritten)
    writer.put(8, Int(blockedSince))
    writer.put(9, isControl)
  }

  mutating func take(_ field: StateReader.Field) throws(StateReader.Fault) {
    switch field.number {
    case 1: bytes = Array(try field.bytes)
    case 2: frames = try field.exactly()
    case 3: firstFrame = try field.exactly()
    case 4: isCut = try field.flag
    case 5: lengths.append(try field.exactly())
    case 6: bytesWritten = try field.integer
    case 7: messagesWritten = try field.integer
    case 8: blockedSince = try field.signed
    case 9: isControl = try field.flag
    default: break
    }
  }

  /// The bytes are those of the frames, or the queue would tell wrong ends.
  var isPossible: Bool {
    let isWhole = frames == 0 ? bytes.isEmpty : firstFrame > 0 && firstFrame <= bytes.count && frames > 0
    return isWhole && (lengths.isEmpty || lengths.count == frames - 1)
  }
}

extension RegistrationState: StatePart {
  fileprivate func write(to writer: inout StateWriter) {
    writer.put(1, loop)
    writer.put(2, UInt64(number))
    writer.put(3, UInt64(interest))
  }

  mutating func take(_ field: StateReader.Field) throws(StateReader.Fault) {
    switch field.number {
    case 1: loop = try field.exactly()
    case 2: number = try field.exactly()
    case 3: interest = try field.exactly()
    default: break
    }
  }

  var isPossible: Bool { loop >= 0 }
}

extension LifeState: StatePart {
  fileprivate func write(to writer: inout StateWriter) {
    writer.put(1, UInt64(phase.rawValue))
    writer.put(2, reason)
    writer.put(3, dropsRest)
    writer.put(4, isBroken)
    writer.put(5, peerIsDone)
  }

  mutating func take(_ field: StateReader.Field) throws(StateReader.Fault) {
    switch field.number {
    case 1:
      guard let known = Phase(rawValue: try field.exactly()) else { throw field.fault }
      phase = known
    case 2: reason = try field.text
    case 3: dropsRest = try field.flag
    case 4: isBroken = try field.flag
    case 5: peerIsDone = try field.flag
    default: break
    }
  }

  /// The first phase is the one that no field is written for.
  static var unread: Self {
    var state = Self()
    state.phase = .new
    return state
  }

  var isPossible: Bool { phase < .flushing || !reason.isEmpty }
}

extension LifeState.Phase: Comparable {
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

extension ReceivingState: StatePart {
  fileprivate func write(to writer: inout StateWriter) {
    writer.put(1, Int(quietSince))
    writer.put(2, hasReceived)
    if frameSpent >= 0 { writer.put(3, Int(frameSpent) + 1) }
  }

  mutating func take(_ field: StateReader.Field) throws(StateReader.Fault) {
    switch field.number {
    case 1: quietSince = try field.signed
    case 2: hasReceived = try field.flag
    case 3: frameSpent = max(1, try field.signed) - 1
    default: break
    }
  }
}

extension NamedState: StatePart {
  func write(to writer: inout StateWriter) {
    writer.put(1, name)
    writer.put(2, bytes: bytes)
  }

  mutating func take(_ field: StateReader.Field) throws(StateReader.Fault) {
    switch field.number {
    case 1: name = try field.text
    case 2: bytes = Array(try field.bytes)
    default: break
    }
  }
}
