import CLinux
import Glibc
import NIOCore
import ZinxClient
import ZinxIO

/// One thread of the load with its connections: connects, waits for the common start, sends and receives until the end, and waits for
/// the replies that are owed. What differs between the modes is in `LoadThread+Pace.swift`.
struct LoadThread: ~Copyable {
  enum Phase {
    case connecting
    case running
    /// Nothing new is sent.
    case draining
  }

  /// Bytes that one read takes at most.
  private static let bytesPerRead = 256 << 10
  /// Nanoseconds after which a waiting thread looks whether it is to stop.
  private static let longestWait: Int64 = 100_000_000
  /// Nanoseconds; see ``catchUp()``.
  private static let grace: Int64 = 100_000_000

  let plan: Plan
  let address: PeerAddress
  let transport: Transport
  let control: Control
  let lane: Control.Lane
  let thread: Int
  let connections: [Connection]
  /// The first so many connections send requests.
  let speakers: Int
  let expected: ExpectedReply
  /// The answer to what is sent first.
  let greeting: ExpectedReply
  var template: RequestTemplate
  var poller: Poller
  var tally = Tally()
  var phase = Phase.connecting
  var now = Instant.now.nanoseconds
  /// Requests and connects that are not settled yet.
  var owed = 0
  /// Connections that are open.
  var live = 0
  /// Requests that may still begin.
  var budget: Int
  var schedule: Schedule?
  var free: FreeList
  /// Connections to begin again after a pause, and when; see ``failed(_:_:)``.
  var parked: [Int] = []
  var unparkAt: Int64 = .max
  var buffer = [UInt8](repeating: 0, count: Self.bytesPerRead)
  /// What a tunnel has made of it.
  var stream = ByteBuffer()

  init(_ plan: Plan, _ address: PeerAddress, _ transport: Transport, _ control: Control, thread: Int) throws(SystemError) {
    self.plan = plan
    self.address = address
    self.transport = transport
    self.control = control
    self.thread = thread
    lane = control.lanes[thread]
    let before = (0..<thread).reduce(0) { $0 + plan.share(of: plan.connections, thread: $1) }
    connections = (0..<plan.share(of: plan.connections, thread: thread)).map { Connection(number: before + $0) }
    speakers = plan.share(of: plan.speakers, thread: thread)
    let payload = Payload(size: plan.size, isTagged: plan.verifies)
    expected = ExpectedReply(plan, payload)
    greeting = ExpectedReply(first: plan.firstReply ?? 0, plan)
    template = RequestTemplate(plan, payload)
    poller = try Poller()
    free = FreeList(count: connections.count)
    if case .messages(let count) = plan.extent { budget = plan.share(of: count, thread: thread) } else { budget = .max }
  }

  /// Does all of it on the calling thread, and leaves the tally in its lane.
  mutating func run() {
    nameThread("bench-\(thread)")
    clinux_precise_timers()
    if plan.mode != .churn { connectAll() }
    publish()
    let start = control.awaitStart(lane)
    phase = .running
    now = Instant.now.nanoseconds
    begin(at: start)
    while !isOver {
      sendDue()
      // What is due and finds no room waits for a reply, not for the clock.
      poll(until: min(free.isEmpty ? .max : schedule?.due ?? .max, unparkAt, control.end))
    }
    catchUp()
    drain()
    finish()
  }

  private var isOver: Bool {
    // Connections of the other modes that have gone do not come back.
    now >= control.end || (budget <= 0 && owed == 0) || (live == 0 && plan.mode != .churn)
  }

  /// Sends what was due before the end and has found no room yet, for a moment: after a short stall that is what is slowest. A server
  /// that is further behind does not keep up, which the report says.
  private mutating func catchUp() {
    let limit = now + Self.grace
    while let due = schedule?.due, due < control.end, now < limit, live > 0 || plan.mode == .churn {
      sendDue()
      poll(until: limit)
    }
    if let schedule { tally.count(.unsent, schedule.missed(before: control.end)) }
  }

  private mutating func drain() {
    phase = .draining
    let limit = now + plan.timeout
    while owed > 0, now < limit { poll(until: limit) }
  }

  private mutating func finish() {
    for connection in connections {
      if connection.state == .greeting { tally.failedToConnect(SystemError("--first", code: ETIMEDOUT)) }
      if connection.state == .open, plan.mode != .churn { tally.open += 1 }
      tally.count(.unanswered, connection.close())
    }
    lane.finish(tally)
  }

  private func publish() { lane.publish(messages: tally.replies, errors: tally.errors, open: live) }

  // MARK: Events

  /// Waits for events until `deadline` or not much longer than it takes to notice a stop, and handles them.
  mutating func poll(until deadline: Int64) {
    publish()
    // A schedule is worth a look at the clock: sending may have taken long.
    if schedule != nil { now = Instant.now.nanoseconds }
    let count = poller.wait(min(deadline == .max ? .max : deadline - now, Self.longestWait))
    now = Instant.now.nanoseconds
    for position in 0..<count {
      let (index, readiness) = poller.event(position)
      ready(connections[index], index, readiness)
    }
    if now >= unparkAt { unpark() }
  }

