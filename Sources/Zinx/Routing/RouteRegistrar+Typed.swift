import ZinxWire

/// Routes that take a decoded value, and answer with what they return. What cannot be decoded does not reach the closure: see
/// ``UndecodableMessage``.
///
/// The answer has the id of the request, or `replyID`. Nil, and no value at all, is no answer; a closure of several statements that
/// returns nil first says which type it means: `{ move, request -> Move? in … }`. ``Request/reply(_:_:)-(_,Value)`` sends more than one.
extension RouteRegistrar {
  /// Sends the messages of an id, decoded, to a closure that does not wait, and answers with what it returns.
  ///
  /// <!-- in: struct Move: Payload { init(decoding data: inout ByteBuffer) {}; func encode(into data: inout ByteBuffer) {} }
  /// func serve(_ routes: inout RouteRegistrar) { … } -->
  /// ```swift
  /// routes.route(10, Move.self) { move, request in move }
  /// routes.route(11, String.self, replyID: 12) { text, request in text.uppercased() }
  /// ```
  ///
  /// The message is decoded where the closure runs, on the connection's worker, or on its event loop with `WorkerPoolSize` 0. While the
  /// peer's send queue is full the request waits before that.
  ///
  /// - Parameter replyID: The id of the answer; nil means that of the request.
  @inlinable @inline(__always)
  public mutating func route<Value: Payload, Answer: Payload>(
    _ id: UInt32, _: Value.Type, replyID: UInt32? = nil, _ handler: @escaping @Sendable (Value, Request) throws -> Answer?
  ) {
    addTyped(.id(id), replyID, handler)
  }

  /// The same for a closure that answers by itself, or not at all.
  @inlinable @inline(__always)
  public mutating func route<Value: Payload>(
    _ id: UInt32, _: Value.Type, _ handler: @escaping @Sendable (Value, Request) throws -> Void
  ) {
    addTyped(.id(id), handler)
  }

  /// The same for a closure that may wait.
  ///
  /// - Parameter deadline: Time for one request; what becomes of it then is told at ``route(_:deadline:_:)-(UInt32,_,_)``.
  @_disfavoredOverload @inlinable @inline(__always)
  public mutating func route<Value: Payload, Answer: Payload>(
    _ id: UInt32, _: Value.Type, replyID: UInt32? = nil, deadline: Duration? = nil,
    _ handler: nonisolated(nonsending) @escaping @Sendable (Value, Request) async throws -> Answer?
  ) {
    addTyped(.id(id), replyID, deadline, handler)
  }

  /// The same for a closure that may wait, and answers by itself or not at all.
  @_disfavoredOverload @inlinable @inline(__always)
  public mutating func route<Value: Payload>(
    _ id: UInt32, _: Value.Type, deadline: Duration? = nil,
    _ handler: nonisolated(nonsending) @escaping @Sendable (Value, Request) async throws -> Void
  ) {
    addTyped(.id(id), deadline, handler)
  }

  /// The same for a closure that runs isolated to an actor, where the message is decoded too.
  @inlinable @inline(__always)
  public mutating func route<Isolation: Actor, Value: Payload, Answer: Payload>(
    _ id: UInt32, _: Value.Type, on isolation: Isolation, replyID: UInt32? = nil,
    _ handler: @escaping @Sendable (isolated Isolation, Value, Request) throws -> Answer?
  ) {
    addTyped(.id(id), on: isolation, replyID, handler)
  }

  /// The same for a closure that runs isolated to an actor, and answers by itself or not at all.
  @inlinable @inline(__always)
  public mutating func route<Isolation: Actor, Value: Payload>(
    _ id: UInt32, _: Value.Type, on isolation: Isolation,
    _ handler: @escaping @Sendable (isolated Isolation, Value, Request) throws -> Void
  ) {
    addTyped(.id(id), on: isolation, handler)
  }
}

/// The same for a range of ids.
extension RouteRegistrar {
  /// Sends the messages of a range of ids, decoded, to a closure that does not wait, and answers with what it returns.
  ///
  /// - Parameter replyID: The id of the answers; nil means that of each request.
  @inlinable @inline(__always)
  public mutating func route<Value: Payload, Answer: Payload>(
    _ ids: ClosedRange<UInt32>, _: Value.Type, replyID: UInt32? = nil,
    _ handler: @escaping @Sendable (Value, Request) throws -> Answer?
  ) {
    addTyped(.range(ids), replyID, handler)
  }

  /// The same for a closure that answers by itself, or not at all.
  @inlinable @inline(__always)
  public mutating func route<Value: Payload>(
    _ ids: ClosedRange<UInt32>, _: Value.Type, _ handler: @escaping @Sendable (Value, Request) throws -> Void
  ) {
    addTyped(.range(ids), handler)
  }

  /// The same for a closure that may wait.
  @_disfavoredOverload @inlinable @inline(__always)
  public mutating func route<Value: Payload, Answer: Payload>(
    _ ids: ClosedRange<UInt32>, _: Value.Type, replyID: UInt32? = nil, deadline: Duration? = nil,
    _ handler: nonisolated(nonsending) @escaping @Sendable (Value, Request) async throws -> Answer?
  ) {
    addTyped(.range(ids), replyID, deadline, handler)
  }

