import NIOCore
import NIOPosix
import Synchronization
import Zinx
import ZinxIO

/// The sockets at which metrics and health are asked for, and a thread of their own: event loops and workers have no part in it.
final class MetricsDoor: Sendable {
  /// Visitors at once; others are closed. Monitoring comes from a few places.
  static let mostVisitors = 32

  private let group: MultiThreadedEventLoopGroup
  private let channels: Mutex<[any Channel]>
  private let sockets: EndpointSockets

  /// Where it is, as `127.0.0.1:9117`, `unix:/run/zinxd/metrics.sock` or `unix:@zinxd-metrics`.
  let addresses: [String]

  private init(
    _ group: MultiThreadedEventLoopGroup, _ channels: [any Channel], _ sockets: EndpointSockets, _ addresses: [String]
  ) {
    self.group = group
    self.sockets = sockets
    self.addresses = addresses
    self.channels = Mutex(channels)
  }

  /// Answers at sockets that listen. They are the door's, also when this throws.
  static func open(_ sockets: EndpointSockets, _ site: MetricsSite) async throws -> MetricsDoor {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let addresses = sockets.addresses
    let visitors = Visitors(most: mostVisitors)
    let bootstrap = ServerBootstrap(group: group)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096))
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard visitors.enter() else { throw Visitors.TooMany() }
          channel.closeFuture.whenComplete { _ in visitors.leave() }
          try MetricsPipeline.set(up: channel, site)
        }
      }
    var channels: [any Channel] = []
    do {
      for (index, socket) in sockets.sockets.enumerated() {
        // What fails takes its socket along.
        do { channels.append(try await bootstrap.withBoundSocket(socket).get()) } catch {
          for rest in sockets.sockets[(index + 1)...] { _ = Descriptor(owning: rest) }
          throw error
        }
      }
    } catch {
      for channel in channels { try? await channel.close() }
      sockets.removeFile()
      try? await group.shutdownGracefully()
      throw error
    }
    return MetricsDoor(group, channels, sockets, addresses)
  }

  /// Lets nobody in any more, and ends those who are in.
  func close() async {
    let channels = channels.withLock { channels in
      defer { channels = [] }
      return channels
    }
    sockets.removeFile()
    for channel in channels { try? await channel.close() }
    try? await group.shutdownGracefully()
  }
}

/// How many are in.
private final class Visitors: Sendable {
  struct TooMany: Error {}

  private let most: Int
  private let count = Atomic<Int>(0)

  init(most: Int) { self.most = most }

  func enter() -> Bool {
    if count.wrappingAdd(1, ordering: .relaxed).oldValue < most { return true }
    leave()
    return false
  }

  func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}
