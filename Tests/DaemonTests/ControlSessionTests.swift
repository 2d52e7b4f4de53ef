import Glibc
import Systemd
import Testing
import ZinxControl
import ZinxIO
import ZinxTestKit

@testable import ZinxConfig
@testable import ZinxDaemon

@Suite("The life of a client of the control socket")
struct ControlSessionTests {
  private static func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

  /// One that has been greeted, at second 0.
  private static func session() -> ControlSession {
    var session = ControlSession(greeting: "hello", at: at(0))
    _ = session.next(at: at(0))
    return session
  }

  private static let status = Array("{\"id\":1,\"command\":\"status\"}\n".utf8)

  @Test("begins with the word of the daemon, then waits")
  func greeting() {
    var session = ControlSession(greeting: "hello", at: Self.at(0))
    #expect(session.next(at: Self.at(0)) == .write("hello"))
    #expect(session.next(at: Self.at(0)) == .read(within: ControlSession.silentTime))
  }

  @Test("ends when nothing is asked at all for half a minute, whatever else is said")
  func silent() {
    var session = Self.session()
    #expect(session.next(at: Self.at(29)) == .read(within: .seconds(1)))
    session.received(Array("nonsense\n".utf8), at: Self.at(29))
    guard case .write = session.next(at: Self.at(29)) else { return #expect(Bool(false), "nonsense is answered") }
    #expect(session.next(at: Self.at(58)) == .read(within: .seconds(1)))
    #expect(session.next(at: Self.at(59)) == .end)
  }

  @Test("takes a request however it is cut", arguments: 1...29)
  func cut(piece: Int) {
    var session = Self.session()
    var rest = Self.status[...]
    while rest.count > piece {
      session.received(Array(rest.prefix(piece)), at: Self.at(1))
      rest = rest.dropFirst(piece)
      #expect(session.next(at: Self.at(1)) == .read(within: ControlSession.lineTime))
    }
    session.received(Array(rest), at: Self.at(2))
    #expect(session.next(at: Self.at(2)) == .perform(ControlRequest(id: 1, .status)))
    #expect(session.next(at: Self.at(2)) == .read(within: ControlSession.idleTime))
  }

  @Test("takes several one after the other, and answers empty lines as every other")
  func several() {
    var session = Self.session()
    session.received(Self.status + Array("\n \r\n".utf8) + Self.status, at: Self.at(1))
    #expect(session.next(at: Self.at(1)) == .perform(ControlRequest(id: 1, .status)))
    for place in [1, 3] {
      let answer = #"{"id":null,"error":{"code":"bad-line","message":"the line is no JSON: a value expected at byte \#(place)"}}"#
      #expect(session.next(at: Self.at(1)) == .write(answer))
    }
    #expect(session.next(at: Self.at(1)) == .perform(ControlRequest(id: 1, .status)))
    #expect(session.next(at: Self.at(1)) == .read(within: ControlSession.idleTime))
  }

  @Test("answers what is no request, and goes on")
  func fault() {
    var session = Self.session()
    session.received(Array("{\"id\":5,\"command\":\"fly\"}\n".utf8) + Self.status, at: Self.at(1))
    #expect(
      session.next(at: Self.at(1))
        == .write(#"{"id":5,"error":{"code":"bad-request","message":"there is no command \"fly\""}}"#))
    #expect(session.next(at: Self.at(1)) == .perform(ControlRequest(id: 1, .status)))
  }

  @Test(
    "ends when a line is longer than it may be, whether its end has come or not, even if it is empty", arguments: [true, false],
    [0x20, 0x78])
  func long(hasEnd: Bool, last: UInt8) {
    var session = Self.session()
    let line = [UInt8](repeating: 0x20, count: ControlProtocol.longestLine) + [last]
    session.received(hasEnd ? line + [0x0A] : line, at: Self.at(1))
    let answer = if case .write(let line) = session.next(at: Self.at(1)) { line } else { "" }
    #expect(answer.contains("the line is longer than 65536 bytes"))
    #expect(session.next(at: Self.at(1)) == .end)
  }

  @Test("ends when the rest of a line does not come, however slowly it trickles")
  func halfLine() {
    var session = Self.session()
    for second in 1..<11 { session.received([0x7B], at: Self.at(Int64(second))) }
    #expect(session.next(at: Self.at(10)) == .read(within: .seconds(1)))
    #expect(session.next(at: Self.at(11)) == .end)
  }

  @Test("ends when nothing is asked for a while, counted from the last answer")
  func idle() {
    var session = Self.session()
    session.received(Self.status, at: Self.at(20))
    _ = session.next(at: Self.at(20))
    session.answered(at: Self.at(70))
    #expect(session.next(at: Self.at(669)) == .read(within: .seconds(1)))
    #expect(session.next(at: Self.at(670)) == .end)
  }

  @Test("answers what was asked before the client's end, and drops half a line")
  func end() {
    var session = Self.session()
    session.received(Self.status + [0x7B], at: Self.at(1))
    session.ended()
    #expect(session.next(at: Self.at(1)) == .perform(ControlRequest(id: 1, .status)))
    #expect(session.next(at: Self.at(1)) == .end)
  }
}

@Suite("The places at the control socket")
struct ControlPlacesTests {
  private static func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

  /// The places, which an expectation cannot change by itself.
  private final class Held {
    private var places = ControlPlaces()

    func admit(isRoot: Bool, at now: Instant) -> ControlPlaces.Admission { places.admit(isRoot: isRoot, at: now) }
    func isServed(_ id: UInt64) -> Bool { places.isServed(id) }
    func isIdle(_ id: UInt64, at now: Instant) { places.isIdle(id, at: now) }
    func traces(_ id: UInt64) -> Bool { places.traces(id) }
    var isAnyServed: Bool { places.isAnyServed }
    func leave(_ id: UInt64) { places.leave(id) }
    func isEvicted(_ id: UInt64) -> Bool { places.isEvicted(id) }
  }

  /// Sixteen clients, who have come one after the other in the first second.
  private static func full() -> Held {
    let places = Held()
    for number in 1...ControlPlaces.limit {
      #expect(places.admit(isRoot: false, at: at(Double(number) / 100)) == .enter(UInt64(number)))
    }
    return places
  }

  @Test("are taken by who has been idle for the longest time last")
  func longestIdle() {
    let places = Self.full()
    #expect(places.isServed(1))
    places.isIdle(1, at: Self.at(5))
    #expect(places.admit(isRoot: false, at: Self.at(6)) == .replace(17, evicted: 2))
    #expect(places.isEvicted(2) && !places.isEvicted(1))
    #expect(!places.isServed(2))
    places.leave(2)
    #expect(places.admit(isRoot: false, at: Self.at(6)) == .replace(18, evicted: 3))
  }

  @Test("are left to who is served, or has only just come")
  func served() {
    let places = Self.full()
    #expect(places.admit(isRoot: false, at: Self.at(1)) == .refuse)
    for id in 1...UInt64(ControlPlaces.limit) { #expect(places.isServed(id)) }
    #expect(places.admit(isRoot: false, at: Self.at(100)) == .refuse)
    places.isIdle(7, at: Self.at(100))
    #expect(places.admit(isRoot: false, at: Self.at(100.5)) == .refuse)
    #expect(places.admit(isRoot: false, at: Self.at(101)) == .replace(17, evicted: 7))
  }

  @Test("there are more for root, who makes room for root alone")
  func root() {
    let places = Self.full()
    for id in 1...UInt64(ControlPlaces.limit) { #expect(places.isServed(id)) }
    for id in 17...UInt64(ControlPlaces.limitOfRoot) { #expect(places.admit(isRoot: true, at: Self.at(2)) == .enter(id)) }
    #expect(places.admit(isRoot: false, at: Self.at(9)) == .refuse)
    #expect(places.admit(isRoot: true, at: Self.at(9)) == .replace(21, evicted: 17))
    // Others go first, however long root has been idle.
    places.isIdle(3, at: Self.at(10))
    #expect(places.admit(isRoot: true, at: Self.at(11)) == .replace(22, evicted: 3))
  }

  @Test func `are not all for traces, however many want one`() {
    let places = Self.full()
    for id in 1...UInt64(ControlPlaces.limit) { #expect(places.isServed(id)) }
    for id in 1...UInt64(ControlPlaces.limit) { #expect(places.traces(id) == (id <= UInt64(ControlPlaces.limitOfTraces))) }
    // Those who may not are idle again, and make room.
    for id in UInt64(ControlPlaces.limitOfTraces + 1)...UInt64(ControlPlaces.limit) { places.isIdle(id, at: Self.at(5)) }
    #expect(places.admit(isRoot: false, at: Self.at(7)) == .replace(17, evicted: 13))
    places.isIdle(3, at: Self.at(8))
    #expect(places.isServed(17) && places.traces(17))
  }

  @Test func `say whether somebody waits for an answer`() {
    let places = Held()
    _ = places.admit(isRoot: false, at: Self.at(0))
    #expect(!places.isAnyServed)
    #expect(places.isServed(1) && places.isAnyServed)
    places.isIdle(1, at: Self.at(1))
    #expect(!places.isAnyServed)
  }

  @Test("are free again when their clients have gone, and so are the threads of those who had to go")
  func free() {
    let places = Self.full()
    places.leave(4)
    #expect(places.admit(isRoot: false, at: Self.at(0.2)) == .enter(17))
    for count in 1...ControlPlaces.limit {
      guard case .replace = places.admit(isRoot: false, at: Self.at(Double(count) * 2)) else { return #expect(Bool(false)) }
    }
    #expect(places.admit(isRoot: true, at: Self.at(100)) == .refuse)
    places.leave(1)
    guard case .enter = places.admit(isRoot: true, at: Self.at(100)) else { return #expect(Bool(false)) }
  }
}

@Suite("Who may enter the control socket")
struct ControlPeerTests {
  @Test("by our own socket root and the user of the service, by one that systemd has made whoever its file lets in")
  func access() {
    for (uid, isOwner) in [(0, true), (990, true), (1000, false), (nil, false)] as [(UInt32?, Bool)] {
      let peer = ControlPeer(uid: uid, pid: 7)
      #expect(peer.mayEnter(by: .owner, own: 990) == isOwner)
      #expect(peer.mayEnter(by: .file, own: 990))
    }
  }

  @Test("is told by uid and pid, as far as the namespaces show them")
  func text() {
    #expect("\(ControlPeer(uid: 0, pid: 7))" == "uid 0, pid 7")
    #expect("\(ControlPeer(uid: nil, pid: nil))" == "uid unknown, pid unknown")
  }
}

@Suite("Where the control socket is")
struct ControlPlaceTests {
  @Test("in the runtime directory, unless the file says where, or that there is none")
  func path() {
    #expect(ControlPlace.path(nil, runtimeDirectory: "/run/zinxd") == "/run/zinxd/control.sock")
    #expect(ControlPlace.path(nil, runtimeDirectory: nil) == nil)
    #expect(ControlPlace.path("/x/y", runtimeDirectory: "/run/zinxd") == "/x/y")
    #expect(ControlPlace.path("off", runtimeDirectory: "/run/zinxd") == nil)
  }

  @Test("and which passed sockets are for it: those of its name that have a file, unless a listener has that")
  func passed() throws {
    let folder = try TestFolder()
    let file = try ControlListener(path: folder.path + "/passed.sock").descriptor
    // Nobody's file says who may come in by a name without one.
    let nameless = try LocalListener().number
    defer { for descriptor in [file, nameless] { close(descriptor) } }
    var sockets = [("zinx", file), ("control", file), ("control", nameless)].map { ListenSocket(descriptor: $0.1, name: $0.0) }
    let kept = sockets
    #expect(ControlPlace.take(from: &sockets, listeners: ["control"]).isEmpty)
    #expect(sockets == kept)
    #expect(ControlPlace.take(from: &sockets, listeners: ["zinx"]).map(\.descriptor) == [file])
    #expect(sockets == [kept[0], kept[2]])
  }

  @Test("no option of listeners, frames or plugins is set by hand: each takes the whole file")
  func ofTheFile() throws {
    for key in Configuration.keysOfListeners + ["DataPack", "Plugins", "Custom"] {
      #expect(try !Reloader.isLive(#require(Option.named(key))), "\(key)")
    }
    #expect(try Reloader.isLive(#require(Option.named("MaxConn"))))
  }
}
