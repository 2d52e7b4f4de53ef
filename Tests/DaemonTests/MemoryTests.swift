import Glibc
import Synchronization
import Testing
import ZinxConfig
import ZinxTestKit
import ZinxWire

/// The formula of Memory.md, for `zinx.json` as it is written here. Bytes.
private struct MemoryBound {
  var maxConn = 104
  var maxPacketSize = 64 << 10
  var maxConnQueueBytes: Int
  var maxQueueBytes: Int
  var workers = 2
  var loops = 2

  var json: String {
    local(
      """
      "MaxConn": \(maxConn), "MaxPacketSize": \(maxPacketSize), "MaxConnQueueBytes": \(maxConnQueueBytes), \
      "MaxQueueBytes": \(maxQueueBytes), "WorkerPoolSize": \(workers), "IOThreads": \(loops), "SlowConsumerTimeout": 60, \
      "Plugins": {"echo": {}}
      """)
  }

  private var message: Int { maxPacketSize + DataPack.headerLength }
  private var inbox: Int { 2 * (max(64 << 10, message) + 128 << 10) }
  private var queue: Int { 64 << 10 + 4 * (maxConnQueueBytes + min(256 << 10, maxConnQueueBytes) + 2 * message) }
  private var cork: Int { 2 * (256 << 10 + message) }

  var connections: Int { maxConn * (8 << 10 + 2 * inbox) }
  var queues: Int {
    let each = maxConn * queue
    return maxQueueBytes == 0 ? each : min(each, maxQueueBytes + (workers + loops) * cork)
  }
  var threads: Int { loops * 5 << 20 + (workers + loops) * cork }
  var total: Int { connections + queues + threads }
}

/// Bytes that a process has had in memory at most.
private func peakMemory(_ daemon: DaemonProcess) throws -> Int {
  let status = String(decoding: try ConfigurationFile.readFile("/proc/\(daemon.pid)/status"), as: UTF8.self)
  let match = try #require(status.firstMatch(of: /VmHWM:\s+(\d+) kB/))
  return try #require(Int(match.1)) << 10
}

extension Daemons {
  @Suite("The memory of a daemon")
  struct MemoryTests {
    /// Peers that ask for much and read nothing, until what they are owed fills kernel and queue or they are closed for it.
    private func takers(_ count: Int, _ port: UInt16) async throws -> [RawPeer] {
      let requests = RawFrame(3, [UInt8](repeating: 1, count: 64 << 10)).bytes(times: 320)
      let peers = try (0..<count).map { _ in try RawPeer(port: port, receiveBuffer: 16 << 10) }
      await withTaskGroup { group in
        for peer in peers { group.addTask { _ = try? await peer.sendUntilBlocked(requests) } }
      }
      return peers
    }

    /// Peers that stop one byte before the end of the longest message.
    private func halves(_ count: Int, _ port: UInt16) async throws -> [RawPeer] {
      let half = Array(RawFrame(3, [UInt8](repeating: 1, count: 64 << 10)).bytes().dropLast())
      var peers: [RawPeer] = []
      for _ in 0..<count {
        peers.append(try RawPeer(port: port))
        try await peers.last?.send(half)
      }
      return peers
    }

    private func exchange(_ peer: RawPeer, _ text: String) async throws {
      #expect(try await peer.exchange(RawFrame(3, text)).text == text)
    }

    @Test(
      "stays within what its configuration implies, whatever hostile peers do; a good one is served meanwhile",
      arguments: [
        MemoryBound(maxConnQueueBytes: 16 << 20, maxQueueBytes: 8 << 20),
        MemoryBound(maxConnQueueBytes: 64 << 10, maxQueueBytes: 0),
      ])
    fileprivate func bounded(bound: MemoryBound) async throws {
      try await withDaemon(bound.json) { daemon, _ in
        let port = try await daemon.port()
        let good = try RawPeer(port: port)
        try await exchange(good, "first")
        let before = try peakMemory(daemon)

        let isOver = Atomic<Bool>(false)
        async let exchanges: Int = {
          var count = 0
          while !isOver.load(ordering: .relaxed) {
            try await exchange(good, "\(count)")
            count += 1
          }
          return count
        }()
        let idle = try (0..<20).map { _ in try RawPeer(port: port) }
        let halves = try await halves(40, port)
        let takers = try await takers(40, port)
        isOver.store(true, ordering: .relaxed)
        #expect(try await exchanges > 0)

        let growth = try peakMemory(daemon) - before
        #expect((1...bound.total).contains(growth))
        if bound.maxQueueBytes > 0 {
          let line = try await daemon.line(containing: "were queued for all peers (MaxQueueBytes)")
          #expect(line.contains("WARN"))
          try await daemon.line(containing: "connection ended: shed")
        } else {
          #expect(!daemon.errorLines.contains { $0.contains("connection ended") })
        }
        for half in halves {
          try await half.send([1])
          #expect(try await half.frame().data.count == 64 << 10)
        }
        _ = (idle, takers)
      }
    }

    @Test("is limited anew by a reload: those with the most queued are closed")
    func reload() async throws {
      let bound = MemoryBound(maxConnQueueBytes: 4 << 20, maxQueueBytes: 0)
      try await withDaemon(bound.json) { daemon, folder in
        let port = try await daemon.port()
        let takers = try await takers(4, port)
        #expect(!daemon.errorLines.contains { $0.contains("connection ended") })
        var lower = bound
        lower.maxQueueBytes = 6 << 20
        lower.maxConnQueueBytes = 2 << 20
        try folder.write("zinx.json", lower.json)
        daemon.signal(SIGHUP)
        try await daemon.line(
          containing: "configuration reloaded: MaxConnQueueBytes: 4194304 → 2097152, MaxQueueBytes: 0 → 6291456")
        try await daemon.line(containing: "connection ended: shed")
        try await exchange(RawPeer(port: port), "good")
        _ = takers
      }
    }
  }
}
