import NIOCore
import Testing
import Zinx
import ZinxConfig
import ZinxTestKit
import ZinxWire

@Suite("A DataPack")
struct FramingTests {
  private static func framing(_ dataPack: String) throws -> Framing {
    try #require(parse(#"{"DataPack": "# + dataPack + "}").configuration).server.framing
  }

  private static func problems(_ dataPack: String, codecs: [any FrameCodec] = []) -> [String] {
    let text = #"{"DataPack": "# + dataPack + "}"
    return Configuration.parse(Array(text.utf8), knownPlugins: [], codecs: { _ in codecs }).problems.map { problem in
      (problem.position.map { "\($0.line):\($0.column) " } ?? "") + problem.message
    }
  }

  @Test("that is an object describes frames, with Netty's defaults")
  func objects() throws {
    let htlv = try LengthFieldFrames(
      lengthOffset: 2, lengthSize: 1, lengthAdjustment: 2, id: .field(offset: 1, size: 1))
    #expect(
      try Self.framing(#"{"LengthOffset":2,"LengthSize":1,"LengthAdjustment":2,"IdOffset":1,"IdSize":1}"#) == .lengthField(htlv))
    let station = try LengthFieldFrames(
      lengthOffset: 3, lengthSize: 2, order: .littleEndian, id: .field(offset: 11, size: 1))
    #expect(
      try Self.framing(#"{"lengthoffset":3,"LENGTHSIZE":2,"order":"le","IdOffset":11,"IdSize":1}"#) == .lengthField(station))
    #expect(
      try Self.framing(#"{"LengthSize": 8, "Strip": 4, "Id": 9}"#)
        == .lengthField(LengthFieldFrames(lengthOffset: 0, lengthSize: 8, strip: 4, id: .constant(9))))
    #expect(
      try Self.framing(#"{"Delimiter": "\r\n", "Id": 7}"#) == .lines(LineFrames(delimiter: [13, 10], id: 7)))
  }

  @Test(
    "that is wrong is named with its place, the key, and what is allowed",
    arguments: [
      ("{}", "1:14 DataPack has no LengthSize, and no Delimiter"),
      (#"{"LengthOffset": 1, "Id": 1}"#, "1:14 DataPack has no LengthSize, and no Delimiter"),
      (#"{"LengthSize": 5, "Id": 1}"#, "1:29 DataPack: LengthSize is 5, but must be 1, 2, 3, 4 or 8"),
      (#"{"LengthSize": "2", "Id": 1}"#, #"1:29 DataPack: LengthSize is "2", but must be 1, 2, 3, 4 or 8"#),
      (#"{"LengthSize": 2, "Order": "big", "Id": 1}"#, #"1:41 DataPack: Order is "big", but must be "be" or "le""#),
      (
        #"{"LengthSize": 2, "LenghtOffset": 1, "Id": 1}"#,
        #"1:32 DataPack: unknown key "LenghtOffset"; did you mean "LengthOffset"?"#
      ),
      (#"{"LengthSize": 2}"#, "1:14 DataPack has no message id: neither Id nor IdOffset and IdSize"),
      (#"{"LengthSize": 2, "IdOffset": 2}"#, "1:14 DataPack has no IdSize, which an IdOffset needs"),
      (#"{"LengthSize": 2, "IdSize": 2}"#, "1:14 DataPack has no IdOffset, which an IdSize needs"),
      (#"{"LengthSize": 2, "IdOffset": 2, "IdSize": 8}"#, "1:57 DataPack: IdSize is 8, but must be 1, 2, 3 or 4"),
      (
        #"{"LengthSize": 2, "IdOffset": -1, "IdSize": 1}"#,
        "1:44 DataPack: IdOffset is -1, but must be a whole number from 0 to 65535"
      ),
      (
        #"{"LengthSize": 2, "IdOffset": 65536, "IdSize": 1}"#,
        "1:44 DataPack: IdOffset is 65536, but must be a whole number from 0 to 65535"
      ),
      (
        #"{"LengthSize": 2, "IdOffset": 2, "IdSize": 1, "Id": 1}"#,
        "1:32 DataPack has an Id and IdOffset: all frames have the one, or each has its own"
      ),
      (
        #"{"LengthSize": 1, "IdOffset": 256, "IdSize": 1}"#,
        "1:32 DataPack: no length makes a frame that holds its own fields"
      ),
      (
        #"{"LengthSize": 1, "LengthAdjustment": -300, "Id": 1}"#,
        "1:32 DataPack: no length makes a frame that holds its own fields"
      ),
      (
        #"{"LengthSize": 2, "IdOffset": 4096, "IdSize": 1}"#,
        "1:14 a frame as DataPack describes it has 4097 bytes at least, but MaxPacketSize is 4096"
      ),
      (
        #"{"LengthSize": 2, "LengthAdjustment": 4095, "Id": 1}"#,
        "1:14 a frame as DataPack describes it has 4097 bytes at least, but MaxPacketSize is 4096"
      ),
      (
        #"{"Delimiter": "\n", "LengthSize": 2, "Id": 1}"#,
        "1:34 DataPack has a Delimiter and LengthSize: frames end with the one, or tell their length by the other"
      ),
      (
        #"{"Delimiter": "\n", "IdOffset": 2, "Id": 1}"#,
        "1:34 DataPack has a Delimiter and IdOffset: frames end with the one, or tell their length by the other"
      ),
      (#"{"Delimiter": "\n"}"#, "1:14 DataPack has no Id: lines have no message id of their own"),
      (#"{"Delimiter": "", "Id": 1}"#, #"1:28 DataPack: Delimiter is "", but must be a string of 1 to 16 bytes"#),
      (#"{"Delimiter": "\n", "Id": -1}"#, "1:40 DataPack: Id is -1, but must be a whole number from 0 to 4294967295"),
      (
        #""ltv-el""#,
        #"1:14 DataPack is "ltv-el", but must be one of "ltv-le", "tlv-be" or "tlv-le", an object that describes other frames, or the name of a plugin's codec, of which none has one; did you mean "ltv-le"?"#
      ),
    ])
  func wrong(dataPack: String, expected: String) { #expect(Self.problems(dataPack) == [expected]) }

  @Test("with several wrong keys has a problem for each")
  func several() {
    #expect(Self.problems(#"{"LengthSize": 5, "Order": 1, "Idd": 1, "Strip": -1}"#).count == 4)
  }

  @Test("may be the name of a codec that a plugin has brought, and of no other")
  func codecs() throws {
    let codecs: [any FrameCodec] = [StationCodec(), HTLVCodec()]
    let text = #"{"DataPack": "station", "Listeners": [{"Name": "a", "Address": "h:1", "DataPack": "htlv-crc"}]}"#
    let parsed = Configuration.parse(Array(text.utf8), knownPlugins: [], codecs: { _ in codecs })
    let configuration = try #require(parsed.configuration)
    #expect(configuration.server.framing == .codec(StationCodec()))
    #expect(configuration.server.endpoints.map(\.framing) == [.codec(HTLVCodec())])
    #expect(Reference.json(configuration).contains(#""DataPack": "station""#))
    #expect(Reference.json(configuration).contains(#""DataPack": "htlv-crc""#))
    let typo = Self.problems(#""statoin""#, codecs: codecs)
    #expect(
      typo.count == 1 && typo[0].hasSuffix(#", which are "station", "htlv-crc"; did you mean "station"?"#), "\(typo)")
  }

  @Test("is looked at once, when the plugins of the file are known")
  func once() throws {
    let text = #"{"DataPack": "station", "Plugins": {"b": {}, "A": {}, "c": {}}, "Listeners": 5}"#
    var asked: [[String]?] = []
    let parsed = Configuration.parse(Array(text.utf8), knownPlugins: ["a", "b"]) { entries in
      asked.append(entries?.map(\.name))
      return [StationCodec()]
    }
    #expect(asked == [["b", "a"]])
    #expect(parsed.problems.map { $0.message.prefix { $0 != "\"" && $0 != "," } } == ["unknown plugin ", "Listeners is 5"])
    for text in ["{", "[]", "{}"] {
      var count = 0
      _ = Configuration.parse(Array(text.utf8), knownPlugins: ["a"]) { _ in
        count += 1
        return []
      }
      #expect(count == 1)
    }
  }

  @Test("of a listener stands in place of the general one, with problems of its own")
  func listeners() throws {
    let listener = #"{"Name": "devices", "Address": "0.0.0.0:9000", "DataPack": {"LengthSize": 2, "Id": 3}"#
    let text = #"{"DataPack": "tlv-be", "Listeners": ["# + listener + "}]}"
    let configuration = try #require(parse(text).configuration)
    let frames = try LengthFieldFrames(lengthOffset: 0, lengthSize: 2, id: .constant(3))
    #expect(configuration.server.endpoints.map(\.framing) == [.lengthField(frames)])
    #expect(parse(Reference.json(configuration)).configuration == configuration)
    #expect(
      parse(#"{"Listeners": [{"Name": "a", "Address": "h:1", "DataPack": {"LengthSize": 7, "Id": 1}}]}"#).problems.map(\.message)
        == [#"the listener "a": DataPack: LengthSize is 7, but must be 1, 2, 3, 4 or 8"#])
    #expect(
      parse(#"{"Listeners": ["# + listener + #", "MaxPacketSize": 1}]}"#).problems.map(\.message)
        == [#"the listener "devices": a frame as DataPack describes it has 2 bytes at least, but MaxPacketSize is 1"#])
  }

  @Test("that a reload changes is told in the words of the file")
  func reload() throws {
    let old = try #require(parse("{}").configuration)
    let new = try #require(parse(#"{"DataPack": {"Delimiter": "\n", "Id": 7}}"#).configuration)
    let reload = Reload(current: old, proposed: new)
    #expect(reload.applied == [#"DataPack: "ltv-le" → {"Delimiter": "\n", "Id": 7}"#])
    #expect(reload.effective.server.framing == new.server.framing)
  }
}
