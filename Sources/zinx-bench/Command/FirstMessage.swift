import ArgumentParser
import ZinxClient
import ZinxWire

extension FirstMessage: ExpressibleByArgument {
  /// As it is on the wire.
  func frame(_ pack: DataPack) -> [UInt8] {
    withUnsafeBytes(of: FrameHeader(id: id, length: UInt32(data.count)).rawHeader(pack)) { Array($0) } + data
  }
}
