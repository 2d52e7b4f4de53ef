import Zinx

/// What a peer gets in place of an answer that did not come.
enum FailureAnswer: Sendable, Equatable {
  case nothing
  /// A message of this id, whose data says in words what has happened.
  case message(UInt32)
  /// The end of its connection.
  case close
}

extension SettingKind where Value == FailureAnswer {
  static var failureAnswer: Self {
    Self(
      SettingRule(
        type: "failure answer", allowed: #"the id of a message that says so, or "close""#,
        read: { value in
          switch value.content {
          case .integer(let id): UInt32(exactly: id).map { .message($0) }
          case .string("close"): .close
          default: nil
          }
        },
        write: { answer in
          switch answer {
          case .nothing: nil
          case .message(let id): ConfigurationValue(.integer(Int64(id)))
          case .close: ConfigurationValue(.string("close"))
          }
        }))
  }
}
