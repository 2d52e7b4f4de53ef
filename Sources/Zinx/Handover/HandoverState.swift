import ZinxIO
import ZinxWire

/// What a program hands over to the one that takes its place in the same process: see ``Server/hold(atMost:)``. A value, without socket or
/// clock, that is written down and read back with a version.
///
/// The fields and their numbers are an interface that only grows: one that is not known is passed over, and one that is missing has the value
/// of a connection that has just begun.
package struct HandoverState: Sendable, Equatable {
  /// What this program writes.
  package static let version = 1
  /// What a program must know at least to take what this one writes.
  package static let leastVersion = 1

  /// `zinxd 1.2.3`: who has written it.
  package var program = ""
  /// The id of the next connection.
  package var nextID: UInt64 = 0
  /// Nobody is accepted, by the word of an operator.
  package var isSuspended = false
  /// Those of whom there are sockets or connections, which name them by their places here.
  package var listeners: [ListenerState] = []
  package var connections: [ConnectionState] = []
  /// What plugins have said of themselves, by their names.
  package var plugins: [NamedState] = []
  /// Sockets that are no listeners': what for, and their descriptors.
  package var sockets: [SocketState] = []

  /// The version in which it was written, as far as it was read.
  private var writtenIn = HandoverState.version
  private var isTooNew = false

  package init() {}
}

/// A listener: its sockets, and what its connections need should the configuration have it no more.
package struct ListenerState: Sendable, Equatable {
  package var name = ""
  /// Listening ones that pass on to the listener of that name.
  package var sockets: [Int32] = []
  /// Others opened them.
  package var isPassed = false
  /// The file of a UNIX socket that we opened.
  package var path = ""
  /// The address that they were opened for, as configured.
  package var address = ""
  /// How messages are cut out of the bytes, in words.
  package var framing = ""
  package var isWebSocket = false

  package init() {}
}

/// A socket that passes on for something else than a listener.
package struct SocketState: Sendable, Equatable {
  /// What for.
  package var name = ""
  package var descriptor: Int32 = -1
  /// What whoever takes it has to know.
  package var detail = ""

  package init() {}

  package init(_ name: String, _ descriptor: Int32, detail: String = "") {
    (self.name, self.descriptor, self.detail) = (name, descriptor, detail)
  }
}

/// Why bytes are no state that can be taken.
package enum HandoverFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// They do not begin as one.
  case noState
  /// They cease to be one there.
  case malformed(offset: Int)
  /// What has written them says that they are not for us.
  case tooNew(program: String, version: Int)
  /// They end before they should.
  case truncated

  package var description: String {
    switch self {
    case .noState: "it is no state of a server"
    case .malformed(let offset): "it is no state of a server from byte \(offset) on"
    case .tooNew(let program, let version):
      "\(program.isEmpty ? "a newer program" : program) has written it in version \(version), of which this program knows "
        + "\(HandoverState.version)"
    case .truncated: "its end is missing"
    }
  }
}

// MARK: Bytes

extension HandoverState {
  private static let mark = Array("zinx\u{1}st\n".utf8)
  /// Fields of the whole. A number is never used again for anything else.
  private enum Field {
    static let version = 1, least = 2, program = 3, nextID = 4, isSuspended = 5
    static let listener = 6, connection = 7, plugin = 8, socket = 9
    /// The last one: how many connections there are.
    static let end = 15
  }

  package var bytes: [UInt8] {
    let held = connections.reduce(0) { $0 + $1.inbox.count + $1.outbox.bytes.count }
    var writer = StateWriter(capacity: held + 256 * connections.count + 4096)
    writer.put(Field.version, Self.version)
    writer.put(Field.least, Self.leastVersion)
    writer.put(Field.program, program, always: true)
    writer.put(Field.nextID, nextID)
    writer.put(Field.isSuspended, isSuspended)
    for listener in listeners { writer.put(Field.listener) { listener.write(to: &$0) } }
    for plugin in plugins { writer.put(Field.plugin) { plugin.write(to: &$0) } }
    for socket in sockets {
      writer.put(Field.socket) {
        $0.put(1, socket.name)
        $0.put(2, Int(socket.descriptor))
        $0.put(3, socket.detail)
      }
    }
    for connection in connections { writer.put(Field.connection) { connection.write(to: &$0) } }
    writer.put(Field.end, connections.count + 1)
    return Self.mark + writer.bytes
  }

