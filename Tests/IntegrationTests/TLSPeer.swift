import Testing
import Zinx
import ZinxTLS
import ZinxTestKit

/// A client that speaks TLS over a raw peer, so that a test decides which bytes go when.
final class TLSPeer {
  let raw: RawPeer
  let session: TLSSession
  private var received: [UInt8] = []
  /// What came after the last byte: the server's farewell, or a failure.
  private(set) var end: TLSSession.End?

  init(_ raw: RawPeer, _ configuration: TLSClientConfiguration = .tests(), host: String = "localhost") throws {
    self.raw = raw
    session = try #require(TLSSession(TLSContext.load(configuration), host: host))
  }

  /// Shakes hands; sends `step` bytes at a time.
  func shake(step: Int = .max) async throws {
    var state = session.handshake(UnsafeRawBufferPointer(start: nil, count: 0))
    try await flush(step: step)
    while state == .waits {
      guard let bytes = try await raw.receiveSome(upTo: 1 << 16) else { throw RawPeer.Failure.ended }
      state = bytes.withUnsafeBytes { session.handshake($0) }
      try await flush(step: step)
    }
    if case .failed(let failure) = state { throw failure }
    open(session.takeRest())
  }

  /// Sends what the session has to say.
  func flush(step: Int = .max) async throws {
    let bytes = Array(session.output)
    _ = session.sent(bytes.count)
    var rest = bytes[...]
    while !rest.isEmpty {
      try await raw.send(Array(rest.prefix(step)))
      rest = rest.dropFirst(step)
    }
  }

  func seal(_ bytes: [UInt8]) { #expect(bytes.withUnsafeBytes { session.seal($0) } == .done) }

  func send(_ bytes: [UInt8]) async throws {
    seal(bytes)
    try await flush()
  }

  private func open(_ sealed: [UInt8]) {
    guard !sealed.isEmpty else { return }
    var room = [UInt8](repeating: 0, count: sealed.count + TLSSession.recordSize)
    let (count, end) = sealed.withUnsafeBytes { sealed in room.withUnsafeMutableBytes { session.open(sealed, into: $0) } }
    received += room.prefix(count)
    if let end { self.end = end }
  }

  /// Exactly `count` plain bytes.
  func receive(_ count: Int) async throws -> [UInt8] {
    while received.count < count {
      guard let sealed = try await raw.receiveSome(upTo: 1 << 20) else { throw RawPeer.Failure.ended }
      open(sealed)
    }
    defer { received.removeFirst(count) }
    return Array(received.prefix(count))
  }

  /// All plain bytes until the end of the stream.
  func receiveAll() async throws -> [UInt8] {
    while let sealed = try await raw.receiveSome(upTo: 1 << 20) { open(sealed) }
    return received
  }

  /// Sends a message and receives one.
  func exchange(_ frame: RawFrame) async throws -> RawFrame {
    try await send(frame.bytes())
    return try await receiveFrame()
  }

  func receiveFrame() async throws -> RawFrame {
    let header = try await receive(8)
    let numbers = header.withUnsafeBytes {
      ($0.loadUnaligned(as: UInt32.self), $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    }
    return RawFrame(UInt32(littleEndian: numbers.1), try await receive(Int(UInt32(littleEndian: numbers.0))))
  }
}

extension TLSClientConfiguration {
  /// A client that trusts the authority of the tests.
  static func tests(certificate: String? = nil) -> TLSClientConfiguration {
    var configuration = TLSClientConfiguration()
    configuration.caFile = Certificates.path("ca.pem")
    configuration.certFile = certificate.map { Certificates.path("\($0).pem") }
    configuration.privateKeyFile = certificate.map { Certificates.path("\($0).key") }
    return configuration
  }
}

extension ServerConfiguration {
  /// One listener with TLS on 127.0.0.1, as ``test(workers:_:)`` otherwise.
  static func tls(
    workers: Int = 0, _ change: (inout TLSConfiguration) -> Void = { _ in }, rest: (inout ServerConfiguration) -> Void = { _ in }
  ) -> ServerConfiguration {
    test(workers: workers) {
      var endpoint = Endpoint(name: "secure", .tcp(host: "127.0.0.1", port: 0))
      var tls = TLSConfiguration(certFile: Certificates.path("server.pem"), privateKeyFile: Certificates.path("server.key"))
      change(&tls)
      endpoint.tls = tls
      $0.endpoints = [endpoint]
      rest(&$0)
    }
  }
}

extension TestServer {
  /// A client that has shaken hands.
  func connectTLS(_ configuration: TLSClientConfiguration = .tests(), receiveBuffer: Int32? = nil) async throws -> TLSPeer {
    let peer = try TLSPeer(connect(receiveBuffer: receiveBuffer), configuration)
    try await peer.shake()
    return peer
  }

  /// Why arrivals have failed, once `count` have.
  func failedArrivals(_ count: Int) async throws -> [String] {
    try await events.wait { events in events.filter { if case .arrivalFailed = $0 { true } else { false } }.count >= count }
    return events.all.compactMap {
      if case .arrivalFailed(_, let reason, let detail, let looksLike, let listener) = $0 {
        "\(listener) \(reason): \(detail)" + (looksLike.map { "; \($0)" } ?? "")
      } else {
        nil
      }
    }
  }
}
