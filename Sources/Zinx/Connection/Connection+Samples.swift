import ZinxWire

/// What is told of the routes of a batch that is timed. The thread that runs it; one batch in ``HandlerTimes/interval``.
extension Connection {
  /// Counts the messages of a batch for their routes, from its beginning.
  @inline(never)
  func countSampled(_ batch: Batch) { forEachRoute(of: batch) { $0.sampled(messages: $1) } }

  /// Records how long the messages of a batch have waited for their worker, in nanoseconds.
  @inline(never)
  func recordQueueing(of code: UserCode, from begin: Int64, to end: Int64) {
    guard case .requests(let batch) = code else { return }
    forEachRoute(of: batch) { $0.waited($1, from: begin, to: end) }
  }

  /// Those that follow one another to the same id are told together.
  private func forEachRoute(of batch: Batch, _ body: (RouteStatistics, Int) -> Void) {
    var (last, count) = (UInt32?.none, 0)
    func tell() {
      if let last, let statistics = handler.statistics(of: last) { body(statistics, count) }
    }
    forEachID(of: batch) { id in
      if id != last {
        tell()
        (last, count) = (id, 0)
      }
      count += 1
    }
    tell()
  }

  private func forEachID(of batch: Batch, _ body: (UInt32) -> Void) {
    let frames = batch.frames
    guard !isForeign else {
      var position = batch.start
      // What a codec denies now is found, and told, by who handles it.
      while let frame = try? framing.next(in: frames, from: position), frame.end > position {
        body(frame.id)
        position = frame.end
      }
      return
    }
    var request = Request(connection: self, batch)
    while request.takeNext(of: frames, pack) { body(request.id) }
  }
}
