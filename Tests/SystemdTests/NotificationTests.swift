import Systemd
import Testing

@Suite struct NotificationTests {
  @Test("the plain notifications are one assignment each")
  func plain() {
    #expect(Notification.ready.text == "READY=1")
    #expect(Notification.stopping.text == "STOPPING=1")
    #expect(Notification.watchdog.text == "WATCHDOG=1")
    #expect(Notification.errno(98).text == "ERRNO=98")
  }

  @Test("a reload carries its time in the same datagram")
  func reloading() {
    #expect(Notification.reloading(monotonicMicroseconds: .max).text == "RELOADING=1\nMONOTONIC_USEC=18446744073709551615")
  }

  @Test("notifications combine in the order given")
  func combined() {
    let text = Notification.stopping.with(.status("Draining: 3 connections left")).with(.extendTimeout(.seconds(5))).text
    #expect(text == "STOPPING=1\nSTATUS=Draining: 3 connections left\nEXTEND_TIMEOUT_USEC=5000000")
  }

  @Test(
    "a status cannot begin another assignment",
    arguments: [
      ("a\nREADY=1", "a READY=1"), ("a\r\nb", "a b"), ("a\0b", "a b"), ("tab\there", "tab here"), ("a\u{85}b", "a b"), ("", ""),
      ("3/12000 connections", "3/12000 connections"), ("é🙂", "é🙂"),
    ])
  func status(text: String, shown: String) {
    #expect(Notification.status(text).text == "STATUS=\(shown)")
  }

  @Test("a status that is too long is cut between characters")
  func longStatus() {
    let family = "👨‍👩‍👧‍👦"
    let text = Notification.status(String(repeating: family, count: 100)).text
    let fits = Notification.maximumStatusBytes / family.utf8.count
    #expect(text == "STATUS=" + String(repeating: family, count: fits))
  }

  @Test(
    "an extension is in microseconds, and at least one",
    arguments: [
      (Duration.seconds(30), "30000000"), (.milliseconds(1), "1000"), (.nanoseconds(1), "1"), (.zero, "1"), (.seconds(-5), "1"),
      (.seconds(Int64.max), "9223372036854775807"),
    ])
  func extending(time: Duration, microseconds: String) {
    #expect(Notification.extendTimeout(time).text == "EXTEND_TIMEOUT_USEC=\(microseconds)")
  }
}
