import NIOCore
import ZinxWire

/// A property whose values go on when another program takes over the connections of this one: see ``RouteRegistrar/keep(_:)``. A connection
/// that has a value under any other key cannot be taken over, and ends with ``CloseReason/handover``.
///
/// <!-- in: func register(in routes: inout RouteRegistrar) { … } -->
/// ```swift
/// enum Room: LastingPropertyKey {
///   typealias Value = String
///   static let stateName = "chat.room"
/// }
/// routes.keep(Room.self)
/// ```
///
/// Values with a text that they can be made of are written as that, and those that are the data of messages as those: a `Codable` type that is
/// a `JSONPayload` of the product ZinxJSON as JSON. Others say how.
public protocol LastingPropertyKey: PropertyKey {
  /// What the value is written down under: unique among the keys of a server, and the same in the program that takes over.
  static var stateName: String { get }

  /// What is written down of a value. On a thread of the operator's.
  ///
  /// Throws: what cannot be written; the connection ends then, as one that has a property without this.
  static func bytes(of value: Value) throws -> [UInt8]

  /// The value of which that was written down.
  ///
  /// Throws: what makes the other program go on, which says so.
  static func value(of bytes: [UInt8]) throws -> Value
}

/// A text of which a property cannot be made.
public struct PropertyFault: Error, Equatable, CustomStringConvertible {
  /// What was written down.
  public let text: String

  public var description: String { "\(text.debugDescription) is not what was written down" }
}

extension LastingPropertyKey where Value: LosslessStringConvertible {
  public static func bytes(of value: Value) -> [UInt8] { Array(value.description.utf8) }

  public static func value(of bytes: [UInt8]) throws -> Value {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let value = Value(text) else { throw PropertyFault(text: text) }
    return value
  }
}

extension LastingPropertyKey where Value: Payload {
  public static func bytes(of value: Value) throws -> [UInt8] { Array(try ByteBuffer(encoding: value).readableBytesView) }

  public static func value(of bytes: [UInt8]) throws -> Value {
    var data = ByteBuffer(bytes: bytes)
    return try Value(decoding: &data)
  }
}

/// As text: that is there for people to read, and both are the same for a `String`.
extension LastingPropertyKey where Value: LosslessStringConvertible & Payload {
  public static func bytes(of value: Value) -> [UInt8] { Array(value.description.utf8) }

  public static func value(of bytes: [UInt8]) throws -> Value {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let value = Value(text) else { throw PropertyFault(text: text) }
    return value
  }
}

/// How the properties are written down that last, by their keys.
struct LastingProperties: Sendable {
  private struct Way: Sendable {
    let name: String
    let bytes: @Sendable (any Sendable) -> [UInt8]?
    let restore: @Sendable ([UInt8], Connection) throws -> Void
    let check: @Sendable ([UInt8]) throws -> Void
  }

  private var ways: [ObjectIdentifier: Way] = [:]

  mutating func add<Key: LastingPropertyKey>(_ key: Key.Type) {
    ways[ObjectIdentifier(key)] = Way(
      name: key.stateName, bytes: { ($0 as? Key.Value).flatMap { try? key.bytes(of: $0) } },
      restore: { $1[key] = try key.value(of: $0) }, check: { _ = try key.value(of: $0) })
  }

  /// Nil for one that does not last.
  func state(_ key: ObjectIdentifier, _ value: any Sendable) -> NamedState? {
    guard let way = ways[key], let bytes = way.bytes(value) else { return nil }
    return NamedState(way.name, bytes)
  }

  /// Why a property cannot be taken over; nil if it can.
  func refusal(_ state: NamedState) -> String? {
    guard let way = ways.values.first(where: { $0.name == state.name }) else {
      return "no plugin of this program has the property \"\(state.name)\""
    }
    do { try way.check(state.bytes) } catch { return "the property \"\(state.name)\": \(error)" }
    return nil
  }

  func restore(_ state: NamedState, _ connection: Connection) throws {
    try ways.values.first { $0.name == state.name }?.restore(state.bytes, connection)
  }
}
