import Synchronization
import ZinxWire

/// Answers a request whose handler has thrown.
public typealias FailureHook = @Sendable (Request, any Error) throws -> Void

/// The data of a message is not the value that its route takes. Counted in ``CounterSnapshot/undecodableMessages``, told once for each
/// connection as ``ServerEvent/undecodableMessage(_:id:_:)``, and answered by ``RouteRegistrar/onFailure(_:)``; the connection stays.
public struct UndecodableMessage: Error, CustomStringConvertible {
  /// What the data was to be.
  public let type: any Payload.Type
  /// What the codec says.
  public let reason: any Error

  @inlinable
  public init(_ type: any Payload.Type, _ reason: any Error) { (self.type, self.reason) = (type, reason) }

  public var description: String { "the data is no \(type): \(reason)" }
}

/// A handler was cancelled because its deadline had passed, and threw.
public struct DeadlineExceeded: Error, Hashable, CustomStringConvertible {
  /// The time that it had.
  public let deadline: Duration

  public var description: String { "the handler was not done within \(deadline)" }
}

/// What is told once for each connection, so that a peer that goes on with it fills no log.
struct Told: OptionSet {
  let rawValue: UInt8

  static let undecodable = Told(rawValue: 1)
  static let deadline = Told(rawValue: 2)
}

extension Connection {
  /// Whether something is to be told that was not told of this connection before. Any thread.
  func tells(_ what: Told) -> Bool {
    told.bitwiseOr(what.rawValue, ordering: .relaxed).oldValue & what.rawValue == 0
  }
}

/// What goes with a route beside what runs.
struct RouteNotes: Sendable {
  let statistics: RouteStatistics
  /// Answers the requests that failed.
  let onFailure: FailureHook?
}
