import CNats
import Synchronization
import Zinx
import ZinxIO

/// A connection to NATS, kept up until it is stopped, and what is published and asked by it.
///
/// It has a thread of its own, with an event loop that libnats' socket is on. Not a loop of the server: whoever connects waits for as long as
/// a connect and a handshake take, which only this thread may. It waits for nothing else: what is published goes into libnats' memory, which
/// the loop empties into the socket, so a NATS that has stopped to read costs memory up to a bound and no time.
///
/// Unchecked: what is marked "loop only" belongs to that thread, the rest is locked.
final class NatsLink: @unchecked Sendable {
  typealias Say = @Sendable (LinkLife.Word) -> Void
  /// Takes what has come to a subject that was subscribed to. On the link's thread, in order.
  typealias Take = @Sendable (_ link: NatsLink, _ subject: String, _ message: Received) -> Void

  private struct Shared {
    var status = LinkStatus()
    var queue: SendQueue
    /// What is to be subscribed to, and what no more, in order.
    var wishes: [(subject: String, isWanted: Bool)] = []
  }

  let configuration: NatsConfiguration
  /// What this server is called, as NATS is told.
  let node: String
  let names: PushSubjects
  /// Of this run of the node: ids of connections begin at 0 again in the next one.
  var instance: String {
    get { storedInstance.withLock { $0 } }
    set { storedInstance.withLock { $0 = newValue } }
  }
  private let storedInstance: Mutex<String>
  let loop: ZinxIO.EventLoop
  let metrics: LinkMetrics
  private let say: Say
  private let take: Take
  private let shared: Mutex<Shared>
  private let thread = Mutex<ZinxIO.Thread?>(nil)

  // Loop only.

  private var life = LinkLife()
  private var connection: OpaquePointer?
  private var events: LinkEvents?
  private var watch: SocketWatch?
  /// The subscription to the answers, and what their subjects begin with.
  private var inbox: Inbox?
  /// To what others say.
  private var subscriptions: LinkSubscriptions
  private let requests: LinkRequests
  private var retry: ZinxIO.EventLoop.Timer?

  /// - Parameters:
  ///   - configuration: with its files resolved.
  ///   - say: told what an operator is to hear, on the link's thread.
  ///   - take: takes what comes to subjects by ``want(_:_:)``.
  ///
  /// Throws: ``SystemError`` when the process has no descriptor left.
  init(
    _ configuration: NatsConfiguration, _ names: PushSubjects, node: String, instance: String, _ metrics: LinkMetrics,
    say: @escaping Say, take: @escaping Take
  ) throws(SystemError) {
    (self.configuration, self.names, self.node) = (configuration, names, node)
    storedInstance = Mutex(instance)
    (self.metrics, self.say, self.take) = (metrics, say, take)
    shared = Mutex(Shared(queue: SendQueue(limit: configuration.maxQueueBytes)))
    subscriptions = LinkSubscriptions(limit: configuration.maxSubscriptions)
    loop = try ZinxIO.EventLoop(name: "nats")
    requests = LinkRequests(loop, metrics)
  }

  /// How it stands. Any thread.
  var status: LinkStatus { shared.withLock { $0.status } }

  /// Starts the thread, which connects and goes on trying to. Returns at once.
  ///
  /// Throws: ``SystemError`` when the kernel has no thread left.
  func start() throws(SystemError) {
    loop.setHooks(afterWake: { [unowned self] in afterWake() })
    let thread = try ZinxIO.Thread { [loop] in loop.run() }
    self.thread.withLock { $0 = thread }
    loop.execute { self.perform(self.life.start()) }
  }

  /// Closes the connection and ends the thread. What waits for an answer fails.
  func stop() async {
    await withCheckedContinuation { done in
      loop.execute {
        self.perform(self.life.stop())
        done.resume()
      }
    }
    loop.stop()
    thread.withLock { $0.take() }?.join()
  }

  /// Has a message published, after those that the same thread has brought before. Any thread; never waits. Returns why it is not
  /// accepted: then ``Outgoing/done`` is not called.
  func submit(_ message: Outgoing) -> Outcome.Failure? {
    switch shared.withLock({ $0.queue.add(message) }) {
    case .refused(let failure): return failure
    case .accepted(let isFirst):
      if isFirst { loop.execute { self.takeMail() } }
      return nil
    }
  }

  /// Has those who wait for an answer told that it has failed. Any thread; returns at once.
  func giveUpRequests() { loop.execute { self.failAll() } }

  /// Subscribes to a subject, or does so no more, also at later connections. Any thread; never waits.
  func want(_ subject: String, _ isWanted: Bool) {
    let isFirst = shared.withLock { shared in
      shared.wishes.append((subject, isWanted))
      return shared.wishes.count == 1
    }
    if isFirst { loop.execute { self.takeWishes() } }
  }

  // MARK: The life (loop only)

