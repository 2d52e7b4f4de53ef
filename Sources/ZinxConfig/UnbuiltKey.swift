import Zinx

/// Keys for what zinxd is going to have and does not have yet. They are refused: a listener that speaks less than its operator believes
/// is worse than none.
enum UnbuiltKey {
  /// Keys of Go Zinx that open other listeners than the one for TCP.
  static let ofOtherListeners = ["Mode", "WsPort"]

  /// What is wrong with `Mode` or `WsPort`, by which a file of Go Zinx opens other listeners than TCP.
  static func problem(_ member: ConfigurationMember, mode: ConfigurationMember?) -> ConfigurationProblem? {
    let isMode = asciiLowercased(member.key) == "mode"
    switch (isMode, mode?.value.content) {
    case (_, .string("tcp")): return nil
    case (true, .string("websocket")), (true, .string("")):
      return ConfigurationProblem(
        at: member.value.position,
        "Mode is \(member.value.found), but WebSocket takes a listener here, with \"Transport\": \"websocket\"")
    case (true, .string("kcp")):
      return ConfigurationProblem(
        at: member.value.position, "Mode is \"kcp\", but KCP is not spoken here; \"tcp\" is what there is")
    case (true, _):
      return ConfigurationProblem(at: member.value.position, "Mode is \(member.value.found), but must be \"tcp\"")
    default:
      return ConfigurationProblem(
        at: member.position,
        "WsPort: WebSocket takes a listener here, with \"Transport\": \"websocket\"; remove it, or say \"Mode\": \"tcp\" to leave it closed"
      )
    }
  }
}