  /// The same for a closure that may wait, and answers by itself or not at all.
  @_disfavoredOverload @inlinable @inline(__always)
  public mutating func route<Value: Payload>(
    _ ids: ClosedRange<UInt32>, _: Value.Type, deadline: Duration? = nil,
    _ handler: nonisolated(nonsending) @escaping @Sendable (Value, Request) async throws -> Void
  ) {
    addTyped(.range(ids), deadline, handler)
  }

  /// The same for a closure that runs isolated to an actor.
  @inlinable @inline(__always)
  public mutating func route<Isolation: Actor, Value: Payload, Answer: Payload>(
    _ ids: ClosedRange<UInt32>, _: Value.Type, on isolation: Isolation, replyID: UInt32? = nil,
    _ handler: @escaping @Sendable (isolated Isolation, Value, Request) throws -> Answer?
  ) {
    addTyped(.range(ids), on: isolation, replyID, handler)
  }

  /// The same for a closure that runs isolated to an actor, and answers by itself or not at all.
  @inlinable @inline(__always)
  public mutating func route<Isolation: Actor, Value: Payload>(
    _ ids: ClosedRange<UInt32>, _: Value.Type, on isolation: Isolation,
    _ handler: @escaping @Sendable (isolated Isolation, Value, Request) throws -> Void
  ) {
    addTyped(.range(ids), on: isolation, handler)
  }
}

/// The routes of these forms. Each becomes one function with the codec and the handler, where their types are known.
extension RouteRegistrar {
  @inlinable @inline(__always)
  mutating func addTyped<Value: Payload, Answer: Payload>(
    _ ids: MessageIDs, _ replyID: UInt32?, _ handler: @escaping @Sendable (Value, Request) throws -> Answer?
  ) {
    let body: @Sendable (Request) throws -> Void = { request in
      guard let answer = try handler(request.decode(Value.self), request) else { return }
      try request.reply(replyID ?? request.id, answer)
    }
    register(ImmediateClosureRoute(body), for: ids)
  }

  @inlinable @inline(__always)
  mutating func addTyped<Value: Payload>(_ ids: MessageIDs, _ handler: @escaping @Sendable (Value, Request) throws -> Void) {
    let body: @Sendable (Request) throws -> Void = { request in try handler(request.decode(Value.self), request) }
    register(ImmediateClosureRoute(body), for: ids)
  }

  @inlinable @inline(__always)
  mutating func addTyped<Value: Payload, Answer: Payload>(
    _ ids: MessageIDs, _ replyID: UInt32?, _ deadline: Duration?,
    _ handler: nonisolated(nonsending) @escaping @Sendable (Value, Request) async throws -> Answer?
  ) {
    add(ids, deadline) { request in
      guard let answer = try await handler(request.decode(Value.self), request) else { return }
      try await request.connection.sendBuffMsg(replyID ?? request.id, answer)
    } all: { requests in
      var request = requests.current
      repeat {
        do {
          let answer = try await handler(request.decode(Value.self), request)
          await requests.goOn()
          if let answer {
            try await request.connection.sendBuffMsg(replyID ?? request.id, answer)
          }
        } catch { requests.failed(request, error) }
      } while await requests.advance(&request)
    }
  }

  @inlinable @inline(__always)
  mutating func addTyped<Value: Payload>(
    _ ids: MessageIDs, _ deadline: Duration?,
    _ handler: nonisolated(nonsending) @escaping @Sendable (Value, Request) async throws -> Void
  ) {
    add(ids, deadline) { request in
      try await handler(request.decode(Value.self), request)
    } all: { requests in
      var request = requests.current
      repeat {
        do { try await handler(request.decode(Value.self), request) } catch { requests.failed(request, error) }
      } while await requests.advance(&request)
    }
  }

  @inlinable @inline(__always)
  mutating func addTyped<Isolation: Actor, Value: Payload, Answer: Payload>(
    _ ids: MessageIDs, on isolation: Isolation, _ replyID: UInt32?,
    _ handler: @escaping @Sendable (isolated Isolation, Value, Request) throws -> Answer?
  ) {
    let body: IsolatedRoute<Isolation>.Body = { isolation, request in
      guard let answer = try handler(isolation, request.decode(Value.self), request) else { return }
      try request.reply(replyID ?? request.id, answer)
    }
    register(IsolatedRoute(isolation, body), for: ids)
  }

  @inlinable @inline(__always)
  mutating func addTyped<Isolation: Actor, Value: Payload>(
    _ ids: MessageIDs, on isolation: Isolation,
    _ handler: @escaping @Sendable (isolated Isolation, Value, Request) throws -> Void
  ) {
    let body: IsolatedRoute<Isolation>.Body = { isolation, request in
      try handler(isolation, request.decode(Value.self), request)
    }
    register(IsolatedRoute(isolation, body), for: ids)
  }
}
