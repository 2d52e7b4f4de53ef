import CRandom
import Glibc

@testable import ZinxTLS

/// A server's session and a peer that does what it likes with the bytes between them. Whatever it does, what the server opens is what the
/// client has sealed, in its order; nothing is kept without bound; and a session that has ended stays so.
@Sendable func fuzzTLS(_ input: Input) {
  crandom_begin()
  var input = input
  var wire = Wire(input.byte())
  while !input.isEmpty { wire.step(&input) }
  wire.deliver(step: .max)
}

/// Contexts of servers and clients, made once. The index is made of what an input says.
private enum Contexts {
  private static let folder = #filePath.split(separator: "/").dropLast(5).reduce("") { $0 + "/" + $1 } + "/Certificates/"

  static let servers: [TLSContext] = TLSConfiguration.ClientAuth.allCases.map { auth in
    var configuration = TLSConfiguration(certFile: folder + "server.pem", privateKeyFile: folder + "server.key")
    configuration.clientAuth = auth
    if auth != .none { configuration.clientCAFile = folder + "ca.pem" }
    configuration.sni = [.init(names: ["*.wild.test"], certFile: folder + "other.pem", privateKeyFile: folder + "other.key")]
    guard let context = TLSContext.load(configuration).0 else { fatalError("the certificates of the tests are not in \(folder)") }
    return context
  }

  /// Without a certificate, with one, and with chains of 20 and 110 KiB, of which OpenSSL takes the first.
  static let clients: [TLSContext] = [TLSConfiguration.Version.v12, .v13].flatMap { version in
    [0, 1, 60, 250].map { certificates in
      var configuration = TLSClientConfiguration()
      configuration.caFile = folder + "ca.pem"
      configuration.maxVersion = version
      if certificates > 0 {
        configuration.certFile = chain(certificates)
        configuration.privateKeyFile = folder + "client.key"
      }
      do { return try TLSContext.load(configuration) } catch { fatalError("\(error)") }
    }
  }

  private static func chain(_ count: Int) -> String {
    let path = "/tmp/zinx-fuzz-\(getpid())-\(count).pem"
    guard let file = fopen(path, "w"), let one = fopen(folder + "client.pem", "r") else { fatalError("no chain in \(path)") }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let length = fread(&bytes, 1, bytes.count, one)
    for _ in 0..<count { fwrite(bytes, 1, length, file) }
    fclose(one)
    fclose(file)
    atexit { for count in [1, 60, 250] { unlink("/tmp/zinx-fuzz-\(getpid())-\(count).pem") } }
    return path
  }
}

private struct Wire {
  private static let names = ["localhost", "a.wild.test", "", "other.test"]
  /// What an input may cost: reads of the server that are smaller than what there is, and bytes that a side seals. An input of two thousand
  /// bytes could have millions of both.
  private static let (mostReads, mostSealed) = (4096, 1 << 20)
  /// The most that is sealed in one go, and the records of it.
  private static let mostOutput = (64 << 10) + 2 * TLSSession.sealingSize + (32 << 10)

  private let server: TLSSession
  private let client: TLSSession
  /// No bytes of the client, but those of the input alone.
  private let isRaw: Bool
  private var (isClientIn, isServerIn) = (false, false)
  private var clientEnd: TLSSession.End?
  private var serverEnd: TLSSession.End?
  private var failed = false
  /// What is on its way to the server.
  private var pending: [UInt8] = []
  /// How much each side has sealed, and how much the other has opened of it. What it is follows from where it is.
  private var (asked, heard) = (0, 0)
  private var (answered, told) = (0, 0)
  private var reads = 0

  init(_ choice: UInt8) {
    let choice = Int(choice)
    isRaw = choice & 0x80 != 0
    guard let server = TLSSession(Contexts.servers[choice % 3]),
      let client = TLSSession(Contexts.clients[choice >> 2 & 7], host: Self.names[choice >> 5 & 3])
    else { fatalError("no memory for a session") }
    (self.server, self.client) = (server, client)
    if !isRaw { clientGoesOn([]) }
  }

  /// What the peer does next.
  mutating func step(_ input: inout Input) {
    guard !isRaw else { return insert(input.rest.count, &input) }
    switch input.byte() % 16 {
    case 0...3: deliver(step: .max)
    case 4: deliver(step: Int(input.byte()) + 1)
    case 5: change(at: Int(input.word(UInt16.self)), by: input.byte())
    case 6: pending.removeLast(Int(input.word(UInt16.self)) % (pending.count + 1))
    case 7: insert(Int(input.byte()), &input)
    case 8: pending += pending.prefix(8192)
    case 9: clientSeals(Int(input.word(UInt16.self)) % 20000)
    case 10: clientHasNewKeys(isAsking: input.byte() & 1 == 1, Int(input.byte()) % 40)
    case 11: if isClientIn { client.end() }
    case 12: serverSeals(Int(input.word(UInt16.self)))
    case 13: server.end()
    case 14: pending.reverse()
    default: pending.removeFirst(Int(input.word(UInt16.self)) % (pending.count + 1))
    }
    takeClientOutput()
  }

