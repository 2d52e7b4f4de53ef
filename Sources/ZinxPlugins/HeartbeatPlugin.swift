import Zinx

/// Answers heartbeats, as clients of Go Zinx send them, and sends some to peers that are silent.
public struct HeartbeatPlugin: ReloadablePlugin {
  public static let name = "heartbeat"
  public static let summary = "Answers heartbeats, sends them to silent peers, and closes peers that do not answer."
  public static let isOnByDefault = true
  public static let handover = PluginHandover.stateless

  private let heartbeat: Heartbeat
  private let live: LiveHeartbeat

  public init(settings: inout PluginSettings) {
    var heartbeat = Heartbeat()
    let times: ClosedRange<Duration> = .zero ... .seconds(86_400)
    heartbeat.id = settings.integer("MsgID", default: Heartbeat.standardID, shown: true, "message id of a heartbeat")
    heartbeat.answers = settings.bool("Answer", default: true, shown: true, "answer in kind, at most once a second")
    heartbeat.interval = settings.seconds(
      "Interval", default: .zero, in: times, shown: true,
      "time without a byte from a peer after which it is sent one; 0 means never")
    heartbeat.timeout = settings.seconds(
      "Timeout", default: .zero, in: times, shown: true,
      "time without a byte from a peer after which its connection is closed, 2 seconds more than Interval or longer; 0 means never"
    )
    if !heartbeat.isKeptByAnswers {
      settings.refuse(
        "Timeout", because: "must be 0, or 2 seconds longer than Interval at least: peers answer once a second at most")
    }
    (self.heartbeat, live) = (heartbeat, LiveHeartbeat(heartbeat))
  }

  public func register(in routes: inout RouteRegistrar) { routes.heartbeat(live) }

  public func reload(as new: Self) async throws -> @Sendable () -> Void { { [live] in live.apply(new.heartbeat) } }
}
