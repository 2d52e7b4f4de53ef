/// Some first bytes, read in one order of the header: how well does that go?
struct HeaderReading {
  /// Messages that are looked at.
  private static let frameLimit = 64

  let pack: DataPack
  let first: FrameHeader
  /// The id of the first message has a route.
  let isRouted: Bool
  /// One of the lengths is not allowed.
  private(set) var isRefuted = false
  /// Messages that are there as a whole.
  private var whole = 0
  /// Bytes of these.
  private var end = 0
  /// One of them has no data: zeros are any number of empty messages.
  private var hasEmpty = false
  /// The bytes end where a message does.
  private let isExact: Bool

  /// Nil without a whole header.
  init?(of bytes: UnsafeRawBufferPointer, as pack: DataPack, maxPacketSize: UInt32, hasRoute: (UInt32) -> Bool) {
    let decoder = FrameDecoder(pack, maxPacketSize: maxPacketSize)
    guard let first = decoder.header(in: bytes, at: 0) else { return nil }
    self.pack = pack
    self.first = first
    isRouted = hasRoute(first.id)
    while whole < Self.frameLimit, let header = decoder.header(in: bytes, at: end) {
      isRefuted = header.length > maxPacketSize
      guard !isRefuted, bytes.count - end - DataPack.headerLength >= Int(header.length) else { break }
      end += DataPack.headerLength + Int(header.length)
      whole += 1
      if header.length == 0 { hasEmpty = true }
    }
    isExact = end == bytes.count
  }

  /// The one that is evident where `own`, the listener's, is not; nil if there is none, two are as good, or another one has all bytes in
  /// whole messages where this one has not: a header of two small numbers is one in both orders of the fields, and either may be meant.
  static func best(of readings: [HeaderReading], insteadOf own: HeaderReading?) -> HeaderReading? {
    let fitting = readings.filter { $0.isEvident(insteadOf: own) }
    guard let best = fitting.max(by: { $0.rank < $1.rank }) else { return nil }
    guard fitting.count(where: { $0.rank == best.rank }) == 1 else { return nil }
    guard best.isSound || !readings.contains(where: { $0.pack != best.pack && $0.isSound }) else { return nil }
    return best
  }

  /// The bytes are one message, or several with data.
  private var isSound: Bool { !isRefuted && isExact && (isFilled || whole == 1) }

  private var isFilled: Bool { whole > 0 && !hasEmpty }

  private var rank: Int { (isRouted ? 2 : 0) + (isExact ? 1 : 0) }

  private func isEvident(insteadOf own: HeaderReading?) -> Bool {
    guard !isRefuted else { return false }
    guard let own else { return isRouted || isOrdinary }
    // A message of ours that is too long has an id of ours, too; against that, whole messages of the other order must be there.
    if own.isRefuted, own.isRouted { return isRouted && (isFilled || isExact && whole == 1) }
    return isSwapped(against: own) ? isEvident(inOrderOfBytesInsteadOf: own) : isEvident(inOrderOfFieldsInsteadOf: own)
  }

  /// Read with the bytes of its fields the wrong way round, small numbers are huge: a header is enough. Ids of whole messages may be
  /// large on purpose, such as the number of a module in their upper half.
  private func isEvident(inOrderOfBytesInsteadOf own: HeaderReading) -> Bool {
    if own.isRefuted { return isRouted || isOrdinary }
    return own.first.id > (own.isExact ? 0xFF_FFFF : 0xFFFF) && (isRouted || isOrdinary && isExact)
  }

  /// Id and length that changed places are a header as good as any, so the data has to be in the right place as well.
  private func isEvident(inOrderOfFieldsInsteadOf own: HeaderReading) -> Bool {
    own.isRefuted ? isRouted && whole > 0 || isExact && isFilled : isRouted && isExact && !own.isExact
  }

  private func isSwapped(against other: HeaderReading) -> Bool { (pack == .tlvBigEndian) != (other.pack == .tlvBigEndian) }

  /// Numbers as they are in practice. Not without data: an id of 0, or a length like 65536, is as good either way round.
  private var isOrdinary: Bool { first.id <= UInt16.max && (1...UInt32(UInt16.max)).contains(first.length) }
}
