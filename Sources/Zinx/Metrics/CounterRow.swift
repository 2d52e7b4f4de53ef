/// A number that a server counts, and what it is called in each place where it is told. Who adds one adds it here, and has it everywhere.
package struct CounterRow: Sendable {
  /// In the JSON of `zinxctl status`.
  package let key: String
  package let metric: MetricDefinition
  /// Where several rows are samples of one metric.
  package let label: String?
  /// In the summary of the log, behind the number.
  package let words: String
  package let value: @Sendable (CounterSnapshot) -> UInt64

  private init(
    _ key: String, _ metric: MetricDefinition, label: String? = nil, _ words: String,
    _ value: @escaping @Sendable (CounterSnapshot) -> UInt64
  ) {
    (self.key, self.metric, self.label, self.words, self.value) = (key, metric, label, words, value)
  }

  /// Those without a reason; what has some is told by reason.
  package static let all: [CounterRow] = [
    Self("accepted", .accepted, "accepted", \.connectionsAccepted),
    Self("received", .received, "received", \.requestsReceived),
    Self("receivedBytes", .receivedBytes, "bytes received", \.bytesReceived),
    Self("sent", .sent, "sent", \.messagesSent),
    Self("sentBytes", .sentBytes, "bytes sent", \.bytesSent),
    Self("unknownMessages", .unknown, "without a route", \.unknownMessages),
    Self("unauthenticatedMessages", .unauthenticated, "before authentication", \.unauthenticatedMessages),
    Self("undecodableMessages", .undecodable, "not decoded", \.undecodableMessages),
    Self("skippedMessages", .skipped, "skipped for a full queue", \.messagesSkipped),
    Self("unencodableMessages", .unencodable, "skipped for other frames", \.messagesUnencodable),
    Self("handlerErrors", .handlerErrors, "handlers failed", \.handlerErrors),
    Self("deadlinesExceeded", .deadlines, "took too long", \.deadlinesExceeded),
    Self("readPauses", .readPauses, "rests of reading", \.readPauses),
    Self("sendWaits", .sendWaits, "waits for room", \.sendWaits),
    Self("acceptPauses", .acceptPauses, label: "failed", "rests of accepting", \.acceptPauses),
    Self("acceptRatePauses", .acceptPauses, label: "accept-rate", "rests of accepting for AcceptRate", \.acceptRatePauses),
    Self("certificateWarnings", .certificateWarnings, "warnings of certificates", \.certificateWarnings),
  ]

  /// The family of a metric, of all rows that are its samples.
  static func family(_ metric: MetricDefinition, _ counters: CounterSnapshot) -> MetricFamily {
    MetricFamily(
      metric,
      all.filter { $0.metric.name == metric.name }.map { row in
        .init(row.label.map { [.init(metric.labels[0], $0)] } ?? [], .whole(row.value(counters)))
      })
  }
}
