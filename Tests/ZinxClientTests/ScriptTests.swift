import ArgumentParser
import NIOCore
import Testing
import Zinx
import ZinxTestKit

@testable import zinx_client

@Suite("A script")
struct ScriptTests {
  private func steps(_ text: String, _ variables: Set<String> = []) throws -> [Script.Step] {
    try Script(text, variables: variables).steps
  }

  private func mistakes(_ text: String, _ variables: Set<String> = []) -> [String] {
    do throws(Script.Mistakes) {
      _ = try Script(text, variables: variables)
      return []
    } catch { return error.lines.map { "\($0.line): \($0.text)" } }
  }

  @Test func `has a step a line, of a connection with or without a name`() throws {
    let text = """
      # A comment, and an empty line.

      send 10 a b
      \tother:  expect 11 \t
      connect
      x2: silence 0.5 7
      silence 1
      timeout 2
      close\r
      """
    let expected: [Script.Step] = [
      .init(line: 3, connection: "", action: .send(10, try ScriptPattern("a b"))),
      .init(line: 4, connection: "other", action: .expect(11, nil)), .init(line: 5, connection: "", action: .connect),
      .init(line: 6, connection: "x2", action: .silence(.milliseconds(500), 7)),
      .init(line: 7, connection: "", action: .silence(.seconds(1), nil)),
      .init(line: 8, connection: "", action: .timeout(.seconds(2))), .init(line: 9, connection: "", action: .close),
    ]
    #expect(try steps(text) == expected)
  }

