import Systemd
import Zinx
import ZinxIO

/// Whose the sockets are that systemd passed: those of the listener whose `Name` is their `FileDescriptorName=`. With one listener all are
/// its own, whatever they are called, as a unit names them after itself where it says nothing.
enum PassedSockets {
  /// A socket was passed under a name that no listener bears.
  struct Unclaimed: Error, Equatable {
    var socket: String
    var listeners: [String]
  }

  /// Takes out those that are for metrics: by the name that no listener bears.
  static func takeMetrics(_ sockets: inout [ListenSocket], beside endpoints: [Endpoint]) -> [Int32] {
    guard !endpoints.contains(where: { $0.name == MetricsService.socketName }) else { return [] }
    defer { sockets.removeAll { $0.name == MetricsService.socketName } }
    return sockets.filter { $0.name == MetricsService.socketName }.map(\.descriptor)
  }

  /// Throws: ``Unclaimed``; the process is about to end then, and with it the sockets.
  static func assign(_ sockets: [ListenSocket], to endpoints: [Endpoint]) throws(Unclaimed) -> [EndpointSockets] {
    let names = endpoints.map(\.name)
    if sockets.isEmpty { return [] }
    if let only = names.first, names.count == 1 {
      return [EndpointSockets(name: only, sockets: sockets.map(\.descriptor), isPassed: true)]
    }
    for socket in sockets where !names.contains(socket.name) { throw Unclaimed(socket: socket.name, listeners: names) }
    return names.compactMap { name in
      let own = sockets.filter { $0.name == name }.map(\.descriptor)
      return own.isEmpty ? nil : EndpointSockets(name: name, sockets: own, isPassed: true)
    }
  }
}
