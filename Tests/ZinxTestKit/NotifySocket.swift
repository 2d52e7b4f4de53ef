import Glibc

/// Stands in for the service manager: listens where `NOTIFY_SOCKET` points, and keeps what it is told until asked.
public final class NotifySocket: Sendable {
  private let receiver: DatagramReceiver

  /// At a path in a folder of its own, which goes with it, or at an abstract name.
  public init(abstract: Bool = false) throws {
    receiver = try DatagramReceiver(abstract: abstract)
  }

  /// The value for `NOTIFY_SOCKET`.
  public var address: String { receiver.address }

  /// The next notification, for which it waits; `nil` if none comes.
  public func next(timeoutMilliseconds: Int32 = 10_000) -> String? {
    receiver.next(timeoutMilliseconds: timeoutMilliseconds).map { String(decoding: $0.bytes, as: UTF8.self) }
  }

  /// What has already arrived.
  public func pending() -> [String] {
    var texts: [String] = []
    while let text = next(timeoutMilliseconds: 0) { texts.append(text) }
    return texts
  }
}
