import ZinxIO

/// When requests are sent: the four modes.
extension LoadThread {
  /// The common start.
  mutating func begin(at start: Int64) {
    if let rate = plan.rate {
      schedule = Schedule(start: start, rate: rate, thread: thread, of: plan.threads, limit: budget)
    }
    switch plan.mode {
    case .idle: break
    case .closed: for index in 0..<speakers where connections[index].state == .open { refill(connections[index], index) }
    case .open: for index in 0..<speakers where connections[index].state == .open { free.push(index) }
    case .churn: for index in connections.indices { again(index) }
    }
  }

  /// A connection is open.
  mutating func connected(_ connection: Connection, _ index: Int) {
    switch plan.mode {
    case .closed, .open: break
    case .churn: request(1, on: connection, index, at: connection.startedAt)
    case .idle: if !plan.isSilent { request(1, on: connection, index, at: now) }
    }
  }

  /// Replies may have come.
  @inline(__always)
  mutating func answered(_ connection: Connection, _ index: Int) {
    switch plan.mode {
    case .idle: break
    case .closed: if index < speakers { refill(connection, index) }
    case .open: if index < speakers, connection.log.outstanding < plan.inFlight { free.push(index) }
    case .churn:
      guard connection.log.outstanding == 0 else { return }
      live -= 1
      _ = connection.close()
      again(index)
    }
  }

  /// Closed loop: sends as many requests as there is room for.
  @inline(__always)
  private mutating func refill(_ connection: Connection, _ index: Int) {
    guard phase == .running, now < control.end else { return }
    let room = min(plan.inFlight - connection.log.outstanding, budget)
    if room > 0 { request(room, on: connection, index, at: now) }
  }

  /// Churn: connects again, or leaves that to the schedule.
  mutating func again(_ index: Int) {
    guard phase == .running else { return }
    if plan.rate != nil { return free.push(index) }
    guard now < control.end, budget > 0 else { return }
    connect(connections[index], index, at: now)
  }

  /// Sends what the schedule says, as long as there are connections with room.
  mutating func sendDue() {
    guard schedule != nil else { return }
    now = Instant.now.nanoseconds
    while let due = schedule?.due, due <= now, due < control.end, let index = nextFree() {
      guard schedule?.take(by: now, before: control.end) != nil else { return }
      if plan.mode == .churn {
        connect(connections[index], index, at: due)
      } else {
        let connection = connections[index]
        request(1, on: connection, index, at: due)
        if connection.state == .open, connection.log.outstanding < plan.inFlight { free.push(index) }
      }
    }
  }

  /// A connection with room. In churn one that is closed, otherwise one that is still open.
  private mutating func nextFree() -> Int? {
    while let index = free.pop() {
      if plan.mode == .churn || connections[index].state == .open { return index }
    }
    return nil
  }
}
