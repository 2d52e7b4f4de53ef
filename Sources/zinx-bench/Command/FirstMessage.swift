import ArgumentParser
import ZinxWire

/// What each connection sends before anything else, `ID:TEXT`: for servers that want to know who somebody is.
struct FirstMessage: ExpressibleByArgument, Sendable, Equatable {
  let id: UInt32
  let data: [UInt8]

  init?(argument: String) {
    let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let id = UInt32(parts[0]) else { return nil }
    self.id = id
    data = parts.count > 1 ? Array(parts[1].utf8) : []
  }

  /// As it is on the wire.
  func frame(_ pack: DataPack) -> [UInt8] {
    withUnsafeBytes(of: FrameHeader(id: id, length: UInt32(data.count)).rawHeader(pack)) { Array($0) } + data
  }
}
