/// What both ends of the control socket know: a line is an object of JSON, the first one is the daemon's.
///
///     daemon: {"control":1,"program":"zinxd","version":"0.9.0"}
///     client: {"id":1,"command":"status"}
///     daemon: {"id":1,"result":{"version":"0.9.0","connections":3,…}}
///     client: {"id":2,"command":"connections","where":"idle > 5m"}
///     daemon: {"id":2,"result":{"connections":[…]},"more":true}
///     daemon: {"id":2,"result":{"connections":[…]}}
///     client: {"id":3,"command":"show","connection":7}
///     daemon: {"id":3,"error":{"code":"not-found","message":"there is no connection 7"}}
///
/// A list comes in as many lines as it takes, of which all but the last have `"more":true`. Requests are answered one after the other.
package enum ControlProtocol {
  /// Of the meaning of lines. Members may be added to answers without another one.
  package static let version: Int64 = 1
  /// Bytes of a line, its end not counted; both ways.
  package static let longestLine = 64 << 10
  /// Characters of an `id`.
  package static let longestID = 64

  package static func hello(program: String, version: String) -> JSON {
    ["control": .integer(Self.version), "program": .string(program), "version": .string(version)]
  }

  package static func answer(_ id: JSON, _ result: JSON, more: Bool = false) -> JSON {
    var members = [JSON.Member("id", id), JSON.Member("result", result)]
    if more { members.append(JSON.Member("more", true)) }
    return .object(members)
  }

  package static func answer(_ id: JSON, _ error: ControlError) -> JSON {
    ["id": id, "error": ["code": .string(error.code.rawValue), "message": .string(error.message)]]
  }

}

/// The lines of a list, each as full as it can be, and made when it is asked for: a list of any length takes the memory of a line.
package struct ControlPages: Sequence, IteratorProtocol {
  private let id: String
  private let name: String
  private let element: () -> JSON?
  /// The first element of the next line.
  private var ahead: String?
  private var isOver = false

  /// - Parameters:
  ///   - name: under which the elements are in the result.
  ///   - element: the elements, one after the other; an element that is longer than a line has one to itself.
  package init(_ id: JSON, _ name: String, _ element: @escaping () -> JSON?) {
    (self.id, self.name, self.element) = (id.description, JSON.string(name).description, element)
  }

  package mutating func next() -> String? {
    guard !isOver else { return nil }
    var line = "{\"id\":\(id),\"result\":{\(name):["
    let room = ControlProtocol.longestLine - line.utf8.count - Self.longestEnd
    var size = 0
    while let element = ahead.take() ?? self.element()?.description {
      guard size == 0 || size + 1 + element.utf8.count <= room else {
        ahead = element
        return line + "]},\"more\":true}"
      }
      if size > 0 { line += "," }
      line += element
      size += element.utf8.count + 1
    }
    isOver = true
    return line + "]}}"
  }

  private static let longestEnd = 16
}

/// What keeps a request from being done.
package struct ControlError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Code: String, Sendable, CaseIterable {
    /// A line that is no object of JSON, or too long.
    case badLine = "bad-line"
    /// An unknown command, or arguments that it does not take.
    case badRequest = "bad-request"
    /// A `where` or `sort` that means nothing.
    case badFilter = "bad-filter"
    /// There is no such connection, key or level.
    case notFound = "not-found"
    /// It cannot be done now, or not by this daemon: the message says why.
    case refused
    /// The peer may not ask.
    case notPermitted = "not-permitted"
    /// Too many clients at once.
    case busy
    /// The daemon ends, and does this no more.
    case draining
  }

  package var code: Code
  /// For people: what is wrong, and what would not be.
  package var message: String

  package init(_ code: Code, _ message: String) { (self.code, self.message) = (code, message) }

  package var description: String { message }
}
