import Zinx
import ZinxIO

/// One element of `Routes`: which messages go to which subject, and what their peers get when nothing comes back.
struct GatewayRoute: SettingsObject {
  let ids: MessageIDs
  let subject: SubjectTemplate
  /// In nanoseconds; nil: no answer is asked for.
  let timeout: Int64?
  let inFlight: Int
  let onNoResponder, onTimeout, onError: FailureAnswer

  init(settings: inout PluginSettings) {
    ids = settings.value("MsgID", .messageIDs, default: .otherwise, required: true, shown: true, "messages that are handed on")
    let text = settings.value(
      "Subject", .string(bytes: 1...200), default: "zinx", required: true, shown: true,
      "subject that they are published to; {id} in it is the id of the message")
    let template = SubjectTemplate(text)
    if template == nil { settings.refuse("Subject", because: Self.subjectRule) }
    subject = template ?? .standard
    let timeout = settings.seconds(
      "Timeout", default: .seconds(2), in: .milliseconds(1) ... .seconds(3600), shown: true, "time for an answer")
    inFlight = settings.integer(
      "InFlight", default: 64, in: 1...65536, shown: true,
      "requests of one connection that wait for an answer at once; beyond it the connection is not read")
    let isOneWay = settings.bool("OneWay", default: false, shown: true, "whether no answer is asked for")
    self.timeout = isOneWay ? nil : timeout.inNanoseconds
    onNoResponder = settings.value(
      "OnNoResponder", .failureAnswer, default: .nothing, shown: true, "what a peer gets when no service listens to the subject")
    onTimeout = settings.value(
      "OnTimeout", .failureAnswer, default: .nothing, shown: true, "what a peer gets when no answer came in time")
    onError = settings.value(
      "OnError", .failureAnswer, default: .nothing, shown: true, "what a peer gets when NATS is away or does not take the message"
    )
  }

  private static let subjectRule =
    "a subject has no blank, control character, *, > or empty part, and no brace but that of {id}"
}

extension SubjectTemplate {
  static let standard = SubjectTemplate(literal: "zinx")
}
