import Testing

@testable import ZinxNats

@Suite("A subject that reaches a node")
struct PushTests {
  private let names = PushSubjects(prefix: "zinx", node: "n.1")

  @Test(arguments: [
    ("zinx.all", Push(.all, .send)), ("zinx.all.close", Push(.all, .close)),
    ("zinx.user.u42", Push(.user("u42"), .send)), ("zinx.user.a%2Eb.join", Push(.user("a.b"), .join)),
    ("zinx.user.close", Push(.user("close"), .send)), ("zinx.user.u.replaced", Push(.user("u"), .replaced)),
    ("zinx.group.room.leave", Push(.group("room"), .leave)), ("zinx.group.%2A", Push(.group("*"), .send)),
    ("zinx.conn.n%2E1.7", Push(.connection(7), .send)), ("zinx.conn.n%2E1.7.bind", Push(.connection(7), .bind)),
    ("zinx.conn.n%2E1.18446744073709551615.close", Push(.connection(.max), .close)),
  ])
  func `says to whom and what`(subject: String, push: Push) {
    #expect(Push(subject, names) == push)
  }

  @Test(arguments: [
    "", "zinx", "zinx.", "zinx.all.send", "zinx.all.x", "zinx.all.close.x", "zinx.all.bind", "zinx.user", "zinx.user.",
    "zinx.user..close",
    "zinx.user.a b", "zinx.user.%41", "zinx.user.u.bind", "zinx.group.g.replaced", "zinx.conn.n%2E1", "zinx.conn.other.7",
    "zinx.conn.n.1.7", "zinx.conn.n%2E1.x", "zinx.conn.n%2E1.+7", "zinx.conn.n%2E1.-1", "zinx.conn.n%2E1.18446744073709551616",
    "zinx.conn.n%2E1.", "zinxx.all", "other.all", "zinx.event.connected", "ZINX.all", "zinx.ALL",
  ])
  func `is nothing else`(subject: String) {
    #expect(Push(subject, names) == nil)
  }

  @Test func `of a name is one that is read back`() {
    for name in ["u42", "a.b", "*", ">", "a b", "é", "\u{0}"] {
      #expect(Push(names.user(name), names) == Push(.user(name), .send))
      #expect(Push(names.group(name), names) == Push(.group(name), .send))
    }
  }
}

@Suite("The subjects of a node")
struct SubscriptionSetTests {
  @Test func `are subscribed to once, and no more than may be`() {
    var set = SubscriptionSet(limit: 2)
    #expect(set.set("a", true) == .subscribe)
    #expect(set.set("a", true) == .nothing)
    #expect(set.set("b", true) == .subscribe)
    #expect(set.set("c", true) == .refused)
    #expect(set.set("c", false) == .nothing)
    #expect(set.set("a", false) == .unsubscribe)
    #expect(set.set("c", true) == .subscribe)
    #expect(set.subjects == ["b", "c"])
  }
}