  private func perform(_ action: LinkLife.Action) {
    note()
    switch action {
    case .nothing: break
    case .connect: connect()
    case .retry(let wait):
      // Nodes that all lost the same NATS do not come back at one moment.
      let time = wait + .milliseconds(Int64.random(in: 0...100))
      retry = loop.schedule(at: loop.time.advanced(byNanoseconds: time.inNanoseconds)) { [unowned self] in
        retry = nil
        connect()
      }
    case .close:
      if let retry { loop.cancel(retry) }
      retry = nil
      failAll()
      watch?.flush()
      forget()
    }
  }

  private func perform(_ outcome: (action: LinkLife.Action, word: LinkLife.Word?)) {
    if let word = outcome.word { say(word) }
    perform(outcome.action)
  }

  /// Brings the state to those who ask for it.
  private func note() {
    let isConnected = life.state == .connected
    let status = LinkStatus(
      state: life.state, server: isConnected ? connection.flatMap(LinkEvents.server(of:)) : nil, reason: life.reason,
      reconnects: life.reconnects)
    shared.withLock { shared in
      shared.status = status
      shared.queue.isOpen = isConnected
    }
    metrics.note(status)
  }

  private func connect() {
    guard life.state != .ended else { return }
    forget()
    let events = LinkEvents(self)
    switch events.connect() {
    case .failure(let reason):
      endWatch()
      perform(life.connectFailed(reason.text, at: loop.time))
    case .success(let connection):
      self.connection = connection
      self.events = events
      switch events.subscribe(on: connection) {
      case .success(let inbox):
        self.inbox = inbox
        subscriptions.renew { subscribe(to: $0) }
        isConnected()
      case .failure(let reason): perform(life.connectFailed(reason.text, at: loop.time))
      }
    }
  }

  private func isConnected() {
    let word = life.connected(at: loop.time)
    // Before anybody hears of it.
    note()
    if let word { say(word) }
  }

  /// Lets go of the connection, if there is one. What libnats still says of it is not heard.
  private func forget() {
    events = nil
    if let inbox { natsSubscription_Destroy(inbox.subscription) }
    inbox = nil
    subscriptions.forget()
    if let connection { natsConnection_Destroy(connection) }
    connection = nil
    endWatch()
  }

  private func endWatch() {
    watch?.end()
    watch = nil
  }

  // MARK: What libnats says (loop only)

  func attached(_ descriptor: consuming Descriptor, _ connection: OpaquePointer) {
    endWatch()
    do {
      watch = try SocketWatch(descriptor, of: connection, on: loop)
    } catch {
      // Nobody would hear of the socket: as good as lost, and libnats finds that out by its pings.
      say(.trouble("\(error)"))
    }
  }

  func wantsWrite(_ wants: Bool) { watch?.wantsWrite = wants }

  /// The socket is given up. Before libnats tells so in words, and before it takes its lock for long.
  func detached() {
    endWatch()
    loop.execute { self.lost("the connection was lost") }
  }

  func lost(_ reason: String) {
    guard let word = life.lost(reason, at: loop.time) else { return }
    note()
    say(word)
    failAll()
  }

  func closed(_ source: LinkEvents, _ reason: String) {
    guard source === events else { return }
    forget()
    perform(life.closed(reason, at: loop.time))
    failAll()
  }

  func troubled(_ reason: String) { if let word = life.troubled(reason, at: loop.time) { say(word) } }

  /// libnats has dropped what came, as it was not taken fast enough.
  func wasSlow() { metrics.slowConsumer.add() }

  // MARK: Messages (loop only)

  private func takeMail() {
    // What is said comes after what is to be heard: an answer to it finds somebody who hears it.
    takeWishes()
    let messages = shared.withLock { $0.queue.takeAll() }
    guard life.state == .connected, let connection, let inbox else {
      for message in messages { message.done(.failed(.away)) }
      return
    }
    requests.publish(messages, on: connection, answeredTo: inbox)
  }

  func takeReceived(_ source: LinkEvents) {
    for message in source.takeMail() where source === events {
      if let inbox, let token = message.token(after: inbox.prefix) {
        requests.take(message, to: token)
      } else {
        take(self, message.subject, message)
      }
    }
  }

  private func takeWishes() {
    let wishes = shared.withLock { shared in
      defer { shared.wishes = [] }
      return shared.wishes
    }
    for wish in wishes where !subscriptions.set(wish.subject, wish.isWanted, by: { subscribe(to: $0) }) {
      metrics.refusedSubscriptions.add()
    }
    metrics.subscriptions.set(subscriptions.count)
  }

  /// While there is no connection the next one has it.
  private func subscribe(to subject: String) -> OpaquePointer? {
    guard let connection, let events else { return nil }
    switch events.subscribe(on: connection, to: subject) {
    case .success(let subscription): return subscription
    case .failure(let fault):
      troubled(fault.text)
      return nil
    }
  }

  private func failAll() {
    let mail = shared.withLock { shared in
      shared.queue.buffered = 0
      return shared.queue.takeAll()
    }
    requests.failAll()
    for message in mail { message.done(.failed(.away)) }
  }

  private func afterWake() {
    guard let watch, life.state == .connected, let connection else { return }
    watch.flush()
    let buffered = Int(max(0, natsConnection_Buffered(connection)))
    shared.withLock { $0.queue.buffered = buffered }
    metrics.buffered.set(buffered)
  }
}
