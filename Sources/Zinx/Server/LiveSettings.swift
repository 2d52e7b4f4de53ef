import Synchronization
import ZinxIO

/// The settings of all listeners that a reload changes while the server runs. Each is read on its own wherever it is needed, without a lock.
final class LiveSettings: Sendable {
  let maxWorkerTaskLen = Atomic<Int>(0)
  let maxMsgChanLen = Atomic<Int>(0)
  let maxConnQueueBytes = Atomic<Int>(0)
  /// `Int.max` without a limit.
  let maxQueueBytes = Atomic<Int>(0)
  let rejectsOverload = Atomic<Bool>(true)
  /// Nanoseconds; 0 means never.
  let lingerTimeout = Atomic<Int64>(0)
  let slowConsumerTimeout = Atomic<Int64>(0)
  let frameTimeout = Atomic<Int64>(0)
  private let firstByteTimeout = Atomic<Int64>(0)
  /// Bytes or messages a second; 0 means no limit.
  private let minFrameRate = Atomic<Int64>(0)
  private let maxMsgRate = Atomic<Int64>(0)
  private let maxByteRate = Atomic<Int64>(0)

  init(_ configuration: ServerConfiguration) { apply(configuration) }

  /// What may wait for one peer.
  var queueLimit: Outbox.Limit {
    Outbox.Limit(messages: maxMsgChanLen.load(ordering: .relaxed), bytes: maxConnQueueBytes.load(ordering: .relaxed))
  }

  func apply(_ configuration: ServerConfiguration) {
    maxWorkerTaskLen.store(configuration.maxWorkerTaskLen, ordering: .relaxed)
    maxMsgChanLen.store(configuration.maxMsgChanLen, ordering: .relaxed)
    maxConnQueueBytes.store(configuration.maxConnQueueBytes, ordering: .relaxed)
    maxQueueBytes.store(configuration.maxQueueBytes > 0 ? configuration.maxQueueBytes : .max, ordering: .relaxed)
    rejectsOverload.store(configuration.overloadPolicy == .reject, ordering: .relaxed)
    lingerTimeout.store(configuration.lingerTimeout.inNanoseconds, ordering: .relaxed)
    slowConsumerTimeout.store(configuration.slowConsumerTimeout.inNanoseconds, ordering: .relaxed)
    firstByteTimeout.store(configuration.firstByteTimeout.inNanoseconds, ordering: .relaxed)
    frameTimeout.store(configuration.frameTimeout.inNanoseconds, ordering: .relaxed)
    minFrameRate.store(Int64(configuration.minFrameRate), ordering: .relaxed)
    maxMsgRate.store(Int64(configuration.maxMsgRate), ordering: .relaxed)
    maxByteRate.store(Int64(configuration.maxByteRate), ordering: .relaxed)
  }

  /// By when a peer has to send something; `idle` is its listener's.
  func receiveLimits(idle: Int64) -> ReceiveDeadline.Limits {
    ReceiveDeadline.Limits(
      firstByte: firstByteTimeout.load(ordering: .relaxed), idle: idle,
      frame: frameTimeout.load(ordering: .relaxed), frameRate: minFrameRate.load(ordering: .relaxed))
  }

  /// How fast a connection is read.
  var rates: Pace.Rates {
    Pace.Rates(messages: maxMsgRate.load(ordering: .relaxed), bytes: maxByteRate.load(ordering: .relaxed))
  }

  /// Bytes that a peer which does not keep up has to take within so many nanoseconds.
  func leastTaken(within time: Int64) -> Int {
    let (product, overflow) = minFrameRate.load(ordering: .relaxed).multipliedReportingOverflow(by: time / 1_000_000)
    return overflow ? .max : max(1, Int(product / 1000))
  }
}