  @Test(arguments: [
    ("send 1 hello  ", "hello"), (#"send 1 " x ""#, " x "), (#"send 1 """#, ""), ("send 1", ""), (#"send 1 a"b"#, "a\"b"),
    (#"send 1 a\n\t\r\\\"\$\?\x41"#, "a\n\t\r\\\"$?A"), (#"send 1 "a\"b\\""#, "a\"b\\"), ("send-hex 1 41 42:43", "ABC"),
    ("send-hex 1", ""),
  ])
  func `has the data behind the id, in quotation marks or not`(line: String, data: String) throws {
    guard case .send(1, let pattern)? = try steps(line).first?.action else {
      Issue.record("no send")
      return
    }
    #expect(pattern.filled([:]) == Array(data.utf8))
  }

  @Test(arguments: [
    ("sned 1 x", "sned: a step is connect, send,"), ("send", "the id of a message is a whole number from 0 to 4294967295"),
    ("send 4294967296 x", "the id of a message"), ("send-hex 1 abc", "the data is pairs of the digits"),
    (#"send 1 "x"#, "text that begins with a quotation mark"), (#"send 1 "x\""#, "text that begins with a quotation mark"),
    (#"send 1 "a" b"#, "text that begins with a quotation mark"), (#"send 1 \q"#, #"behind \ there is"#),
    (#"send 1 \x4"#, #"behind \ there is"#),
    ("send 1 ${a", "${ has no }"), ("send 1 ${a b}", "a variable has a name of letters, digits and _, as in ${name}"),
    ("send 1 ${a}", "there is no variable a yet: set it above, with --set a=…, or take it with ?{a}"),
    ("send 1 ?{a}", "?{…} is for what is expected"),
    ("set a ?{b}", "?{…} is for what is expected"), ("set", "set has a name"),
    ("sleep x", "a time is a number of seconds from 0.001 to 3600"),
    ("sleep 3601", "a time is"), ("silence 0", "a time is"), ("silence nan", "a time is"),
    ("close 1", "1: there is something behind the end"),
    ("", "there is no step"), ("# x", "there is no step"), ("a:", ": a step is"),
  ])
  func `that is wrong is told with the line`(text: String, mistake: String) {
    let found = mistakes(text)
    #expect(found.count == 1 && found.first?.hasPrefix("1: \(mistake)") == true, "\(found)")
  }

  @Test func `may have the line ends of other systems, which are no part of its data`() throws {
    #expect(try steps("send 1 a\r\n\r\nsend 1 \"b \"\r\n") == steps("send 1 a\n\nsend 1 \"b \"\n"))
    // What ends a line elsewhere ends none here.
    #expect(try steps("send 1 a\u{2028}b\u{b}c\u{85}d").count == 1)
  }

  @Test(
    arguments: [
      ([0xEF, 0xBB, 0xBF] + Array("close".utf8), "1:1 there is a byte order mark: save the file as UTF-8 without one"),
      (Array("close\nsend 1 \u{fc}".utf8) + [0xFF], #"2:10 the byte ff is no UTF-8: write \xff for it in the data"#),
      (Array("send 1 ".utf8) + [0xC3], #"1:8 the byte c3 is no UTF-8: write \xc3 for it in the data"#),
      (Array("close\r\nsend 1 a\rclose\n".utf8), #"2:9 there is a CR that ends no line: write \r for one in the data"#),
      (Array("close\r\r\n".utf8), #"1:6 there is a CR that ends no line: write \r for one in the data"#),
    ] as [([UInt8], String)])
  func `that is no plain text has the byte told with line and column`(bytes: [UInt8], expected: String) {
    do throws(Script.Mistakes) {
      _ = try Script(bytes, variables: [])
      Issue.record("accepted")
    } catch {
      #expect(error.lines.map { "\($0.line):\($0.column ?? 0) \($0.text)" } == [expected])
    }
  }

  @Test func `has all its mistakes told at once`() {
    #expect(mistakes("send x\nsend 1\nsend 1 ${a}\nsleep").map { $0.prefix(2) } == ["1:", "3:", "4:"])
  }

  @Test func `knows variables from the lines above, and those that it was given`() {
    #expect(mistakes("set a 1\nsend 1 ${a}\nexpect 1 ?{b} ?{}\nsend 2 ${b}${c}", ["c"]).isEmpty)
    #expect(mistakes("send 1 ${a}\nset a 1").count == 1)
    #expect(mistakes("set a ${a}").count == 1)
  }
}

@Suite("What a script expects")
struct ScriptPatternTests {
  private func match(_ pattern: String, _ data: String, _ variables: [String: String] = [:]) throws -> [String: String]? {
    try ScriptPattern(pattern[...]).match(Array(data.utf8), variables.mapValues { Array($0.utf8) })?.mapValues {
      String(decoding: $0, as: UTF8.self)
    }
  }

  @Test(arguments: [
    ("abc", "abc", [:]), ("", "", [:]), ("?{}", "anything", [:]), ("?{a}", "", ["a": ""]), ("?{a}", "x y", ["a": "x y"]),
    ("hello ?{name}", "hello bob", ["name": "bob"]), ("?{a}-?{b}", "1-2-3", ["a": "1", "b": "2-3"]),
    ("?{a}.", "a.b.", ["a": "a.b"]),
    ("<?{a}>", "<x>y>", ["a": "x>y"]), ("?{a}${v}?{b}", "1 is 2", ["a": "1", "b": "2"]),
    ("?{a}?{b}", "xy", ["a": "", "b": "xy"]),
    ("[?{}]?{b}", "[skipped]kept", ["b": "kept"]), ("?{a},?{b}!", "1,2!3!", ["a": "1", "b": "2!3"]),
    ("?{a}-${v}", "x-1- is ", ["a": "x-1"]), ("?{a}-${v}?{b}", "x-1- is y", ["a": "x-1", "b": "y"]),
    ("?{a}-${v}-${v}.", "x- is - is - is .", ["a": "x- is "]), ("${v}${v}?{a}${v}", " is  is  is ", ["a": ""]),
    ("?{a}${none}?{b}", "xy", ["a": "", "b": "xy"]), ("?{a}aab?{b}c", "aaabaabcc", ["a": "a", "b": "aabc"]),
  ])
  func `fits, and takes what is there`(pattern: String, data: String, expected: [String: String]) throws {
    #expect(try match(pattern, data, ["v": " is "]) == expected)
  }

  @Test(arguments: [
    ("abc", "abcd"), ("abc", "ab"), ("", "x"), ("x", ""), ("hello ?{a}", "hullo x"), ("?{a}!", "x"), ("?{a}-?{b}", "12"),
    ("a${v}", "a"),
    ("?{a}ab", "a"), ("<?{a}>", "<x>y"), ("?{a}-${v}", "x-1"), ("aa?{a}aa", "aaa"), ("${v}?{a}${v}", "!"),
  ])
  func `does not fit`(pattern: String, data: String) throws {
    #expect(try match(pattern, data, ["v": "!"]) == nil)
  }

  /// What fits, by trying every place.
  private static func fits(_ pattern: ArraySlice<UInt8>, _ data: ArraySlice<UInt8>) -> Bool {
    guard let first = pattern.first else { return data.isEmpty }
    let rest = pattern.dropFirst()
    guard first == UInt8(ascii: "?") else { return data.first == first && fits(rest, data.dropFirst()) }
    return (data.startIndex...data.endIndex).contains { fits(rest, data[$0...]) }
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func `fits where any way of taking does, at random`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<300 {
      func letters(_ most: Int, of letters: String) -> [UInt8] {
        (0..<Int.random(in: 0...most, using: &random)).map { _ in Array(letters.utf8).randomElement(using: &random) ?? 0 }
      }
      let (pattern, data) = (letters(7, of: "ab?"), letters(9, of: "ab"))
      let text = String(decoding: pattern, as: UTF8.self).replacing("?", with: "?{}")
      #expect(try (match(text, String(decoding: data, as: UTF8.self)) != nil) == Self.fits(pattern[...], data[...]), "\(text)")
    }
  }

  static let shown = [
    "plain", "a\u{1b}[2Jb\u{7}\n\t\r", #"\n \x41 \"#, "${name} ?{name} ?{} $ ? {}", "\u{202e}gpj\u{200b}", "\\\u{301}n\u{301}",
    "\u{d4e}\\",
    "\"quoted\"", "\u{2028}line", "é\0",
  ]

  @Test(arguments: shown)
  func `is what is printed of a text, written back`(text: String) throws {
    let line = Bytes.text(text).oneLine()
    #expect(try ScriptPattern(line[...]).filled(["name": [7]]) == Array(text.utf8), "\(line)")
  }

  @Test func `takes bytes that are no text`() throws {
    #expect(try ScriptPattern(#"\xff?{a}"#).match([0xff, 0xfe, 0], [:]) == ["a": [0xfe, 0]])
  }
}

/// Sessions over real sockets, with a server that logs in with id 10, tells the others under id 20, and ends a connection at id 11.
@Suite("A session of a script", .timeLimit(.minutes(1)))
struct ScriptSessionTests {
  private static func run(_ text: String, _ options: [String] = []) async throws -> (
    failure: ScriptSession.Failure?, told: [String]
  ) {
    var configuration = ServerConfiguration()
    (configuration.host, configuration.port, configuration.ioThreads, configuration.workerPoolSize) = ("127.0.0.1", 0, 1, 0)
    let server = try Server(
      configuration,
      register: { routes in
        routes.onConnStart { try await $0.sendBuffMsg(2, ByteBuffer(string: "hello")) }
        routes.route(10) { try $0.reply("welcome \(String(buffer: $0.data)), no \($0.connection.id)") }
        routes.route(20) { try await $0.connection.connManager.broadcast($0.id, $0.data) }
        routes.route(11) { $0.connection.stop() }
      })
    try await server.start()
    let told = Recorder<String>()
    let result = try await hold(text, ["--port", "\(server.addresses.first?.port ?? 0)"] + options, told)
    await server.drain(timeout: .seconds(5))
    return (result, told.all)
  }

  private static func hold(_ text: String, _ options: [String], _ told: Recorder<String>) async throws -> ScriptSession.Failure? {
    let script = try Script(text, variables: ["session"])
    let session = ScriptSession(script, try ServerOptions.parse(options), ["session": "7"]) { event, message, step in
      told.append("\(step.line) \(event) \(message?.summary ?? "")")
    }
    do throws(ScriptSession.Failure) { try await session.run() } catch { return error }
    return nil
  }

  @Test func `sends, expects, and carries variables from one connection to another`() async throws {
    let text = """
      expect 2 hello
      other: expect 2
      send 10 bob-${session}
      expect 10 welcome ?{name}, no ?{}
      send 20 "I am ${name}"
      other: expect 20 I am bob-7
      expect 20
      other: send 11
      other: expect-end
      other: expect 2 hello
      silence 0.01 20
      silence 0.01
      close
      """
    let (failure, told) = try await Self.run(text)
    #expect(failure == nil, "\(failure?.line ?? 0): \(failure?.text ?? "")")
    #expect(told.contains("6 message id=20 10 bytes: I am bob-7") && told.contains("3 sent id=10 5 bytes: bob-7"))
  }

  @Test(arguments: [
    ("expect 2 hullo", 1, "expected hullo, but came id=2 5 bytes: hello"),
    ("send 10 x\nexpect 10 welcome ?{a};", 2, "expected what fits, but came id=10 15 bytes: welcome x, no 0"),
    ("timeout 0.01\nexpect 2\nexpect 3", 3, "no message with id 3 within 0.01 seconds; nothing else came"),
    ("expect 2\nsend 20 x\ntimeout 0.05\nexpect 3", 4, "no message with id 3 within 0.05 seconds; what came: id=20 1 byte: x"),
    ("send 11\nexpect 3", 2, "no message with id 3: the server has ended the connection; what came: id=2 5 bytes: hello"),
    ("silence 5 2", 1, "expected nothing, but came id=2 5 bytes: hello"),
    ("timeout 0.01\nexpect-end", 2, "the server has not ended the connection within 0.01 seconds"),
  ])
  func `ends at the first step that fails, with its line and what came instead`(text: String, line: Int, words: String)
    async throws
  {
    let (failure, _) = try await Self.run(text)
    #expect(failure?.line == line && failure?.text == words, "\(failure?.text ?? "")")
  }

  @Test func `says something first on each of its connections, and waits for the answer`() async throws {
    let text = "send 20 x\nexpect 20\nother: send 20 y\nother: expect 20 y\nexpect 20 y\nsilence 0.01 10"
    let (failure, _) = try await Self.run(text, ["--first", "10:token", "--first-reply", "10"])
    #expect(failure == nil, "\(failure?.text ?? "")")
    let (unanswered, _) = try await Self.run("connect", ["--first", "10:token", "--first-reply", "12", "--timeout", "0.05"])
    // The server is there: this is a reply that is missing, as any other.
    #expect(unanswered?.status == nil && unanswered?.text.contains("cannot connect") == false)
    #expect(
      unanswered?.text.hasSuffix(
        ": --first, id 10: no message with id 12 within 0.05 seconds. Does the server answer it so? See --first, --first-reply and --pack."
      ) == true, "\(unanswered?.text ?? "")")
  }

  @Test(arguments: ["connect", "close"])
  func `waits no longer than its own timeout for the connection, the first reply and the close`(step: String) async throws {
    let silent = try FakeServer()
    let options = ["--port", "\(silent.port)", "--timeout", "50"]
    let first = ["--first", "10:token", "--first-reply", "12"]
    let start = ContinuousClock.now
    let script = step == "connect" ? "timeout 0.05\nconnect" : "connect\ntimeout 0.05\nclose"
    let failure = try await Self.hold(script, step == "connect" ? options + first : options, Recorder<String>())
    #expect((failure?.text.contains("no message with id 12 within 0.05 seconds") == true) == (step == "connect"))
    // Of fifty.
    #expect(ContinuousClock.now - start < .seconds(25))
    withExtendedLifetime(silent) {}
  }

  @Test func `that reaches nobody says where it tried`() async throws {
    let free = try FakeServer().port
    let failure = try await Self.hold("\nconnect", ["--port", "\(free)"], Recorder<String>())
    #expect(
      failure?.line == 2 && failure?.status == Failure.unavailable
        && failure?.text.contains("cannot connect to 127.0.0.1:\(free)") == true)
  }
}
