import ZinxWire

/// A frame as bytes, put together and taken apart by hand: not with the code that is tested.
public struct RawFrame: Sendable, Hashable, CustomStringConvertible {
  public var id: UInt32
  public var data: [UInt8]

  public init(_ id: UInt32, _ data: [UInt8] = []) {
    self.id = id
    self.data = data
  }

  public init(_ id: UInt32, _ text: String) { self.init(id, Array(text.utf8)) }

  public var text: String { String(decoding: data, as: UTF8.self) }
  public var description: String { "\(id): \(text.prefix(40))" }

  public func bytes(_ pack: DataPack = .ltvLittleEndian) -> [UInt8] { Self.header(id, length: UInt32(data.count), pack) + data }

  /// The same frame, `count` times.
  public func bytes(times count: Int) -> [UInt8] {
    let one = bytes()
    var all: [UInt8] = []
    all.reserveCapacity(count * one.count)
    for _ in 0..<count { all += one }
    return all
  }

  /// A header that announces `length` bytes.
  public static func header(_ id: UInt32, length: UInt32, _ pack: DataPack = .ltvLittleEndian) -> [UInt8] {
    switch pack {
    case .ltvLittleEndian: little(length) + little(id)
    case .tlvLittleEndian: little(id) + little(length)
    case .tlvBigEndian: little(id).reversed() + little(length).reversed()
    }
  }

  private static func little(_ number: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } }

  fileprivate static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 { bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) } }
}

extension RawPeer {
  public func send(_ frame: RawFrame, _ pack: DataPack = .ltvLittleEndian) async throws { try await send(frame.bytes(pack)) }

  /// Sends frames in one piece, as far as the kernel takes them at once.
  public func send(_ frames: [RawFrame]) async throws { try await send(frames.flatMap { $0.bytes() }) }

  /// The next frame.
  public func frame(_ pack: DataPack = .ltvLittleEndian) async throws -> RawFrame {
    var header = try await receive(8)
    if pack == .tlvBigEndian { header = header[..<4].reversed() + header[4...].reversed() }
    let (first, second) = (RawFrame.number(header[..<4]), RawFrame.number(header[4...]))
    let (id, length) = pack == .ltvLittleEndian ? (second, first) : (first, second)
    return RawFrame(id, try await receive(Int(length)))
  }

  public func frames(_ count: Int, _ pack: DataPack = .ltvLittleEndian) async throws -> [RawFrame] {
    var frames: [RawFrame] = []
    for _ in 0..<count { frames.append(try await frame(pack)) }
    return frames
  }

  /// Sends a frame and returns the next one that comes.
  public func exchange(_ frame: RawFrame, _ pack: DataPack = .ltvLittleEndian) async throws -> RawFrame {
    try await send(frame, pack)
    return try await self.frame(pack)
  }
}
