import Testing
import Zinx
import ZinxConfig
import ZinxTLS
import ZinxWire

@Suite("The listeners of a configuration file")
struct ListenersTests {
  private static func problems(_ listeners: String, _ more: String = "") -> [String] {
    parse("{\"Listeners\": [\(listeners)]\(more)}").problems.map { problem in
      "\(problem.position.map { "\($0.line):\($0.column)" } ?? "-") \(problem.message)"
    }
  }

  @Test("have what the file says, and the general rules where it says nothing")
  func fields() throws {
    let text = """
      {"Listeners": [
        {"name": "public", "ADDRESS": "[::]:7777", "transport": "tcp"},
        {"Name": "local", "Address": "unix:/run/a", "Mode": "600", "DataPack": "tlv-be", "MaxConn": 3, "Backlog": 4,
         "MaxPacketSize": 5, "IdleTimeout": 6, "Allow": ["::1"], "Deny": [], "//": "a comment"}
      ]}
      """
    var local = Endpoint(name: "local", .unix(path: "/run/a"))
    local.mode = 0o600
    local.dataPack = .tlvBigEndian
    local.maxConn = 3
    local.backlog = 4
    local.maxPacketSize = 5
    local.idleTimeout = .seconds(6)
    local.allow = [try Network("::1")]
    local.deny = []
    let parsed = parse(text)
    #expect(parsed.problems.isEmpty)
    #expect(parsed.configuration?.server.endpoints == [Endpoint(name: "public", .tcp(host: "::", port: 7777)), local])
  }

