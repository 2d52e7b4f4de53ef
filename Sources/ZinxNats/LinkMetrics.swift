import Zinx

/// What the connection to NATS counts.
struct LinkMetrics: Sendable {
  let connected: PluginGauge
  let reconnects: PluginGauge
  let buffered: PluginGauge
  let subscriptions: PluginGauge
  let refusedSubscriptions: PluginCounter
  let published: PluginCounter
  let lost: PluginCounter
  let lateAnswers: PluginCounter
  let slowConsumer: PluginCounter

  init(_ metrics: PluginMetrics) {
    connected = metrics.gauge("connected", "Whether there is a connection to NATS (1) or not (0).")
    reconnects = metrics.gauge("reconnects", "How often a connection to NATS was there again.")
    buffered = metrics.gauge("buffered_bytes", "Bytes that wait for NATS to take them.")
    subscriptions = metrics.gauge("subscriptions", "Subjects that are subscribed to.")
    refusedSubscriptions = metrics.counter(
      "refused_subscriptions", "Users and groups that others could not reach, for MaxSubscriptions.")
    published = metrics.counter("published", "Messages that were handed to NATS.")
    lost = metrics.counter("lost", "Events and messages to users and groups elsewhere that NATS did not take.")
    slowConsumer = metrics.counter(
      "slow_consumer", "Times that messages of NATS were dropped as they came faster than they were taken.")
    lateAnswers = metrics.counter("late_answers", "Answers that nobody waited for: second ones, and those after the time-out.")
  }

  func note(_ status: LinkStatus) {
    connected.set(status.state == .connected ? 1 : 0)
    reconnects.set(status.reconnects)
  }
}
