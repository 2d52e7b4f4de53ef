import Zinx
import ZinxWire

/// Reads a `DataPack`: an order of the Zinx header, the name of a plugin's codec, or an object that describes frames.
struct FramingReader {
  static let allowed = "\(orders), an object that describes other frames, or the name of a plugin's codec"
  private static let orders = SettingRule<DataPack>.choice.allowed

  /// Codecs that may be named.
  let codecs: [any FrameCodec]
  private(set) var problems: [ConfigurationProblem] = []

  init(codecs: [any FrameCodec]) { self.codecs = codecs }

  /// Nil, with problems, for what is none.
  mutating func read(_ value: ConfigurationValue) -> Framing? {
    switch value.content {
    case .string(let word): return DataPack(rawValue: word).map(Framing.zinx) ?? codec(word, value)
    case .object(let members): return describe(members, value)
    default:
      problem(value.position, "DataPack is \(value.found), but must be \(Self.allowed)")
      return nil
    }
  }

  /// As a file would say it.
  static func written(_ framing: Framing) -> ConfigurationValue {
    guard let description = FrameDescription(framing) else { return ConfigurationValue(.string(framing.description)) }
    return ConfigurationValue(
      .object(
        FrameOption.all.compactMap { option in
          option.printed(in: description).map { ConfigurationMember(key: option.name, value: $0) }
        }))
  }

  private mutating func codec(_ name: String, _ value: ConfigurationValue) -> Framing? {
    if let codec = codecs.first(where: { $0.name == name }) { return .codec(codec) }
    let words = DataPack.allCases.map(\.rawValue) + codecs.map(\.name)
    let own = codecs.isEmpty ? "of which none has one" : "which are " + codecs.map { quotedJSON($0.name) }.joined(separator: ", ")
    let hint = nearestName(to: name, among: words).map { "; did you mean \"\($0)\"?" } ?? ""
    problem(value.position, "DataPack is \(value.found), but must be \(Self.allowed), \(own)\(hint)")
    return nil
  }

  // MARK: Objects

  private mutating func describe(_ members: [ConfigurationMember], _ value: ConfigurationValue) -> Framing? {
    let before = problems.count
    var description = FrameDescription()
    for member in members { read(member, &description) }
    guard problems.count == before else { return nil }
    let keys = Keys(members, value)
    return description.delimiter == nil ? lengthField(description, keys) : lines(description, keys)
  }

  private mutating func read(_ member: ConfigurationMember, _ description: inout FrameDescription) {
    guard let option = FrameOption.named(member.key) else {
      let hint = nearestName(to: member.key, among: FrameOption.all.map(\.name)).map { "; did you mean \"\($0)\"?" } ?? ""
      return problem(member.position, "DataPack: unknown key \(quotedBriefly(member.key))\(hint)")
    }
    problems += option.apply(member.value, to: &description).map {
      ConfigurationProblem(at: $0.position, "DataPack: \($0.message)")
    }
  }

  private mutating func lines(_ description: FrameDescription, _ keys: Keys) -> Framing? {
    for option in FrameOption.all where option.name != "Delimiter" && option.name != "Id" {
      guard let member = keys[option.name] else { continue }
      problem(
        member.position, "DataPack has a Delimiter and \(option.name): frames end with the one, or tell their length by the other"
      )
      return nil
    }
    guard let id = description.id else { return missing("Id: lines have no message id of their own", keys) }
    do throws(FramingError) { return .lines(try LineFrames(delimiter: (description.delimiter ?? "").utf8, id: id)) } catch {
      problem(keys["Delimiter"]?.position, "DataPack: \(error)")
      return nil
    }
  }

  private mutating func lengthField(_ description: FrameDescription, _ keys: Keys) -> Framing? {
    guard let size = description.lengthSize else { return missing("LengthSize, and no Delimiter", keys) }
    guard let id = id(description, keys) else { return nil }
    do throws(FramingError) {
      return .lengthField(
        try LengthFieldFrames(
          lengthOffset: description.lengthOffset, lengthSize: size, order: description.order,
          lengthAdjustment: description.lengthAdjustment, strip: description.strip, id: id))
    } catch {
      // What each key says is allowed: together they are not.
      problem((keys["LengthAdjustment"] ?? keys["Strip"] ?? keys["IdOffset"])?.position ?? keys.position, "DataPack: \(error)")
      return nil
    }
  }

  private mutating func id(_ description: FrameDescription, _ keys: Keys) -> LengthFieldFrames.ID? {
    switch (description.id, description.idOffset, description.idSize) {
    case (let id?, nil, nil): return .constant(id)
    case (nil, let offset?, let size?): return .field(offset: offset, size: size)
    case (nil, nil, nil): return missing("message id: neither Id nor IdOffset and IdSize", keys)
    case (nil, _?, nil): return missing("IdSize, which an IdOffset needs", keys)
    case (nil, nil, _?): return missing("IdOffset, which an IdSize needs", keys)
    case (_?, _, _):
      let other = keys["IdOffset"] ?? keys["IdSize"]
      problem(other?.position, "DataPack has an Id and \(other?.key ?? "IdOffset"): all frames have the one, or each has its own")
      return nil
    }
  }

  private mutating func missing<Value>(_ what: String, _ keys: Keys) -> Value? {
    problem(keys.position, "DataPack has no \(what)")
    return nil
  }

  private mutating func problem(_ position: SourcePosition?, _ message: String) {
    problems.append(ConfigurationProblem(at: position, message))
  }

  /// The members of the object, by key in any case.
  private struct Keys {
    let members: [ConfigurationMember]
    let position: SourcePosition?

    init(_ members: [ConfigurationMember], _ value: ConfigurationValue) { (self.members, position) = (members, value.position) }

    subscript(name: String) -> ConfigurationMember? {
      members.first { asciiLowercased($0.key) == asciiLowercased(name) }
    }
  }
}

extension SettingRule where Value == Framing {
  /// For the tables: how it is read is the work of ``FramingReader``.
  static var framing: Self {
    Self(
      type: "string or object", allowed: FramingReader.allowed, read: { _ in nil }, write: { FramingReader.written($0) })
  }
}

extension Option {
  static let framing = Option(
    "DataPack", \.server.framing, .framing, reload: true, absence: "nothing",
    "How messages are cut out of the bytes: the order of the Zinx header, or other frames; open connections keep theirs"
  ) { value, configuration in
    var reader = FramingReader(codecs: configuration.codecs.all)
    if let framing = reader.read(value) { configuration.server.framing = framing }
    return reader.problems
  }
}

extension ListenerOption {
  /// That of the listener is read with the codecs of the plugins by ``ListenersReader``.
  static let framing = ListenerOption(
    "DataPack", \.framing, .optional(.framing), reload: true, absence: "the general one",
    "How messages are cut out of the bytes, in place of the general one"
  ) { value, endpoint in
    var reader = FramingReader(codecs: [])
    if let framing = reader.read(value) { endpoint.framing = framing }
    return reader.problems
  }
}

/// The codecs that plugins have brought. Two configurations that say the same are equal whoever read them.
struct KnownCodecs: Sendable, Equatable {
  var all: [any FrameCodec] = []

  static func == (one: Self, other: Self) -> Bool { true }
}