  private mutating func ready(_ connection: Connection, _ index: Int, _ readiness: Readiness) {
    switch connection.state {
    case .closed: break
    case .connecting: decide(connection, index)
    case .shaking: shake(connection, index)
    case .greeting: receiveGreeting(connection, index)
    case .open:
      if readiness.isReadable || readiness.isBroken {
        guard receive(connection) else { return lost(connection, index) }
        answered(connection, index)
      }
      if readiness.isWritable, connection.state == .open { flush(connection, index) }
    }
  }

  /// Waits for the answer to what was sent first.
  private mutating func receiveGreeting(_ connection: Connection, _ index: Int) {
    if let tunnel = connection.tunnel { return receiveGreeting(connection, index, through: tunnel) }
    let count = buffer.withUnsafeMutableBytes { recv(connection.descriptor, $0.baseAddress, $0.count, 0) }
    now = Instant.now.nanoseconds
    guard count > 0 else {
      if count < 0, errno == EAGAIN || errno == EINTR { return }
      return refused(connection, index, .system(SystemError("--first", code: count == 0 ? ECONNRESET : errno)))
    }
    let found = buffer.withUnsafeBytes { connection.reader.read(UnsafeRawBufferPointer(rebasing: $0[..<count]), greeting) }
    greeted(connection, index, found)
  }

  mutating func greeted(_ connection: Connection, _ index: Int, _ found: ReplyReader.Found) {
    tally.saw(others: found.others)
    guard !found.isNonsense else { return refused(connection, index, .system(SystemError("--first", code: EBADMSG))) }
    guard found.replies > 0 else { return }
    connection.reader.forgetReplies()
    opened(connection, index)
  }

  /// One read. Returns whether the connection goes on.
  @inline(__always)
  private mutating func receive(_ connection: Connection) -> Bool {
    if let tunnel = connection.tunnel { return receive(connection, through: tunnel) }
    let count = buffer.withUnsafeMutableBytes { recv(connection.descriptor, $0.baseAddress, $0.count, 0) }
    now = Instant.now.nanoseconds
    guard count > 0 else {
      if count < 0, errno == EAGAIN || errno == EINTR { return true }
      tally.count(count == 0 ? .closed : .reset)
      return false
    }
    let found = buffer.withUnsafeBytes { connection.reader.read(UnsafeRawBufferPointer(rebasing: $0[..<count]), expected) }
    tally.read(found)
    settle(found.replies, of: connection)
    return !found.isNonsense
  }

  @inline(__always)
  mutating func settle(_ replies: Int, of connection: Connection) {
    var left = replies
    while let run = connection.log.take(atMost: left) {
      left -= run.count
      owed -= run.count
      if plan.counts(run.time, answeredAt: now, from: control.measuredFrom, to: control.end) { tally.answered(run, at: now) }
    }
    guard left > 0 else { return }
    // To those who only listen somebody else's message is no reply, but may be what the run is for.
    if plan.speakers < plan.connections { tally.pushed(left) } else { tally.count(.unrequested, left) }
  }

  // MARK: Requests

  /// Begins `count` requests that are due at `time`.
  @inline(__always)
  mutating func request(_ count: Int, on connection: Connection, _ index: Int, at time: Int64) {
    connection.log.append(count, at: time)
    connection.cursor.add(count)
    owed += count
    // In churn the connect has been counted already.
    if plan.mode != .churn { budget -= count }
    if !connection.awaitsRoom { flush(connection, index) }
  }

  /// Hands the kernel what the connection has to send.
  private mutating func flush(_ connection: Connection, _ index: Int) {
    if let tunnel = connection.tunnel { return flush(connection, index, through: tunnel) }
    while !connection.cursor.pending.isEmpty {
      let frames = connection.cursor.pending.prefix(template.count)
      template.tag(frames, connection: connection.number)
      let offset = connection.cursor.offset
      let length = frames.count * plan.frameLength - offset
      let sent = template.bytes.withUnsafeBytes {
        send(connection.descriptor, UnsafeRawBufferPointer(rebasing: $0[offset...]).baseAddress, length, Int32(MSG_NOSIGNAL))
      }
      guard sent >= 0 else {
        if errno == EAGAIN || errno == EINTR { return awaitRoom(connection, index, true) }
        tally.count(.reset)
        return lost(connection, index)
      }
      connection.cursor.advance(sent, frameLength: plan.frameLength)
    }
    awaitRoom(connection, index, false)
  }

  func awaitRoom(_ connection: Connection, _ index: Int, _ awaits: Bool) {
    guard connection.awaitsRoom != awaits else { return }
    connection.awaitsRoom = awaits
    poller.change(connection.descriptor, awaits ? [.readable, .writable] : .readable, index: index)
  }
}
