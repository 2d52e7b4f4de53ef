import CLinux
import Glibc
import Logging
import Synchronization
import ZinxControl
import ZinxIO

/// The control socket: accepts on a thread of its own and gives each client one, so that neither an event loop nor a worker takes part, and
/// a client that waits for a reload, or does not read, keeps no other waiting. How many there are is bounded, and how long each may take.
final class ControlSocket: Sendable {
  /// Answers a request, a line at a time. To write nothing asks whether somebody takes the answer still.
  typealias Answer = @Sendable (ControlRequest, ControlPeer, _ write: (String?) -> Bool) -> Void

  /// Time for a client to take a line.
  private static let writeTime = Duration.seconds(10)
  /// The same for the last one, that there is no place.
  private static let partingTime = Duration.milliseconds(100)
  /// Time for those whose requests are being answered when the daemon ends.
  private static let closingTime = Duration.seconds(1)
  private static let readSize = 16 << 10

  private let listeners: [ControlListener]
  private let greeting: String
  private let answer: Answer
  private let wakeUp: Descriptor
  private let clients = Mutex(Clients())
  private let isClosed = Atomic<Bool>(false)
  private let isDown = Parker()
  /// Told whenever a client was answered, once the socket is closed.
  private let isQuiet = Parker()

  private struct Clients {
    var places = ControlPlaces()
    /// Their sockets, as long as these are open.
    var descriptors: [UInt64: Int32] = [:]
  }

  /// Takes ownership of the listeners.
  ///
  /// Throws: ``SystemError`` without a descriptor or a thread; the listeners are closed then.
  init(_ listeners: [ControlListener], greeting: String, answer: @escaping Answer) throws(SystemError) {
    self.listeners = listeners
    self.greeting = greeting
    self.answer = answer
    do throws(SystemError) {
      wakeUp = try Descriptor(eventfd(0, Int32(EFD_CLOEXEC)), from: "eventfd")
      _ = try Thread { [self] in
        nameThread("zinx-control")
        run()
      }
    } catch {
      for listener in listeners { listener.close() }
      throw error
    }
  }

  /// Where it listens.
  var paths: [String] { listeners.compactMap(\.path) }

  /// Takes no more clients, removes its file, and waits a moment for answers that are on their way, such as the end of a trace. Those
  /// clients that are there stay until they go, or the process ends. Once.
  func close() {
    guard !isClosed.exchange(true, ordering: .sequentiallyConsistent) else { return }
    var one: UInt64 = 1
    _ = write(wakeUp.number, &one, MemoryLayout.size(ofValue: one))
    isDown.park()
    let deadline = ContinuousClock.now + Self.closingTime
    while clients.withLock({ $0.places.isAnyServed }), isQuiet.park(atMost: deadline - .now) {}
  }

  // MARK: The accepting thread

  private func run() {
    var entries = [pollfd(fd: wakeUp.number, events: Int16(POLLIN), revents: 0)]
    entries += listeners.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
    while !isClosed.load(ordering: .sequentiallyConsistent) {
      guard poll(&entries, nfds_t(entries.count), -1) > 0 else { continue }
      for (entry, listener) in zip(entries.dropFirst(), listeners) where entry.revents != 0 { accept(listener) }
    }
    for listener in listeners { listener.close() }
    isDown.unpark()
  }

  private func accept(_ listener: ControlListener) {
    let descriptor = clinux_accept4(listener.descriptor, nil, nil, Int32(SOCK_CLOEXEC.rawValue))
    guard descriptor >= 0 else {
      // Without descriptors a client waits until there is one; the others that may be meant are over at once.
      if errno != EINTR, errno != EAGAIN, errno != ECONNABORTED { usleep(100_000) }
      return
    }
    let peer = ControlPeer(of: descriptor)
    guard peer.mayEnter(by: listener.access, own: geteuid()) else {
      return refuse(descriptor, ControlError(.notPermitted, "only root and the user of the service may enter here"))
    }
    guard let id = admit(descriptor, peer) else {
      return refuse(descriptor, ControlError(.busy, "as many clients as may be here are being served, or have only just come"))
    }
    do {
      _ = try Thread { [self] in
        nameThread("zinx-control-c")
        serve(UnixStream(owning: descriptor), peer, id)
      }
    } catch {
      leave(id)
      refuse(descriptor, ControlError(.busy, "\(error)"))
    }
  }

  /// Gives it a place, if there is one or somebody makes room.
  private func admit(_ descriptor: Int32, _ peer: ControlPeer) -> UInt64? {
    clients.withLock { clients in
      let id: UInt64
      switch clients.places.admit(isRoot: peer.uid == 0, at: .now) {
      case .refuse: return nil
      case .enter(let new): id = new
      case .replace(let new, let evicted):
        id = new
        // Its thread reads the end, and says why.
        if let other = clients.descriptors[evicted] { shutdown(other, Int32(SHUT_RD)) }
      }
      clients.descriptors[id] = descriptor
      return id
    }
  }

  /// Its socket is closed after this.
  private func leave(_ id: UInt64) {
    clients.withLock { clients in
      clients.places.leave(id)
      clients.descriptors[id] = nil
    }
    tellWhoCloses()
  }

  private func tellWhoCloses() { if isClosed.load(ordering: .sequentiallyConsistent) { isQuiet.unpark() } }

  private func refuse(_ descriptor: Int32, _ error: ControlError) {
    let stream = UnixStream(owning: descriptor)
    _ = stream.write(ControlProtocol.answer(nil, error).description, within: Self.partingTime)
  }

  // MARK: The thread of a client

  private func serve(_ stream: consuming UnixStream, _ peer: ControlPeer, _ id: UInt64) {
    converse(stream, peer, id)
    if clients.withLock({ $0.places.isEvicted(id) }) {
      let error = ControlError(.busy, "you have asked nothing for a while, and others want your place")
      _ = stream.write(ControlProtocol.answer(nil, error).description, within: Self.partingTime)
    }
    leave(id)
  }

  private func converse(_ stream: borrowing UnixStream, _ peer: ControlPeer, _ id: UInt64) {
    var session = ControlSession(greeting: greeting, at: .now)
    while true {
      switch session.next(at: .now) {
      case .write(let line):
        guard isServed(id), stream.write(line, within: Self.writeTime) else { return }
        isIdle(id)
      case .perform(let request):
        guard isServed(id) else { return }
        var isThere = true
        if mayBegin(request, id) {
          answer(request, peer) { line in
            isThere = isThere && (line.map { stream.write($0, within: Self.writeTime) } ?? !stream.isGone)
            return isThere
          }
        } else {
          let error = ControlError(.busy, "\(ControlPlaces.limitOfTraces) traces run already, which is all that may at once")
          isThere = stream.write(ControlProtocol.answer(request.id, error).description, within: Self.writeTime)
        }
        guard isThere else { return }
        session.answered(at: .now)
        isIdle(id)
      case .read(let time):
        switch stream.read(upTo: Self.readSize, within: time) {
        case .bytes(let bytes): session.received(bytes, at: .now)
        case .end: session.ended()
        case .timeOut: break
        }
      case .end: return
      }
    }
  }

  private func isServed(_ id: UInt64) -> Bool { clients.withLock { $0.places.isServed(id) } }

  private func isIdle(_ id: UInt64) {
    clients.withLock { $0.places.isIdle(id, at: .now) }
    tellWhoCloses()
  }

  private func mayBegin(_ request: ControlRequest, _ id: UInt64) -> Bool {
    guard case .trace = request.command else { return true }
    return clients.withLock { $0.places.traces(id) }
  }
}