  /// Total: any bytes end in a state or an error.
  package init(_ bytes: [UInt8]) throws(HandoverFault) {
    guard bytes.starts(with: Self.mark) else { throw .noState }
    self.init()
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(StateReader.Fault) in try read(StateReader(UnsafeRawBufferPointer(rebasing: bytes[Self.mark.count...])))
      }
    }
    let isWhole: Bool
    do throws(StateReader.Fault) { isWhole = try result.get() } catch { throw .malformed(offset: error.offset) }
    defer { writtenIn = Self.version }
    guard !isTooNew else { throw .tooNew(program: program, version: writtenIn) }
    guard isWhole else { throw .truncated }
  }

  /// Returns false where it has no end, or is not for us.
  private mutating func read(_ fields: StateReader) throws(StateReader.Fault) -> Bool {
    var fields = fields
    var end = 0
    while let field = try fields.next() {
      switch field.number {
      case Field.version: writtenIn = try field.exactly()
      case Field.least: isTooNew = try field.exactly(Int.self) > Self.version
      case Field.program where isTooNew:
        // What follows may be anything.
        program = try field.text
        return false
      case Field.program: program = try field.text
      case Field.nextID: nextID = try field.integer
      case Field.isSuspended: isSuspended = try field.flag
      case Field.listener: listeners.append(try ListenerState(field.fields))
      case Field.plugin: plugins.append(try NamedState(field.fields))
      case Field.socket: sockets.append(try SocketState(field.fields))
      case Field.connection:
        let connection = try ConnectionState(field.fields)
        guard connection.listener < listeners.count else { throw field.fault }
        connections.append(connection)
      case Field.end: end = try field.exactly()
      default: break
      }
    }
    guard end == connections.count + 1 else { return false }
    try checkDescriptors()
    return true
  }
}

extension HandoverState {
  /// All that have to stay open.
  package var descriptors: [Int32] { listeners.flatMap(\.sockets) + sockets.map(\.descriptor) + connections.map(\.descriptor) }

  /// A descriptor belongs to one, and so does an id.
  private func checkDescriptors() throws(StateReader.Fault) {
    var (descriptors, ids): (Set<Int32>, Set<UInt64>) = ([], [])
    for descriptor in self.descriptors {
      guard descriptor > 2, descriptors.insert(descriptor).inserted else { throw StateReader.Fault(offset: 0) }
    }
    for connection in connections {
      guard connection.id < nextID, ids.insert(connection.id).inserted else { throw StateReader.Fault(offset: 0) }
    }
  }
}

extension ListenerState: StatePart {
  fileprivate func write(to writer: inout StateWriter) {
    writer.put(1, name)
    for socket in sockets { writer.put(2, Int(socket)) }
    writer.put(3, isPassed)
    writer.put(4, path)
    writer.put(5, framing)
    writer.put(6, isWebSocket)
    writer.put(7, address)
  }

  mutating func take(_ field: StateReader.Field) throws(StateReader.Fault) {
    switch field.number {
    case 1: name = try field.text
    case 2: sockets.append(try field.descriptor)
    case 3: isPassed = try field.flag
    case 4: path = try field.text
    case 5: framing = try field.text
    case 6: isWebSocket = try field.flag
    case 7: address = try field.text
    default: break
    }
  }
}

extension SocketState: StatePart {
  mutating func take(_ field: StateReader.Field) throws(StateReader.Fault) {
    switch field.number {
    case 1: name = try field.text
    case 2: descriptor = try field.descriptor
    case 3: detail = try field.text
    default: break
    }
  }
}
