import NIOCore
import ZinxWire

/// Values in place of bytes: see `Payload`.
extension Client {
  /// Sends a message with a value.
  ///
  /// - Throws: ``ClientError/cannotEncode(reason:)``, and what ``send(_:_:)-(_,ByteBuffer)`` does.
  public func send<Value: Payload>(_ id: UInt32, _ value: Value) async throws(ClientError) {
    try await send(id, data(of: value))
  }

  /// Sends a message with a value and returns that of the reply.
  ///
  /// ```swift
  /// let client = try await Client.connect(host: "127.0.0.1", port: 7777)
  /// print(try await client.request(1, "hello", as: String.self))
  /// ```
  ///
  /// - Parameters:
  ///   - replyID: The id of the reply; nil means the same as the request's.
  ///   - timeout: Time for the request to leave and for the reply to come.
  /// - Throws: ``ClientError/cannotEncode(reason:)``, ``ClientError/undecodableReply(reason:)``, and what
  ///   ``request(_:_:replyID:timeout:)`` does.
  public func request<Value: Payload, Reply: Payload>(
    _ id: UInt32, _ value: Value, as: Reply.Type, replyID: UInt32? = nil, timeout: Duration = .seconds(5)
  ) async throws(ClientError) -> Reply {
    try reply(await request(id, data(of: value), replyID: replyID, timeout: timeout))
  }
}

/// The same on the connection of the moment.
extension ReconnectingClient {
  /// Sends a message with a value, as ``Client/send(_:_:)-(_,Value)`` does.
  ///
  /// - Throws: ``ClientError/notConnected`` also.
  public func send<Value: Payload>(_ id: UInt32, _ value: Value) async throws(ClientError) {
    try await send(id, data(of: value))
  }

  /// Makes a request with a value, as ``Client/request(_:_:as:replyID:timeout:)`` does.
  ///
  /// - Throws: ``ClientError/notConnected`` also.
  public func request<Value: Payload, Reply: Payload>(
    _ id: UInt32, _ value: Value, as: Reply.Type, replyID: UInt32? = nil, timeout: Duration = .seconds(5)
  ) async throws(ClientError) -> Reply {
    try reply(await request(id, data(of: value), replyID: replyID, timeout: timeout))
  }
}

private func data(of value: some Payload) throws(ClientError) -> ByteBuffer {
  do { return try ByteBuffer(encoding: value) } catch { throw .cannotEncode(reason: "\(error)") }
}

private func reply<Value: Payload>(_ reply: Message) throws(ClientError) -> Value {
  var data = reply.data
  do { return try Value(decoding: &data) } catch { throw .undecodableReply(reason: "\(error)") }
}
