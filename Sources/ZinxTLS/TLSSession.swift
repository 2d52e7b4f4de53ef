import COpenSSL

/// One side of a TLS connection, without a socket: sealed bytes go in and come out, plain ones come out and go in.
///
/// Unchecked: whoever owns it sees to it that one thread at a time calls it.
package final class TLSSession: @unchecked Sendable {
  /// Plain bytes that are sealed in one go: a few records, which leave in one write.
  package static let sealingSize = 64 << 10
  /// Plain bytes that one record holds at most (RFC 8446, 5.1).
  package static let recordSize = 16 << 10

  package enum Handshake: Equatable {
    /// More has to come from the peer.
    case waits
    case done
    case failed(TLSFailure)
  }

  /// Why nothing more is to be opened.
  package enum End: Equatable {
    /// The peer has said that it sends nothing more.
    case closed
    case failed(TLSFailure)
  }

  package enum Sealing: Equatable {
    case done
    /// The peer is in the middle of a message of the protocol: nothing can be sealed until the rest of it has come.
    case waits
    case failed(TLSFailure)
  }

  /// Sealed bytes of the protocol's own, such as answers to new keys, that may wait for a peer which does not read.
  private static let controlLimit = 64 << 10
  /// Messages of the protocol in a row, such as new keys: each costs as much as a record of data, and nobody needs many.
  private static let messageLimit = 32

  private let raw: OpaquePointer
  private let windows: UnsafeMutablePointer<copenssl_windows>
  private let context: TLSContext
  /// Whom a client wants.
  private var expected = ""
  /// Why it ended before its time, once it has.
  package private(set) var failure: TLSFailure?
  /// OpenSSL's number of the reason (`SSL_R_…`) why it ended; 0 without one.
  package private(set) var failureCode: CInt = 0
  /// What is wrong with the server's certificate, for a client that has not taken it.
  package private(set) var rejection: ServerRejection?
  /// Messages of the protocol since the last plain byte.
  private var messages = 0
  /// Bytes of a record that has come in part: the end of the stream there cuts off what the peer has sent. Whoever calls
  /// ``open(_:into:)`` may look, whoever else uses the session.
  package private(set) var held = 0
  /// Sealed bytes that have left.
  package private(set) var taken: UInt64 = 0
  /// What came behind the end of the handshake, sealed.
  package private(set) var rest: [UInt8] = []
  /// Plain bytes that are sealed in ``output`` and that nobody has been told of.
  private var sealed = 0
  /// Plain bytes that are sealed, and of which some may have left: they will, whatever comes behind them.
  package var onTheWay: Int { sealed }
  /// What the handshake has settled; nil before.
  package private(set) var info: TLSInfo?

  /// A server's side, or a client's to `host`. Nil without memory.
  package init?(_ context: TLSContext, host: String? = nil) {
    guard let method = bioMethod, let raw = SSL_new(context.raw) else { return nil }
    guard let bio = BIO_new(method) else {
      SSL_free(raw)
      return nil
    }
    self.raw = raw
    self.context = context
    windows = .allocate(capacity: 1)
    windows.initialize(to: copenssl_windows())
    BIO_set_data(bio, windows)
    SSL_set_bio(raw, bio, bio)
    if let client = context.client {
      SSL_set_connect_state(raw)
      expect(client.serverName ?? host ?? "")
    } else {
      SSL_set_accept_state(raw)
    }
  }

  deinit {
    SSL_free(raw)
    X509_free(windows.pointee.rejected)
    copenssl_sent(windows, windows.pointee.out_count)
    windows.deallocate()
  }

  /// Whom the server has to be, for a client. Where that cannot be said the session has failed: it would take anybody.
  private func expect(_ name: String) {
    expected = name
    copenssl_set_name_rules(raw)
    // An address is no name: it is not asked for (RFC 6066), and stands elsewhere in a certificate.
    if X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(raw), name) == 1 { return }
    guard !name.isEmpty, SSL_set1_host(raw, name) == 1, copenssl_set_server_name(raw, name) == 1 else {
      ERR_clear_error()
      failure = TLSFailure(reason: "\(name.isEmpty ? "nothing" : name) is no name that a server can have")
      return
    }
  }

  // MARK: In

  /// Goes on with the handshake. `bytes`: what came from the peer.
  package func handshake(_ bytes: UnsafeRawBufferPointer) -> Handshake {
    if let failure { return .failed(failure) }
    lend(bytes)
    defer { takeBack() }
    ERR_clear_error()
    let result = SSL_do_handshake(raw)
    if result == 1 {
      windows.pointee.taken = 0
      let left = windows.pointee
      rest = Array(UnsafeBufferPointer(start: left.in, count: left.in_count))
      info = TLSInfo(of: raw)
      return .done
    }
    return SSL_get_error(raw, result) == SSL_ERROR_WANT_READ ? .waits : .failed(fail())
  }

  /// Gives away what came behind the end of the handshake.
  package func takeRest() -> [UInt8] {
    defer { rest = [] }
    return rest
  }

  /// Opens what came from the peer. `room` has to hold as many bytes and those of another record; so nothing stays here but the record
  /// that is not whole.
  package func open(_ bytes: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer) -> (count: Int, end: End?) {
    assert(room.count >= bytes.count + Self.recordSize)
    lend(bytes)
    defer { takeBack() }
    held = 0
    var count = 0
    while true {
      ERR_clear_error()
      let rest = UnsafeMutableRawBufferPointer(rebasing: room[count...])
      let result = SSL_read(raw, rest.baseAddress, Int32(clamping: rest.count))
      guard result <= 0 else {
        count += Int(result)
        messages = 0
        windows.pointee.taken = 0
        continue
      }
      switch SSL_get_error(raw, result) {
      case SSL_ERROR_WANT_READ where windows.pointee.missing == 0:
        if let failure = tookMessage() { return (count, .failed(failure)) }
      case SSL_ERROR_WANT_READ:
        if isInsideRecord { held = windows.pointee.taken }
        return (count, nil)
      case SSL_ERROR_ZERO_RETURN: return (count, .closed)
      default: return (count, .failed(fail()))
      }
    }
  }

  /// A record was read that holds no data.
  private func tookMessage() -> TLSFailure? {
    windows.pointee.taken = 0
    messages += 1
    if messages > Self.messageLimit {
      return fail("more than \(Self.messageLimit) messages of the protocol in a row, and no data between them")
    }
    return outputIsBounded ? nil : fail("it does not read the answers to its new keys")
  }

  private var outputIsBounded: Bool { output.count <= Self.controlLimit + (sealed > 0 ? 2 * Self.sealingSize : 0) }

  private var isInsideRecord: Bool { copenssl_is_inside_record(raw, windows) != 0 }

  private func lend(_ bytes: UnsafeRawBufferPointer) {
    windows.pointee.in = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    windows.pointee.in_count = bytes.count
  }

  private func takeBack() {
    windows.pointee.in = nil
    windows.pointee.in_count = 0
  }

  // MARK: Out

  /// Seals bytes into ``output``, at most ``sealingSize`` of them. After ``Sealing/waits`` the same have to come again, and may be more.
  package func seal(_ bytes: UnsafeRawBufferPointer) -> Sealing {
    ERR_clear_error()
    let result = SSL_write(raw, bytes.baseAddress, Int32(clamping: bytes.count))
    guard result <= 0 else {
      sealed += Int(result)
      return .done
    }
    return SSL_get_error(raw, result) == SSL_ERROR_WANT_READ ? .waits : .failed(fail())
  }

  /// Says that nothing more is sent (close_notify), unless the session has failed or has said it before.
  package func end() {
    guard failure == nil, info != nil, SSL_get_shutdown(raw) & SSL_SENT_SHUTDOWN == 0 else { return }
    ERR_clear_error()
    if SSL_shutdown(raw) < 0 { ERR_clear_error() }
  }

  /// What is to be sent to the peer. Valid until the next call.
  package var output: UnsafeRawBufferPointer {
    let windows = windows.pointee
    guard let start = windows.out else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    return UnsafeRawBufferPointer(start: start + windows.out_start, count: windows.out_count)
  }

  /// Memory that ``output`` takes.
  package var outputMemory: Int { windows.pointee.out_capacity }

  /// The kernel took so many bytes of ``output``. Returns how many plain bytes have left with the last of them, 0 before.
  package func sent(_ count: Int) -> Int {
    taken += UInt64(count)
    copenssl_sent(windows, count)
    guard windows.pointee.out_count == 0 else { return 0 }
    defer { sealed = 0 }
    return sealed
  }

  // MARK: For tests

  /// Has the next record bring new keys and ask for new ones (KeyUpdate, RFC 8446, 4.6.3).
  package func askForNewKeys() { SSL_key_update(raw, SSL_KEY_UPDATE_REQUESTED) }

  /// Has new keys, and tells the peer at once.
  package func sendNewKeys() {
    SSL_key_update(raw, SSL_KEY_UPDATE_NOT_REQUESTED)
    SSL_do_handshake(raw)
  }

  /// The common name of the certificate that the peer has shown, verified or not.
  package var presented: String? {
    guard let certificate = SSL_get1_peer_certificate(raw) else { return nil }
    defer { X509_free(certificate) }
    var name = [CChar](repeating: 0, count: 256)
    guard X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, &name, 256) > 0 else { return nil }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// Whether the server has asked for a certificate, and this client has none.
  package var isAskedForCertificate: Bool { windows.pointee.is_asked != 0 }

  private func fail(_ reason: String? = nil) -> TLSFailure {
    if reason == nil, self.failure == nil {
      let error = ERR_peek_error()
      failureCode = copenssl_library(error) == ERR_LIB_SSL ? copenssl_reason(error) : 0
      rejection = windows.pointee.rejected.map { ServerRejection($0, SSL_get_verify_result(raw), expected) }
    }
    let failure = reason.map { TLSFailure(reason: $0) } ?? TLSFailure(of: raw)
    // What comes after the first follows from it.
    if self.failure == nil { self.failure = failure }
    return failure
  }
}

/// A global: OpenSSL's kinds are for ever.
private nonisolated(unsafe) let bioMethod = copenssl_method()
