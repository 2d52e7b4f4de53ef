import ZinxWire

/// What to do with a connection that arrives while `maxConn` are live.
public enum OverloadPolicy: String, Sendable, CaseIterable {
  /// Accept and close it at once: the client learns it now.
  case reject
  /// Leave it in the kernel's backlog until a place is free.
  case wait
}

/// The settings of a ``Server``. The defaults are those of `zinx.json`.
public struct ServerConfiguration: Sendable, Equatable {
  /// Server name, in logs and status.
  public var name = "zinxd"
  /// Address or host name to bind, IPv4 or IPv6.
  public var host = "0.0.0.0"
  /// TCP port; 0 asks the kernel for one.
  public var port: UInt16 = 7777
  /// Connections live at once, at least 1.
  public var maxConn = 12000
  /// Bytes of data in one message from a peer.
  public var maxPacketSize: UInt32 = 4096
  /// Worker threads; 0 runs handlers on the event loops.
  public var workerPoolSize = 10
  /// Requests queued on one worker.
  public var maxWorkerTaskLen = 1024
  /// Messages queued for one peer.
  public var maxMsgChanLen = 1024
  /// The wire order that the listener speaks.
  public var dataPack = DataPack.ltvLittleEndian
  /// What happens to connections beyond `maxConn`.
  public var overloadPolicy = OverloadPolicy.reject
  /// Connections at once from one IPv4 address, or from one /64 of IPv6; 0 means no limit.
  public var maxConnPerIP = 0
  /// Connections let in per second; those beyond it wait in the kernel's backlog. 0 means no limit.
  public var acceptRate = 0
  /// Descriptors kept for everything that is not a client's connection; `maxConn` gives way to them.
  public var reservedDescriptors = 64
  /// Networks that may connect; empty means everybody.
  public var allow: [Network] = []
  /// Networks that may not connect, also when they are in `allow`.
  public var deny: [Network] = []
  /// Event loops; 0 means one for each CPU the process may run on.
  public var ioThreads = 0
  /// Time without a byte from the peer after which its connection is closed; zero means never.
  public var idleTimeout = Duration.zero
  /// Time that a drain may take before what is left is cut.
  public var drainTimeout = Duration.seconds(25)
  /// Time that a peer is given to close after we have shut down our side.
  public var lingerTimeout = Duration.seconds(2)
  /// Time without progress after which a peer that does not read is closed.
  public var slowConsumerTimeout = Duration.seconds(10)

  public init() {}
}
