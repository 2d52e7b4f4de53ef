extension SettingKind where Value == Bool {
  public static var bool: Self { Self(.bool) }
}

extension SettingKind where Value == String {
  public static var string: Self { Self(.string) }

  /// - Parameters:
  ///   - bytes: how long it may be, in UTF-8.
  public static func string(bytes: ClosedRange<Int>) -> Self {
    Self(.string("a string of \(bytes.lowerBound) to \(bytes.upperBound) bytes") { bytes.contains($0.utf8.count) })
  }

  static var aPath: String { "an absolute path, or $CREDENTIALS_DIRECTORY/NAME" }

  /// The path of a file: absolute, or one of systemd's credentials, `$CREDENTIALS_DIRECTORY/NAME`, which is replaced. Where it is to be
  /// read, whether it can be is found out when the settings are; what it holds is the plugin's business.
  ///
  /// - Parameter isRead: whether it has to be there; false for a file that the plugin makes.
  public static func file(isRead: Bool = true) -> Self {
    let what = isRead ? "a file that can be read" : "a file"
    return Self(type: "file", allowed: "\(what): \(aPath)", write: { ConfigurationValue(.string($0)) }) { value, reading in
      reading.show(value)
      guard case .string(let text) = value.content else {
        reading.refuse(value, "must be \(what): \(aPath)")
        return nil
      }
      switch reading.files.place(of: text) {
      case .unknown:
        reading.isUnchecked = true
        return text
      case .wrong(let reason): reading.refuse(value, reason)
      case .file(let path):
        if isRead, let reason = reading.files.reason(against: path) {
          reading.refuse(value, "this file cannot be read: \(reason)")
        } else {
          return path
        }
      }
      return nil
    }
  }
}

extension SettingKind where Value: FixedWidthInteger {
  /// A number without fraction and exponent.
  public static func integer(in range: ClosedRange<Value> = Value.min...Value.max) -> Self { Self(.integer(in: range)) }
}

extension SettingKind where Value == Duration {
  /// A number of seconds, fractions allowed, kept to the microsecond.
  public static func seconds(in range: ClosedRange<Duration>) -> Self { Self(.seconds(in: range)) }

  /// Zero and more of them.
  public static var seconds: Self { .seconds(in: .zero...SettingRule<Duration>.longest) }
}

extension SettingKind where Value: RawRepresentable<String> & CaseIterable {
  /// One of a few words, spelled exactly as the raw values are.
  public static var choice: Self { Self(.choice) }
}

extension SettingKind where Value == MessageIDs {
  /// The messages of a route: an id, a range such as `"100-199"`, or `"*"` for every message that has no route.
  public static var messageIDs: Self {
    Self(
      SettingRule(
        type: "message ids", allowed: #"a message id, a range of them such as "100-199", or "*" for all that have no route"#,
        read: { value in
          switch value.content {
          case .integer(let id): UInt32(exactly: id).map { .id($0) }
          case .string(let text): MessageIDs(text)
          default: nil
          }
        },
        write: { ids in
          if case .id(let id) = ids { ConfigurationValue(.integer(Int64(id))) } else { ConfigurationValue(.string("\(ids)")) }
        }))
  }
}

extension SettingKind where Value == Network {
  /// A network such as `10.0.0.0/8`, or a single address.
  public static var network: Self { Self(.network) }
}

extension SettingKind where Value == Secret {
  /// What a file holds whose path the setting is: absolute, or one of systemd's credentials, `$CREDENTIALS_DIRECTORY/NAME`. A line break at
  /// the end does not belong to it. Neither the secret nor, as it may have been written there by mistake, the path is in any error.
  ///
  /// Of ``SettingFiles/Credentials/unchecked`` it is without a byte.
  public static var secret: Self {
    let allowed = "a file that holds the secret: \(SettingKind<String>.aPath)"
    return Self(type: "file of a secret", allowed: allowed, write: { _ in nil }) { value, reading in
      guard case .string(let text) = value.content else {
        reading.refuse(unshown: value, "must be \(allowed)")
        return nil
      }
      switch reading.files.place(of: text) {
      case .unknown:
        reading.printable = value
        reading.isUnchecked = true
        return Secret("")
      case .wrong(let reason): reading.refuse(unshown: value, reason)
      case .file(let path):
        switch content(reading.files.read(path)) {
        case .failure(let error): reading.refuse(unshown: value, error.reason)
        case .success(let secret):
          // A path that leads to a file is no secret.
          reading.printable = value
          reading.contents.append(secret)
          return secret
        }
      }
      return nil
    }
  }

  static func content(_ content: SettingFiles.Content) -> Result<Secret, SettingFiles.Unreadable> {
    content.mapError { SettingFiles.Unreadable("the file that it names cannot be read: \($0.reason)") }.flatMap { bytes in
      var bytes = bytes
      if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
      if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
      return bytes.isEmpty ? .failure(.init("the file that it names is empty")) : .success(Secret(bytes: bytes))
    }
  }
}
