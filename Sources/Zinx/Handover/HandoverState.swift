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
  /// What was counted so far.
  package var counts: [CountState] = []

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
  /// Connections that have begun on it.
  package var accepted: UInt64 = 0

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
    static let listener = 6, connection = 7, plugin = 8, socket = 9, count = 10
    /// The last one: how many connections there are.
    static let end = 15
  }

  /// Connections that are worth a thread of their own to write or read them: nothing is answered meanwhile.
  private static let worthThread = 1000

  /// The connections in as many parts as there are processors for them.
  private static func parts(of count: Int) -> [Range<Int>] {
    let parts = max(1, min(LoopGroup.usableCPUs, count / worthThread))
    return (0..<parts).map { count * $0 / parts..<count * ($0 + 1) / parts }
  }

  private static func bytes(of connections: ArraySlice<ConnectionState>) -> [UInt8] {
    let held = connections.reduce(0) { $0 + $1.inbox.count + $1.outbox.bytes.count }
    var writer = StateWriter(capacity: held + 256 * connections.count)
    for connection in connections { writer.put(Field.connection) { connection.write(to: &$0) } }
    return writer.bytes
  }

  package var bytes: [UInt8] { pieces.reduce(into: []) { $0 += $1 } }

  /// The bytes in pieces, one behind the other.
  package var pieces: [[UInt8]] {
    let (parts, connections) = (Self.parts(of: connections.count), connections)
    let written = sideBySide(parts.count) { Self.bytes(of: connections[parts[$0]]) }
    var end = StateWriter()
    end.put(Field.end, connections.count + 1)
    return [beginning] + written + [end.bytes]
  }

  /// All that comes before the connections.
  private var beginning: [UInt8] {
    var writer = StateWriter(capacity: 4096)
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
    for count in counts { writer.put(Field.count) { count.write(to: &$0) } }
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
    var found: [StateReader] = []
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
      case Field.count: counts.append(try CountState(field.fields))
      case Field.connection: found.append(try field.fields)
      case Field.end: end = try field.exactly()
      default: break
      }
    }
    try read(connections: found)
    guard end == connections.count + 1 else { return false }
    try checkDescriptors()
    return true
  }

  private mutating func read(connections found: [StateReader]) throws(StateReader.Fault) {
    let parts = Self.parts(of: found.count)
    let results = sideBySide(parts.count) { part in
      Result { () throws(StateReader.Fault) in
        var read: [ConnectionState] = []
        read.reserveCapacity(parts[part].count)
        for fields in found[parts[part]] { read.append(try ConnectionState(fields)) }
        return read
      }
    }
    connections.reserveCapacity(found.count)
    for result in results { connections += try result.get() }
    guard connections.allSatisfy({ $0.listener < listeners.count }) else { throw StateReader.Fault(offset: 0) }
  }
}

extension HandoverState {
  /// What the epoll sets of event loops are called among the sockets: a program that does not go on with them closes them.
  package static let loopSet = "remains"

  /// Those, in the order of their loops.
  package var loopSets: [Int32] { sockets.filter { $0.name == Self.loopSet }.map(\.descriptor) }

  /// All that have to stay open.
  package var descriptors: [Int32] { listeners.flatMap(\.sockets) + sockets.map(\.descriptor) + connections.map(\.descriptor) }

  /// No process has so many open: an event loop has room for each number below the one that it is given.
  private static let mostDescriptors: Int32 = 1 << 24

  /// A descriptor belongs to one, and so does an id.
  private func checkDescriptors() throws(StateReader.Fault) {
    let loops = loopSets.count
    let (descriptors, ids) = (self.descriptors.sorted(), connections.map(\.id).sorted())
    guard descriptors.first.map({ $0 > 2 }) ?? true, descriptors.last.map({ $0 < Self.mostDescriptors }) ?? true,
      ids.last.map({ $0 < nextID }) ?? true, Self.areDistinct(descriptors), Self.areDistinct(ids),
      connections.allSatisfy({ $0.registration.map { $0.loop < loops } ?? true })
    else { throw StateReader.Fault(offset: 0) }
  }

  private static func areDistinct(_ sorted: [some Equatable]) -> Bool { zip(sorted, sorted.dropFirst()).allSatisfy { $0 != $1 } }
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
    writer.put(8, accepted)
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
    case 8: accepted = try field.integer
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
