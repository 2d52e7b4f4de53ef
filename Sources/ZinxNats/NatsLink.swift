import CNats
import Glibc
import NIOCore
import Synchronization
import Zinx
import ZinxIO

/// A connection to NATS, kept up until it is stopped, and what is published and asked by it.
///
/// It has a thread of its own, with an event loop that libnats' socket is on. Not a loop of the server: while libnats connects again it
/// holds its lock for as long as a connect and a handshake take, so whoever calls it then waits, which only this thread may. It waits for
/// nothing else: what is published goes into libnats' memory, which the loop empties into the socket, so a NATS that has stopped to read
/// costs memory up to a bound and no time.
///
/// Unchecked: what is marked "loop only" belongs to that thread, the rest is locked.
final class NatsLink: @unchecked Sendable {
  typealias Say = @Sendable (LinkLife.Word) -> Void
  /// Takes what has come to a subject that was subscribed to. On the link's thread, in order.
  typealias Take = @Sendable (_ link: NatsLink, _ subject: String, _ message: Received) -> Void

  private struct Shared {
    var state = LinkLife.State.connecting
    /// What was accepted and not handed to libnats yet.
    var mail: [Outgoing] = []
    var mailBytes = 0
    /// Bytes that libnats keeps for its socket.
    var buffered = 0
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
  private let metrics: LinkMetrics
  private let say: Say
  private let take: Take
  private let shared = Mutex(Shared())
  private let thread = Mutex<ZinxIO.Thread?>(nil)

  // Loop only.

  private var life = LinkLife()
  private var connection: OpaquePointer?
  private var events: LinkEvents?
  private var watch: SocketWatch?
  /// The subscription to the answers, and what their subjects begin with.
  private var inbox: Inbox?
  /// Those of others than the answers, while there is a connection.
  private var subscriptions: [String: OpaquePointer] = [:]
  private var subjects: SubscriptionSet
  private var pending = PendingRequests<Outgoing.Done>()
  private var timer: ZinxIO.EventLoop.Timer?
  private var timerDeadline = Instant.distantFuture
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
    subjects = SubscriptionSet(limit: configuration.maxSubscriptions)
    loop = try ZinxIO.EventLoop(name: "nats")
  }

  var state: LinkLife.State { shared.withLock { $0.state } }

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
    let (failure, isFirst) = shared.withLock { shared -> (Outcome.Failure?, Bool) in
      guard shared.state == .connected else { return (.away, false) }
      guard shared.mailBytes + shared.buffered + message.size <= configuration.maxQueueBytes else { return (.full, false) }
      shared.mail.append(message)
      shared.mailBytes += message.size
      return (nil, shared.mail.count == 1)
    }
    if isFirst { loop.execute { self.takeMail() } }
    return failure
  }

  /// Publishes what nobody answers. Any thread; never waits. While there is no NATS, or too much waits for it, it is lost, and counted.
  func tell(_ subject: String, _ headers: [(key: StaticString, value: String)], _ data: ByteBuffer = ByteBuffer()) {
    let lost = metrics.lost
    let message = Outgoing(
      subject: subject, headers: headers, data: data, timeout: nil,
      done: { outcome in
        if outcome != .published { lost.add() }
      })
    if submit(message) != nil { lost.add() }
  }

  /// Publishes a message for connections elsewhere.
  func send(_ subject: String, _ id: UInt32?, _ data: ByteBuffer) {
    tell(subject, id.map { [(Outcome.idHeader, "\($0)")] } ?? [], data)
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
      retry = loop.schedule(at: loop.time.advanced(byNanoseconds: wait.inNanoseconds)) { [unowned self] in
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
    let state = life.state
    shared.withLock { $0.state = state }
    metrics.note(state, reconnects: life.reconnects)
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
        for subject in subjects.subjects { subscribe(to: subject) }
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
    for subscription in subscriptions.values { natsSubscription_Destroy(subscription) }
    subscriptions = [:]
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

  func connectedAgain(_ source: LinkEvents) { if source === events { isConnected() } }

  func closed(_ source: LinkEvents, _ reason: String) {
    guard source === events else { return }
    forget()
    perform(life.closed(reason, at: loop.time))
    failAll()
  }

  func troubled(_ reason: String) { if let word = life.troubled(reason, at: loop.time) { say(word) } }

  // MARK: Messages (loop only)

  private func takeMail() {
    // What is said comes after what is to be heard: an answer to it finds somebody who hears it.
    takeWishes()
    let mail = shared.withLock { shared in
      defer { (shared.mail, shared.mailBytes) = ([], 0) }
      return shared.mail
    }
    for message in mail { publish(message) }
    setTimer()
  }

  private func publish(_ message: Outgoing) {
    guard life.state == .connected, let connection, let inbox else { return message.done(.failed(.away)) }
    var token: UInt64?
    if let timeout = message.timeout { token = pending.add(message.done, timeout: timeout, at: loop.time) }
    let status = message.publish(on: connection, answeredTo: token.map { "\(inbox.prefix)\($0)" })
    metrics.published.add()
    if status != NATS_OK {
      if let token { _ = pending.take(token) }
      message.done(.failed(Outcome.Failure(status)))
    } else if token == nil {
      message.done(.published)
    }
  }

  func takeReceived(_ source: LinkEvents) {
    for message in source.takeMail() where source === events {
      let subject = message.subject
      if let inbox, subject.hasPrefix(inbox.prefix) {
        takeAnswer(message, to: subject.dropFirst(inbox.prefix.utf8.count))
      } else {
        take(self, subject, message)
      }
    }
  }

  private func takeAnswer(_ answer: Received, to token: Substring) {
    guard let token = UInt64(token), let done = pending.take(token) else { return metrics.lateAnswers.add() }
    done(Outcome(answer))
  }

  private func takeWishes() {
    let wishes = shared.withLock { shared in
      defer { shared.wishes = [] }
      return shared.wishes
    }
    for wish in wishes {
      switch subjects.set(wish.subject, wish.isWanted) {
      case .nothing: break
      case .subscribe: subscribe(to: wish.subject)
      case .unsubscribe:
        if let subscription = subscriptions.removeValue(forKey: wish.subject) { natsSubscription_Destroy(subscription) }
      case .refused: metrics.refusedSubscriptions.add()
      }
    }
    metrics.subscriptions.set(subjects.subjects.count)
  }

  /// While there is no connection the next one has it.
  private func subscribe(to subject: String) {
    guard let connection, let events else { return }
    switch events.subscribe(on: connection, to: subject) {
    case .success(let subscription): subscriptions[subject] = subscription
    case .failure(let fault): troubled(fault.text)
    }
  }

  private func failAll() {
    let mail = shared.withLock { shared in
      defer { (shared.mail, shared.mailBytes, shared.buffered) = ([], 0, 0) }
      return shared.mail
    }
    for done in pending.takeAll() { done(.failed(.away)) }
    for message in mail { message.done(.failed(.away)) }
  }

  private func setTimer() {
    guard let next = pending.nextDeadline, next < timerDeadline else { return }
    if let timer { loop.cancel(timer) }
    timerDeadline = next
    timer = loop.schedule(at: next) { [unowned self] in
      (timer, timerDeadline) = (nil, .distantFuture)
      for done in pending.takeExpired(at: loop.time) { done(.timedOut) }
      setTimer()
    }
  }

  private func afterWake() {
    guard let watch, life.state == .connected, let connection else { return }
    watch.flush()
    let buffered = Int(max(0, natsConnection_Buffered(connection)))
    shared.withLock { $0.buffered = buffered }
    metrics.buffered.set(buffered)
  }
}
