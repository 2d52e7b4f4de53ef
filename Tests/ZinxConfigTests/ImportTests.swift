import Testing
import Zinx
import ZinxConfig
import ZinxTestKit

private func problems(_ text: String) -> [String] { parse(text).problems.map(\.message) }

private let plugins = ["ping", "hello", "greeting", "echo", "broadcast", "heartbeat"]

@Suite("An imported file")
struct ImportTests {
  private func imported(_ text: String) throws -> Import {
    try Import(Array(text.utf8), knownPlugins: plugins, defaultPlugins: ["ping", "hello", "greeting", "heartbeat"])
  }

  private func notes(_ text: String, _ kind: ImportNote.Kind) throws -> [String] {
    try imported(text).notes.filter { $0.kind == kind }.map(\.message)
  }

  /// The one value that a file of one key becomes, as JSON.
  private func value(_ option: String, in text: String) throws -> String? {
    let configuration = try #require(parse(try imported(text).text).configuration)
    return Option.named(option)?.value(in: configuration)?.jsonText
  }

  @Test func `keeps the listener for WebSockets that its Mode opens, and leaves out what is closed`() throws {
    func short(_ text: String) throws -> [String] {
      let configuration = try #require(parse(try imported(text).text).configuration)
      return configuration.server.allEndpoints.map { "\($0.name) \($0.address)" }
    }
    #expect(try short(#"{"Mode":"websocket","WsPort":81,"WsPath":"/x"}"#) == ["ws 0.0.0.0:81"])
    #expect(try short(#"{"Mode":"","TcpPort":80}"#) == ["zinx 0.0.0.0:80", "ws 0.0.0.0:9000"])
    #expect(try short(#"{"WsPort":81}"#) == ["zinx 0.0.0.0:8999"])
    #expect(try notes(#"{"WsPort":81}"#, .dropped).first?.hasPrefix("WsPort is left out: without a Mode that says") == true)
    #expect(try short(#"{"Mode":"","TcpPort":9000}"#) == ["zinx 0.0.0.0:9000"])
    #expect(
      try notes(#"{"Mode":"","TcpPort":9000}"#, .choose).contains {
        $0.hasPrefix("Mode is \"tcp\": TcpPort and WsPort are both 9000")
      })
  }

  @Test func `leaves it to the operator what becomes of clients that came by KCP`() throws {
    #expect(
      try notes(#"{"TCPPort":8999,"Mode":"kcp"}"#, .choose).first?.hasPrefix("Mode is \"kcp\", but KCP is not spoken here: ")
        == true)
  }

  /// Spellings, the application's own keys, wrong types, comments, nesting, emptiness.
  static let files = [
    #"{}"#, " \n{ }\n", "\u{FEFF}{\"TcpPort\": 7777}",
    #"{"Port":"8999","IP":"0.0.0.0","MaxPackageSize":1024,"WorkPoolSize":8,"MaxTaskLen":512}"#,
    #"{"mysql":{"username":"u"},"redis":{"host":"h"},"TcpPort":8999}"#, #"{"//":"note","TCPPort":8999,"Mode":"kcp"}"#,
    #"{"WsPort":9000,"WsPath":"/ws"}"#, #"{"Mode":"websocket","WsPort":"9001","WsPath":"/ws"}"#, #"{"Mode":"","TcpPort":9000}"#,
    #"{"Mode":"","WsPort":70000,"WsPath":"ws"}"#, #"{"Mode":"x","Listeners":[{"Name":"a","Address":"unix:@a"}],"WsPort":1}"#,
    #"{"Name":"zinx v-0.8 demoApp","Host":"127.0.0.1","TcpPort":7777,"MaxConn":3,"WorkerPoolSize":10}"#,
    #"{"name":"n","host":"localhost","port":8999,"maxConn":3,"workerPoolSize":10,"queueSize":1024}"#,
    #"{"Name":"x","IP":"127.0.0.1","Port":8080,"Version":"v0.0.1","MaxConn":12000,"MaxTaskQueueSize":1024}"#,
    #"{"Host":"0.0.0.0","TcpPort":8999,"Version":"v0.4","MaxPackageSize":4096,"WorkPoolSize":10,"MaxWorkTaskLen":1024}"#,
    #"{"Name":"a","Host":"h","TcpPort":8999,"MaxConn":3,"MaxPackageSize":512,"IPVersion":"tcp4"}"#,
    #"{"TcpPort":8999,"LogDir":"./l","LogFile":"z.log","LogDebugClose":true,"RouterSlicesMode":false}"#,
    #"{"TCPPort":7054,"WorkerMode":"","LogIsolationLevel":0,"Mode":"tcp","TCPReadTimeout":"300s","KeepAlive":true}"#,
    #"{"HeartbeatMax":30,"IOReadBuffSize":8192,"LogCons":true,"MaxMsgChanLen":1024}"#, #"{"HeartbeatTimeout":"30"}"#,
    #"{"HeartbeatMax":-1,"HeartbeatInterval":5}"#,
    #"{"HeartbeatMax":30,"HeartbeatTimeout":5}"#, #"{"HeartbeatMax":30,"Plugins":{"ping":{}}}"#,
    #"{"HeartbeatMax":30,"Plugins":{"heartbeat":{"timeout":3}}}"#,
    #"{"db":{"host":"h","port":3306},"log":{"level":"debug"},"TcpPort":8998}"#,
    #"{"Server":{"IP":"0.0.0.0","Port":8999},"Connection":{"MaxConn":3}}"#, #"{"EtcdIps":["10.1.1.248:2379"],"Debug":true}"#,
    #"{"max_conn":3,"max-package-size":512,"tcp_port":1,"worker_pool_size":2}"#, #"{"MaxConnections":5,"MaxPackages":100}"#,
    #"{"ServerName":"x","ServerPort":"70","MaxMsgBuffSize":5,"MaxReadSize":2048,"MaxTaskSize":7}"#,
    #"{"WorkPoolSize":8,"MaxWorkPoolSize":1024,"QueueSize":16,"MaxQueueSize":1024}"#, #"{"Addr":"0.0.0.0:8999"}"#,
    #"{"Address":"[::1]:7"}"#, #"{"Addr":"localhost"}"#, #"{"ListenAddr":":8999"}"#, #"{"Addr":7}"#, #"{"TcpPort":70000}"#,
    #"{"TcpPort":-1}"#, #"{"TcpPort":8999.0}"#, #"{"TcpPort":"abc"}"#, #"{"TcpPort":""}"#, #"{"TcpPort":[8999]}"#,
    #"{"TcpPort":{"a":1}}"#, #"{"TcpPort":null,"Host":null}"#, #"{"TcpPort":true}"#, #"{"Host":""}"#, #"{"Host":5}"#,
    #"{"Host":" 127.0.0.1 "}"#, #"{"Host":["127.0.0.1"]}"#, #"{"Name":""}"#, #"{"Name":12}"#,
    #"{"Name":"\#(String(repeating: "长", count: 40))"}"#,
    #"{"MaxConn":0}"#, #"{"MaxConn":1e9}"#, #"{"MaxPacketSize":0}"#, #"{"MaxMsgChanLen":0,"MaxWorkerTaskLen":0}"#,
    #"{"WorkerPoolSize":100000}"#, #"{"IdleTimeout":"1.5m"}"#, #"{"IdleTimeout":"30s","DrainTimeout":"250ms"}"#,
    #"{"TcpPort":1,"TCPPort":2,"tcpport":3}"#, #"{"Port":1,"TcpPort":2,"ServerPort":3}"#, #"{"//":"a","//":"b","_c":[1]}"#,
    #"{"redis":{"//":"x","_y":1,"a":1,"A":2}}"#, #"{"Custom":{"a":1},"b":2}"#, #"{"Custom":5}"#,
    #"{"Custom":{"a":1},"a":2,"A_":3}"#,
    #"{"LogLevel":"DEBUG"}"#, #"{"Loglevel":"warn","LogIsolationLevel":3}"#, #"{"LogIsolationLevel":99}"#,
    #"{"DataPack":"zinx_pack_ltv_little_endian"}"#, #"{"DataPack":"TLV-BE"}"#, #"{"DataPack":"mine"}"#,
    #"{"Plugins":{"ping":{},"_x":1}}"#, #"{"Plugins":{"mine":{}}}"#, #"{"Plugins":["a"]}"#, #"{"MaxCon":3,"":1,"é":2}"#,
    #"{"CertFile":"c.pem","PrivateKeyFile":"k.pem"}"#, #"{"KcpPort":1,"PrometheusListen":"x"}"#, #"{"TcpServer":null}"#,
    #"{"a":1e300,"b":-0.5,"c":"\u0000\ud83d\ude00","d":[[],{},[null,true]]}"#, #"{"Allow":"10.0.0.0/8","Deny":["x"]}"#,
    "{\"deep\": " + String(repeating: "[", count: 61) + String(repeating: "]", count: 61) + "}",
  ]

  @Test("is one that zinxd takes, without a warning, and that stays as it is when it is imported again", arguments: files)
  func good(file: String) throws {
    let first = try imported(file)
    let parsed = parse(first.text)
    #expect(parsed.problems.isEmpty)
    #expect(parsed.warnings.isEmpty)
    #expect(parsed.configuration != nil)
    #expect(try imported(first.text).text == first.text)
  }

  /// What each error has, of the three classes: another spelling or an application's key, a value of the wrong type, and what is not there.
  private static let advice = [
    "did you mean", "goes into the object \"Custom\"", "must be", "one of", "use ", "is for", "are for", "remove it",
    "make it", "belongs into", "this zinxd has", "is written as", "the first",
  ]

  @Test("is told, where zinxd does not take it as it is, what to do about each key", arguments: files)
  func advised(file: String) {
    for problem in problems(file) {
      #expect(Self.advice.contains { problem.contains($0) }, "\(problem)")
    }
  }

  @Test("is one that zinxd takes whatever bytes of a file were changed", arguments: 1...60 as ClosedRange<UInt64>)
  func mutation(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let telling = Array("{}[]\",:\\u0123dDeE+-.\n /_0tfn".utf8)
    for _ in 0..<400 {
      var bytes = Array((Self.files.randomElement(using: &random) ?? "").utf8)
      for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
        let place = bytes.indices.randomElement(using: &random) ?? 0
        if Bool.random(using: &random) {
          bytes[place] = telling.randomElement(using: &random) ?? 0
        } else {
          bytes.insert(telling.randomElement(using: &random) ?? 0, at: place)
        }
      }
      guard let result = try? Import(bytes, knownPlugins: plugins, defaultPlugins: ["ping"]) else { continue }
      #expect(parse(result.text).problems.isEmpty, "\(String(decoding: bytes, as: UTF8.self))")
    }
  }

  @Test("loses no key: what is not taken over is in Custom, or a note says what became of it", arguments: files)
  func nothingLost(file: String) throws {
    let result = try imported(file)
    let members = JSONParser.parse(Array(file.utf8), origin: .foreign).value?.content
    guard case .object(let members) = members else { return }
    for member in members where Option.named(member.key) == nil && !JSONParser.isComment(member.key) && member.key != "Custom" {
      #expect(result.notes.contains { $0.position == member.position || $0.message.contains(quotedBriefly(member.key)) })
    }
  }

  @Test("has one way to say who listens where")
  func listeners() throws {
    let text = #"{"Listeners": [{"Name": "a", "Address": "unix:@a"}], "IP": "10.0.0.1"}"#
    let result = try Import(Array(text.utf8), knownPlugins: [], defaultPlugins: [])
    let parsed = parse(result.text)
    #expect(parsed.problems.isEmpty && parsed.warnings.isEmpty, "\(parsed.problems)")
    #expect(parsed.configuration?.server.endpoints == [Endpoint(name: "a", .abstract(name: "a"))])
    #expect(result.notes.contains { $0.message == "Host is left out: Listeners says who listens where" })
  }

  @Test(
    "has the values of other spellings under our keys",
    arguments: [
      (#"{"Port":"8999"}"#, "TcpPort", "8999"), (#"{"IP":"10.0.0.1"}"#, "Host", #""10.0.0.1""#),
      (#"{"MaxPackageSize":1024}"#, "MaxPacketSize", "1024"), (#"{"MaxPackages":1024}"#, "MaxPacketSize", "1024"),
      (#"{"MaxReadSize":1024}"#, "MaxPacketSize", "1024"), (#"{"WorkPoolSize":8}"#, "WorkerPoolSize", "8"),
      (#"{"MaxTaskLen":512}"#, "MaxWorkerTaskLen", "512"), (#"{"MaxTaskQueueSize":512}"#, "MaxWorkerTaskLen", "512"),
      (#"{"MaxTaskSize":512}"#, "MaxWorkerTaskLen", "512"), (#"{"QueueSize":512}"#, "MaxWorkerTaskLen", "512"),
      (#"{"MaxMsgBuffSize":512}"#, "MaxMsgChanLen", "512"), (#"{"MAX_CONN":3}"#, "MaxConn", "3"),
      (#"{"MaxConnections":"3"}"#, "MaxConn", "3"), (#"{"MaxWorkPoolSize":1024,"WorkPoolSize":8}"#, "WorkerPoolSize", "8"),
      (#"{"Port":1,"TcpPort":2}"#, "TcpPort", "2"), (#"{"TcpPort":1,"TCPPort":2}"#, "TcpPort", "2"),
      (#"{"Addr":"10.0.0.1:7"}"#, "TcpPort", "7"), (#"{"Addr":"10.0.0.1:7"}"#, "Host", #""10.0.0.1""#),
      (#"{"Addr":"[::1]:7"}"#, "Host", #""::1""#), (#"{"Addr":":7"}"#, "Host", #""0.0.0.0""#),
      (#"{"Addr":"::1"}"#, "Host", #""::1""#),
      (#"{"Host":""}"#, "Host", #""0.0.0.0""#), (#"{"TcpPort":8999.0}"#, "TcpPort", "8999"),
      (#"{"MaxPacketSize":0}"#, "MaxPacketSize", "1073741824"), (#"{"IdleTimeout":"1.5m"}"#, "IdleTimeout", "90"),
      (#"{"IdleTimeout":"250ms"}"#, "IdleTimeout", "0.25"), (#"{"LogLevel":"WARN"}"#, "LogLevel", #""warning""#),
      (#"{"LogIsolationLevel":2}"#, "LogLevel", #""warning""#), (#"{"LogDebugClose":true}"#, "LogLevel", #""info""#),
      (#"{"LogLevel":"error","LogIsolationLevel":1}"#, "LogLevel", #""error""#), (#"{"Name":5}"#, "Name", #""5""#),
      (#"{"DataPack":"zinx_pack_ltv_little_endian"}"#, "DataPack", #""ltv-le""#),
      (#"{"Version":"v0.4"}"#, "DataPack", #""ltv-le""#),
      (#"{"Version":"V1.0"}"#, "DataPack", #""tlv-be""#), (#"{"TcpPort":70000}"#, "TcpPort", "8999"),
      (#"{"MaxConn":0}"#, "MaxConn", "12000"), (#"{"TcpPort":null}"#, "TcpPort", "8999"),
    ])
  func values(file: String, option: String, expected: String) throws {
    #expect(try value(option, in: file) == expected)
  }

  @Test("of an empty object has the defaults of Go Zinx written out")
  func defaults() throws {
    let expected = """
      {
        "Name": "ZinxServerApp",
        "Host": "0.0.0.0",
        "TcpPort": 8999,
        "MaxConn": 12000,
        "MaxPacketSize": 4096,
        "WorkerPoolSize": 10,
        "MaxWorkerTaskLen": 1024,
        "MaxMsgChanLen": 1024,
        "DataPack": "tlv-be"
      }

      """
    #expect(try imported("{}").text == expected)
    #expect(try notes("{}", .added).first?.contains(#"TcpPort 8999"#) == true)
  }

  @Test("keeps comments, and what is the application's in Custom, as they were")
  func custom() throws {
    let text = try imported(
      #"{"//": "mine", "mysql": {"password": "secret", "ports": [1, 2]}, "TcpPort": 1, "Custom": {"a": null}, "_x": 1}"#
    ).text
    #expect(text.hasPrefix("{\n  \"//\": \"mine\",\n  \"_x\": 1,\n  \"Name\""))
    #expect(
      text.contains("\"Custom\": {\n    \"a\": null,\n    \"mysql\": {\n      \"password\": \"secret\",\n      \"ports\": ["))
  }

  @Test("has a note for each key that is not as it was, with its place, and none with a value that may be a secret")
  func told() throws {
    let file = """
      {
        "Port": "8999",
        "LogDir": "/secret",
        "mysql": {"password": "secret"},
        "Token": "secret",
        "MaxConn": "many"
      }
      """
    let notes = try imported(file).notes
    #expect(
      notes.prefix(6).map { "\($0.position?.line ?? 0):\($0.position?.column ?? 0): \($0.kind): \($0.message)" } == [
        "2:3: renamed: \"Port\" is TcpPort",
        "2:11: converted: TcpPort was \"8999\" and is 8999",
        "3:3: dropped: \"LogDir\" has no meaning here; the log goes to the journal: journalctl -u zinxd",
        "4:3: kept: \"mysql\" is kept in Custom, where zinxd does not look",
        "5:3: kept: \"Token\" is kept in Custom, where zinxd does not look",
        "6:14: choose: MaxConn is \"many\", but must be a whole number from 1 to 1000000: 12000 is written, the default of Go Zinx; "
          + "choose one and write it there",
      ])
    #expect(notes.allSatisfy { !$0.message.contains("secret") })
  }

  @Test("says how to find the order of the header in the Go code, unless the file has it")
  func header() throws {
    #expect(try notes("{}", .choose).first?.contains("grep") == true)
    #expect(try notes(#"{"DataPack":"tlv-le"}"#, .choose).allSatisfy { !$0.contains("grep") })
  }

  @Test("names the server's keys in an object that it keeps")
  func nested() throws {
    let note = try #require(notes(#"{"Server":{"IP":"0.0.0.0","Port":8999,"x":1}}"#, .kept).first)
    #expect(note.contains("if its IP, Port is the server's"))
    #expect(try notes(#"{"Connection":{"MaxConn":3}}"#, .kept).first?.contains("if its MaxConn is the server's") == true)
    #expect(try notes(#"{"redis":{"host":"h","port":1}}"#, .kept).first?.hasSuffix("where zinxd does not look") == true)
  }

  @Test(
    "has the heartbeat's time-out under its plugin, beside those that would be on without it",
    arguments: [
      (#"{"HeartbeatMax": 10}"#, #"{"ping": {}, "hello": {}, "greeting": {}, "heartbeat": {"Timeout": 10}}"#),
      (#"{"HeartbeatMax": 0.5}"#, #"{"ping": {}, "hello": {}, "greeting": {}, "heartbeat": {"Timeout": 2}}"#),
      (#"{"HeartbeatTimeout": "1.5m"}"#, #"{"ping": {}, "hello": {}, "greeting": {}, "heartbeat": {"Timeout": 90}}"#),
      (#"{"HeartbeatMax": 10, "Plugins": {"ping": {}}}"#, #"{"ping": {}, "heartbeat": {"Timeout": 10}}"#),
      (#"{"HeartbeatMax": 10, "Plugins": {"heartbeat": {"Timeout": 3}}}"#, #"{"heartbeat": {"Timeout": 3}}"#),
    ])
  func heartbeat(file: String, plugins: String) throws {
    #expect(try value("Plugins", in: file) == plugins)
    #expect(try notes(file, .converted).contains { $0.contains("StartHeartBeat") } == !file.contains("3}"))
  }

  @Test(
    "keeps in Custom what is no time-out of a heartbeat, and says what is for it",
    arguments: [#"{"HeartbeatMax": -1}"#, #"{"HeartbeatInterval": 5}"#, #"{"HeartbeatMax": "often"}"#])
  func noTimeout(file: String) throws {
    #expect(try imported(file).text.contains("\"Custom\": {"))
    #expect(try notes(file, .kept).first?.contains("Timeout of the plugin heartbeat") == true)
    #expect(try value("Plugins", in: file) == nil)
  }

  @Test(
    "cannot be made of what is no JSON object, and the error has its place",
    arguments: [
      ("", "1:1: the file is empty, but must hold a JSON object"),
      ("[]", "1:1: the file holds an empty list, but must hold an object"),
      ("{\"a\": 1,}", "1:8: a \",\" before \"}\" is not allowed in JSON; remove it"), ("tcpport: 1", "1:1: expected a value"),
      ("{// x\n}", "1:2: expected a key in double quotes"),
    ])
  func noObject(text: String, message: String) {
    let error = #expect(throws: ConfigurationProblem.self) { try imported(text) }
    let place = error?.position.map { "\($0.line):\($0.column): " } ?? ""
    let told = place + (error?.message ?? "")
    #expect(told.hasPrefix(message))
  }
}

@Suite("Comments and what is not for zinxd")
struct CustomTests {
  @Test("keys that begin with // or _ are comments, in every object and however often they are there")
  func comments() {
    let text =
      #"{"//": 1, "//": 2, "_": {"a": 1}, "__x": null, "MaxConn": 3, "Plugins": {"//": "on", "ping": {"_why": 1, "MsgID": 5}}}"#
    let parsed = parse(text)
    var expected = Configuration()
    expected.server.maxConn = 3
    #expect(parsed.problems.isEmpty && parsed.warnings.isEmpty)
    #expect(parsed.configuration?.server == expected.server)
    #expect(parsed.plugins?.map(\.settings.jsonText) == [#"{"MsgID": 5}"#])
  }

  @Test("comments are JSON all the same")
  func malformed() {
    #expect(parse(#"{"//": oops}"#).problems.count == 1)
  }

  @Test("Custom is never looked at, and is not in what is printed or told of a reload")
  func custom() throws {
    let with = try #require(parse(#"{"Custom": {"password": "secret", "MaxConn": "x"}}"#).configuration)
    #expect(with == Configuration())
    #expect(!Reference.json(with).contains("secret"))
    #expect(Reload(current: Configuration(), proposed: with).applied.isEmpty)
  }

  @Test(
    "a spelling of another version is refused with our name for it",
    arguments: [
      ("MaxPackageSize", "MaxPacketSize"), ("MaxPackages", "MaxPacketSize"), ("Port", "TcpPort"), ("IP", "Host"),
      ("WorkPoolSize", "WorkerPoolSize"), ("MaxTaskLen", "MaxWorkerTaskLen"), ("MaxTaskQueueSize", "MaxWorkerTaskLen"),
      ("MaxTaskSize", "MaxWorkerTaskLen"), ("QueueSize", "MaxWorkerTaskLen"), ("MaxMsgBuffSize", "MaxMsgChanLen"),
      ("MaxReadSize", "MaxPacketSize"), ("tcp_port", "TcpPort"), ("Addr", "Host"),
    ])
  func hints(written: String, meant: String) {
    #expect(problems("{\"\(written)\": 1}") == ["unknown key \"\(written)\"; did you mean \"\(meant)\"?"])
  }

  @Test(
    "a spelling of a key that has no meaning here is refused with what to use instead, in one step",
    arguments: [
      ("HeartbeatTimeout", "use Timeout of the plugin heartbeat"), ("HeartbeatMaxTime", "use Timeout of the plugin heartbeat"),
      ("HeartbeatInterval", "Interval and Timeout of the plugin heartbeat are for this"),
      ("HeartRateInSecond", "Interval and Timeout of the plugin heartbeat are for this"),
      ("Heartbeat", "Interval and Timeout of the plugin heartbeat are for this"),
    ])
  func foreignHints(written: String, hint: String) {
    #expect(problems("{\"\(written)\": 1}") == ["unknown key \"\(written)\"; \(hint)"])
  }

  @Test("what zinxd does not know is refused with the place where it may be")
  func unknown() {
    #expect(problems(#"{"mysql": {}}"#) == [#"unknown key "mysql"; what is not for zinxd goes into the object "Custom""#])
  }
}