  private mutating func insert(_ count: Int, _ input: inout Input) {
    for _ in 0..<count where !input.isEmpty { pending.append(input.byte()) }
  }

  private mutating func change(at position: Int, by bits: UInt8) {
    if !pending.isEmpty { pending[position % pending.count] ^= bits }
  }

  // MARK: The client

  private mutating func takeClientOutput() {
    pending += client.output
    _ = client.sent(client.output.count)
  }

  private mutating func clientSeals(_ count: Int) {
    // Nothing is sealed of no bytes.
    guard isClientIn, clientEnd == nil, count > 0, asked < Self.mostSealed else { return }
    if Self.pattern(count, at: asked).withUnsafeBytes({ client.seal($0) }) == .done { asked += count }
  }

  private mutating func clientHasNewKeys(isAsking: Bool, _ count: Int) {
    guard isClientIn, clientEnd == nil else { return }
    for _ in 0..<count { if isAsking { client.askForNewKeys() } else { client.sendNewKeys() } }
  }

  private mutating func clientGoesOn(_ bytes: [UInt8]) {
    guard clientEnd == nil else { return }
    guard !isClientIn else { return clientOpens(bytes) }
    switch bytes.withUnsafeBytes({ client.handshake($0) }) {
    case .waits: break
    case .failed(let failure): clientEnd = .failed(failure)
    case .done:
      isClientIn = true
      clientOpens(client.takeRest())
    }
    takeClientOutput()
  }

  private mutating func clientOpens(_ bytes: [UInt8]) {
    let (opened, end) = client.opens(bytes)
    require(opened == Self.pattern(opened.count, at: told), "the client opens what the server has sealed")
    told += opened.count
    require(told <= answered, "and no more")
    clientEnd = end
    takeClientOutput()
  }

  // MARK: The server

  private mutating func serverSeals(_ count: Int) {
    guard isServerIn, !failed, server.output.isEmpty, count > 0, answered < Self.mostSealed else { return }
    switch Self.pattern(count, at: answered).withUnsafeBytes({ server.seal($0) }) {
    case .done: answered += count
    // Which OpenSSL wants to have again, and nobody here does.
    case .waits, .failed: failed = true
    }
  }

  /// Has the server take what is on its way, and the client what it says to that.
  mutating func deliver(step: Int) {
    var rest = pending[...]
    pending = []
    while !rest.isEmpty {
      let read = reads < Self.mostReads ? rest.prefix(step) : rest
      reads += 1
      serverTakes(Array(read))
      check()
      rest = rest.dropFirst(read.count)
    }
    let output = Array(server.output)
    _ = server.sent(output.count)
    if !isRaw, !output.isEmpty { clientGoesOn(output) }
  }

  private mutating func serverTakes(_ bytes: [UInt8]) {
    guard serverEnd == nil, !failed else { return }
    guard !isServerIn else { return serverOpens(bytes) }
    switch bytes.withUnsafeBytes({ server.handshake($0) }) {
    case .waits: break
    case .failed(let failure):
      require(!failure.reason.isEmpty, "a failure has a reason")
      failed = true
    case .done:
      require(server.info?.version.hasPrefix("TLSv1.") == true, "a handshake has settled a version")
      isServerIn = true
      serverOpens(server.takeRest())
    }
  }

  private mutating func serverOpens(_ bytes: [UInt8]) {
    let held = server.held
    let (opened, end) = server.opens(bytes)
    require(opened.count <= held + bytes.count, "no more comes out than goes in")
    require(opened == Self.pattern(opened.count, at: heard), "the server opens what the client has sealed")
    heard += opened.count
    require(heard <= asked, "and no more")
    serverEnd = end
    require(server.held <= TLSSession.recordSize + 512, "one record is held at most, not \(server.held) bytes")
    guard case .failed(let failure) = end else { return }
    require(server.failure != nil && !failure.reason.isEmpty, "a failure has a reason, and is kept")
    let again = server.opens([22, 3, 3, 0, 1, 0])
    require(again.bytes.isEmpty && again.end != nil, "what has failed opens nothing more")
  }

  private static func pattern(_ count: Int, at start: Int) -> [UInt8] {
    Array(unsafeUninitializedCapacity: count) { bytes, filled in
      for index in 0..<count { bytes.initializeElement(at: index, to: UInt8(truncatingIfNeeded: start &+ index)) }
      filled = count
    }
  }

  private func check() {
    require(server.output.count <= Self.mostOutput, "\(server.output.count) bytes of output")
    require(server.outputMemory <= 4 * Self.mostOutput, "\(server.outputMemory) bytes of memory for it")
    require(!isRaw || !isServerIn, "nobody comes in without keys")
  }
}

extension TLSSession {
  fileprivate func opens(_ bytes: [UInt8]) -> (bytes: [UInt8], end: End?) {
    // Memory of their own, so that the sanitizer sees a byte too many.
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count + Self.recordSize, alignment: 1)
    defer { room.deallocate() }
    let (count, end) = bytes.withUnsafeBytes { open($0, into: room) }
    return (Array(room.prefix(count)), end)
  }
}