  @Test(
    "are refused for what is wrong with one of them, named by its name or its place",
    arguments: [
      (#"5"#, #"1:16 Listeners[0] is 5, but must be an object"#),
      (#"{}"#, #"1:16 Listeners[0] has no Name"#),
      (#"{"Name": "a"}"#, #"1:16 the listener "a" has no Address"#),
      (
        #"{"Name": "a", "Address": "127.0.0.1:1", "Adress": 1}"#,
        #"1:56 the listener "a": unknown key "Adress"; did you mean "Address"?"#
      ),
      (
        #"{"Name": "a:b", "Address": "127.0.0.1:1"}"#,
        #"1:25 the listener "a:b": Name is "a:b", but must be printable text of 1 to 64 bytes without a colon"#
      ),
      (
        #"{"Name": "a", "Address": "127.0.0.1"}"#,
        #"1:41 the listener "a": Address has "127.0.0.1", but there is no port behind it, as in "127.0.0.1:7777""#
      ),
      (
        #"{"Name": "a", "Address": "::1:7777"}"#,
        #"1:41 the listener "a": Address has "::1:7777", but an IPv6 address stands in brackets, as in "[::1]:7777""#
      ),
      (
        #"{"Name": "a", "Address": "h:65536"}"#,
        #"1:41 the listener "a": Address has "h:65536", but a port is a whole number from 0 to 65535"#
      ),
      (
        #"{"Name": "a", "Address": "unix:a"}"#,
        #"1:41 the listener "a": Address has "unix:a", but a UNIX socket has a path that begins with "/", or a name that begins with "@""#
      ),
      (
        #"{"Name": "a", "Address": "unix:/a", "Mode": "0999"}"#,
        #"1:60 the listener "a": Mode is "0999", but must be permissions in octal, such as "0660""#
      ),
      (
        #"{"Name": "a", "Address": "h:1", "Mode": "0600"}"#,
        #"1:48 the listener "a": Mode is for a UNIX socket in the file system, and its Address is none"#
      ),
      (
        #"{"Name": "a", "Address": "h:1", "Deny": ["10.1.2.3/8"]}"#,
        #"1:57 the listener "a": Deny has "10.1.2.3/8", but bits are set beyond its length: the network is "10.0.0.0/8", a single address has no length"#
      ),
      (
        #"{"Name": "a", "Address": "h:1", "Backlog": 0}"#,
        #"1:59 the listener "a": Backlog is 0, but must be a whole number from 1 to 65535"#
      ),
      (
        #"{"Name": "a", "Address": "h:1"}, {"Name": "a", "Address": "h:2"}"#,
        #"1:50 two listeners have the name "a"; the first is at line 1, column 17"#
      ),
      (
        #"{"Name": "a", "Address": "h:1"}, {"Name": "b", "Address": "h:1"}"#,
        #"1:63 two listeners have the address "h:1"; the first is at line 1, column 30"#
      ),
      (
        #"{"Name": "a", "Address": "0.0.0.0:1"}, {"Name": "b", "Address": "127.0.0.1:1"}"#,
        #"1:69 nobody can listen at "127.0.0.1:1" beside "0.0.0.0:1"; the first is at line 1, column 30"#
      ),
      (
        #"{"Name": "a", "Address": "127.0.0.1:1"}, {"Name": "b", "Address": "localhost:1"}"#,
        #"1:71 nobody can listen at "localhost:1" beside "127.0.0.1:1"; the first is at line 1, column 30"#
      ),
      (
        #"{"Name": "a", "Address": "LocalHost:1"}, {"Name": "b", "Address": "[::]:1"}"#,
        #"1:71 nobody can listen at "[::]:1" beside "LocalHost:1"; the first is at line 1, column 30"#
      ),
      (
        #"{"Name": "a", "Address": "Game.example:1"}, {"Name": "b", "Address": "game.Example:1"}"#,
        #"1:74 nobody can listen at "game.Example:1" beside "Game.example:1"; the first is at line 1, column 30"#
      ),
      (
        #"{"Name": "a", "Address": "unix:/run/x"}, {"Name": "b", "Address": "unix:/run/.//x"}"#,
        #"1:71 nobody can listen at "unix:/run/.//x" beside "unix:/run/x"; the first is at line 1, column 30"#
      ),
      (
        #"{"Name": "a", "Address": "unix:@x"}, {"Name": "b", "Address": "unix:@x"}"#,
        #"1:67 two listeners have the address "unix:@x"; the first is at line 1, column 30"#
      ),
    ])
  func bad(listeners: String, expected: String) {
    #expect(Self.problems(listeners).contains(expected), "\(Self.problems(listeners))")
  }

  @Test(
    "are where their keys belong",
    arguments: [("tls", "Tls"), ("Path", "Path"), ("TrustedProxies", "TrustedProxies"), ("V6Only", "V6Only")])
  func astray(key: String, name: String) {
    let problems = parse(#"{"\#(key)": 1}"#).problems
    #expect(problems.map(\.message) == [#"unknown key "\#(key)"; \#(name) belongs into an entry of Listeners"#])
  }

  @Test(
    "may share a port where the kernel lets them",
    arguments: [
      #"{"Name": "a", "Address": "[::]:1", "V6Only": true}, {"Name": "b", "Address": "0.0.0.0:1"}"#,
      #"{"Name": "a", "Address": "127.0.0.1:1"}, {"Name": "b", "Address": "127.0.0.2:1"}"#,
      #"{"Name": "a", "Address": "127.0.0.1:0"}, {"Name": "b", "Address": "127.0.0.1:0"}"#,
      #"{"Name": "a", "Address": "unix:/x"}, {"Name": "b", "Address": "unix:@/x"}"#,
    ])
  func beside(listeners: String) { #expect(Self.problems(listeners).isEmpty) }

  @Test func `speak WebSocket where they say so`() throws {
    let text = """
      {"Listeners": [{"Name": "a", "Address": "h:1", "Transport": "websocket", "Path": "/ws", "Origins": ["https://game.example", "*"],
        "Subprotocols": ["zinx.v1"], "TrustedProxies": ["::1"]}, {"Name": "b", "Address": "h:2", "Transport": "tcp"}]}
      """
    let configuration = try #require(parse(text).configuration)
    let endpoint = configuration.server.endpoints[0]
    #expect(configuration.server.endpoints.map(\.transport) == [.webSocket, .tcp])
    #expect(endpoint.path == "/ws")
    #expect(endpoint.origins == ["https://game.example", "*"])
    #expect(endpoint.subprotocols == ["zinx.v1"])
    #expect(parse(Reference.json(configuration)).configuration == configuration)
  }

  @Test(
    "say what is wrong with a key of WebSocket",
    arguments: [
      (#""Transport": "ws""#, #"Transport is "ws", but must be "tcp" or "websocket""#),
      (#""Path": "/ws""#, #"Path is for "Transport": "websocket""#),
      (
        #""Transport": "websocket", "Path": "ws?a""#,
        #"Path is "ws?a", but must be a path that begins with "/", without a query, of at most 256 bytes"#
      ),
      (
        #""Transport": "websocket", "Origins": ["game.example"]"#,
        #"Origins is a list of 1, but must be a list of origins such as "https://game.example" or "http://localhost:3000", or ["*"] for all"#
      ),
      (
        #""Transport": "websocket", "Subprotocols": ["a,b"]"#,
        #"Subprotocols is a list of 1, but must be a list of names such as ["zinx.v1"]"#
      ),
    ])
  func badWebSocket(member: String, expected: String) {
    let problems = Self.problems(#"{"Name": "a", "Address": "h:1", "# + member + "}")
    #expect(problems.count == 1)
    #expect(problems.first?.hasSuffix(" the listener \"a\": \(expected)") == true, "\(problems)")
  }

  @Test func `are behind proxies where they say which`() throws {
    let text = """
      {"Listeners": [{"Name": "a", "Address": "h:1", "ProxyProtocol": "require", "TrustedProxies": ["10.0.0.0/24", "::1"]},
        {"Name": "b", "Address": "h:2", "ProxyProtocol": "off", "TrustedProxies": []}]}
      """
    let configuration = try #require(parse(text).configuration)
    #expect(configuration.server.endpoints.map(\.proxyProtocol) == [.require, .off])
    #expect(configuration.server.endpoints[0].trustedProxies == [try Network("10.0.0.0/24"), try Network("::1")])
    #expect(parse(Reference.json(configuration)).configuration == configuration)
  }

  @Test(
    "do not take the word of anybody who is not named",
    arguments: [
      (
        #""ProxyProtocol": "require""#,
        #"1:48 the listener "a": ProxyProtocol is "require", and there are no TrustedProxies that it is taken from"#
      ),
      (
        #""TrustedProxies": [], "ProxyProtocol": "require""#,
        #"1:70 the listener "a": ProxyProtocol is "require", and there are no TrustedProxies that it is taken from"#
      ),
      (
        #""TrustedProxies": ["::1"]"#, #"1:48 the listener "a": TrustedProxies is for ProxyProtocol, which is "off""#
      ),
      (
        #""ProxyProtocol": "on""#, #"1:65 the listener "a": ProxyProtocol is "on", but must be "off" or "require""#
      ),
      (
        #""ProxyProtocol": "require", "TrustedProxies": ["10.0.0.1/24"]"#,
        #"1:95 the listener "a": TrustedProxies has "10.0.0.1/24", but bits are set beyond its length: the network is "10.0.0.0/24", a single address has no length"#
      ),
    ])
  func proxies(member: String, expected: String) {
    #expect(Self.problems(#"{"Name": "a", "Address": "h:1", "# + member + "}") == [expected])
  }

  @Test func `have no proxies on UNIX sockets, where nobody has an address`() {
    let listener = #"{"Name": "a", "Address": "unix:/a", "ProxyProtocol": "require", "TrustedProxies": ["::1"]}"#
    #expect(
      Self.problems(listener) == [
        #"1:52 the listener "a": ProxyProtocol is "require", and a peer on a UNIX socket has no address that TrustedProxies could name"#
      ])
  }

  @Test func `believe nobody on a UNIX socket who asks on behalf of others`() {
    let listener = #"{"Name": "a", "Address": "unix:/a", "Transport": "websocket", "TrustedProxies": ["::1"]}"#
    #expect(
      Self.problems(listener) == [
        #"1:78 the listener "a": a peer on a UNIX socket has no address that TrustedProxies could name"#
      ])
  }

  @Test func `choose among the plugins that are on, in the plugins' own spelling and each once`() throws {
    let text =
      #"{"Listeners": [{"Name": "a", "Address": "h:1", "plugins": ["PING", "echo", "Ping"]}, {"Name": "b", "Address": "h:2"}]}"#
    let configuration = try #require(parse(text).configuration)
    #expect(configuration.server.endpoints.map(\.plugins) == [["ping", "echo"], nil])
    #expect(parse(Reference.json(configuration)).configuration == configuration)
  }

  @Test(arguments: [
    ("[]", #"1:59 the listener "a": Plugins is an empty list, but must be a list of names of plugins such as ["ping", "echo"]"#),
    (#"["ping", 5]"#, #"1:68 the listener "a": Plugins has 5, but the name of a plugin is a string"#),
    (#""ping""#, #"1:59 the listener "a": Plugins is "ping", but must be a list of names of plugins such as ["ping", "echo"]"#),
    (
      #"["pong"]"#,
      #"1:60 unknown plugin "pong"; this zinxd has broadcast, echo, greeting, heartbeat, hello, ping; did you mean "ping"?"#
    ),
    (#"["ping", "hello"]"#, #"1:68 the plugin "hello" is not on, so no listener can have it; add it to the general Plugins"#),
  ])
  func `may not choose what is no plugin, is unknown or is not on`(plugins: String, expected: String) {
    let listener = #"{"Name": "a", "Address": "h:1", "Plugins": "# + plugins + "}"
    #expect(Self.problems(listener, #","# + "\n" + #""Plugins": {"ping": {}}"#) == [expected])
  }

  @Test func `that choose what is not on by default are told so where the file has no general Plugins`() {
    let text = #"{"Listeners": [{"Name": "a", "Address": "h:1", "Plugins": ["echo", "ping"]}]}"#
    let parsed = Configuration.parse(Array(text.utf8), knownPlugins: ["ping", "echo"], defaultPlugins: ["ping"])
    #expect(
      parsed.problems.map(\.message) == [
        "the plugin \"echo\" is not on, so no listener can have it; add it to the general Plugins"
      ])
  }

  @Test("are all looked at in one run")
  func several() {
    #expect(Self.problems(#"{"Name": 1, "Address": 2}, {"Name": "b"}, 3"#).count == 4)
  }

  @Test("beside Host or TcpPort are an error that names both places")
  func bothForms() {
    let problems = Self.problems(#"{"Name": "a", "Address": "h:1"}"#, ",\n\"Host\": \"::\",\n \"tcpport\": 1")
    #expect(
      problems == [
        "2:1 Host, at line 2, column 1, and Listeners, at line 1, column 2, both say who listens where: make it the Address of a listener",
        "3:2 tcpport, at line 3, column 2, and Listeners, at line 1, column 2, both say who listens where: "
          + "make it the Address of a listener",
      ])
  }

  @Test(
    arguments: [
      ("", ["zinx 0.0.0.0:7777"]), (#""Mode": "tcp""#, ["zinx 0.0.0.0:7777"]),
      (#""Mode": "tcp", "WsPort": 9001"#, ["zinx 0.0.0.0:7777"]), (#""WsPort": 9001"#, ["zinx 0.0.0.0:7777"]),
      (#""mode": "websocket""#, ["ws 0.0.0.0:9000 /"]),
      (#""Mode": "websocket", "wsport": 81, "WsPath": "/game""#, ["ws 0.0.0.0:81 /game"]),
      (#""Host": "::1", "TcpPort": 1, "Mode": "", "WsPort": 2"#, ["zinx [::1]:1", "ws [::1]:2 /"]),
      (#""TcpPort": 0, "Mode": "", "WsPort": 0"#, ["zinx 0.0.0.0:0", "ws 0.0.0.0:0 /"]),
    ])
  func `of the short form are those that Mode opens`(members: String, expected: [String]) throws {
    let configuration = try #require(parse("{\(members)}").configuration)
    let found = configuration.server.allEndpoints.map {
      "\($0.name) \($0.address)" + ($0.transport == .webSocket ? " \($0.path)" : "")
    }
    #expect(found == expected)
    // What is printed has the long form, and means the same.
    #expect(parse(Reference.json(configuration)).configuration?.server == configuration.server)
  }

  @Test func `of the short form have its certificate, both of them, and places for what is wrong with its files`() throws {
    let parsed = parse(#"{"Mode": "", "CertFile": "/c", "PrivateKeyFile": "/k"}"#)
    let endpoints = try #require(parsed.configuration).server.allEndpoints
    #expect(endpoints.map { $0.tls?.certFile } == ["/c", "/c"] && endpoints.map { $0.tls?.privateKeyFile } == ["/k", "/k"])
    #expect(parsed.place(of: "CertFile", listener: "ws")?.column == 26)
    #expect(parsed.place(of: "CertFile", listener: "zinx")?.column == 26)
  }

  @Test(
    arguments: [
      (
        #""Mode": "kcp""#,
        #"1:10 Mode has "kcp", but KCP is not spoken here: one of "tcp", "websocket" or "" is what there is, the last for both"#
      ), (#""Mode": 1"#, #"1:10 Mode is 1, but must be one of "tcp", "websocket" or """#),
      (#""WsPort": 65536"#, "1:12 WsPort is 65536, but must be a whole number from 0 to 65535"),
      (
        #""Mode": "", "WsPath": "ws""#,
        #"1:24 WsPath is "ws", but must be a path that begins with "/", without a query, of at most 256 bytes"#
      ),
      (
        #""TcpPort": 9000, "Mode": """#,
        "1:27 TcpPort and WsPort are both 9000, and Mode opens both: give one of them another port"
      ),
      (
        #""Mode": "", "WsPort": 7777"#,
        "1:24 TcpPort and WsPort are both 7777, and Mode opens both: give one of them another port"
      ),
    ])
  func `of the short form are refused where they cannot be`(members: String, expected: String) {
    let problems = parse("{\(members)}").problems.map { "\($0.position?.line ?? 0):\($0.position?.column ?? 0) \($0.message)" }
    #expect(problems == [expected])
  }

  @Test func `for WebSockets that no Mode opens are a warning, as their operator may believe otherwise`() {
    #expect(
      parse(#"{"WsPort": 9000, "WsPath": "/"}"#).warnings.map(\.message)
        == [#"WsPort is not open: that takes "Mode": "websocket", or "" for TcpPort and WsPort"#])
    #expect(parse(#"{"Mode": "tcp", "WsPort": 9000}"#).warnings.isEmpty)
  }

  @Test func `of the short form beside Listeners are an error that names both places`() {
    for (key, value, advice) in [
      ("Mode", #""tcp""#, "remove it"), ("WsPort", "1", #"make it a listener with "Transport": "websocket""#),
      ("WsPath", #""/""#, "make it the Path of a listener"),
    ] {
      let problems = Self.problems(#"{"Name": "a", "Address": "h:1"}"#, ",\n\"\(key)\": \(value)")
      #expect(
        problems == [
          "2:1 \(key), at line 2, column 1, and Listeners, at line 1, column 2, both say who listens where: \(advice)"
        ])
    }
  }

  @Test("that change are told by name, and nothing is told where only the form has changed")
  func changes() throws {
    func configuration(_ text: String) throws -> Configuration { try #require(parse(text).configuration) }
    let short = try configuration(#"{"Host": "127.0.0.1", "TcpPort": 1}"#)
    let same = try configuration(#"{"Listeners": [{"Name": "zinx", "Address": "127.0.0.1:1"}]}"#)
    #expect(Reload(current: short, proposed: same).applied == [])
    let more = try configuration(
      #"{"Listeners": [{"Name": "zinx", "Address": "127.0.0.1:2", "MaxConn": 3}, {"Name": "b", "Address": "unix:@b"}]}"#)
    let reload = Reload(current: short, proposed: more)
    #expect(
      reload.applied == [
        #"Listeners: "zinx" Address: "127.0.0.1:1" → "127.0.0.1:2", MaxConn: the general one → 3; "b" added at unix:@b"#
      ])
    #expect(reload.effective == more)
    #expect(Reload(current: more, proposed: short).applied.first?.hasPrefix(#"Listeners: "b" removed; "zinx" Address"#) == true)
  }
}
