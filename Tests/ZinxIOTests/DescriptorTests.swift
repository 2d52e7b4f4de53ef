import Glibc
import Testing
import ZinxIO

/// High numbers, which no other test gets from the kernel by chance: it gives the lowest that is free.
@Suite("Descriptor", .serialized)
struct DescriptorTests {
  private static let high: Int32 = 900

  private func open(atLeast lowest: Int32 = high) -> Int32 {
    let low = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer { close(low) }
    return fcntl(low, F_DUPFD_CLOEXEC, lowest)
  }

  private func consume(_ descriptor: consuming Descriptor) {}

  @Test("it is closed at the end of its owner's scope")
  func closes() {
    let number = open()
    do {
      let descriptor = Descriptor(owning: number)
      #expect(isOpen(descriptor.number))
    }
    #expect(!isOpen(number))
  }

  @Test("it is closed where it is given away to, and only once: its number may be another's by then")
  func once() {
    let number = open()
    do {
      let descriptor = Descriptor(owning: number)
      consume(descriptor)
      #expect(!isOpen(number))
      #expect(open(atLeast: number) == number)
    }
    #expect(isOpen(number))
    close(number)
  }

  @Test("a released descriptor stays open for whoever took it")
  func release() {
    let number = open()
    do {
      let descriptor = Descriptor(owning: number)
      #expect(descriptor.release() == number)
    }
    #expect(isOpen(number))
    close(number)
  }

  @Test("what a system call returned is owned, and its failure is thrown with its name and reason")
  func fromCall() throws {
    let number = open()
    do {
      let descriptor = try Descriptor(number, from: "open")
      #expect(descriptor.number == number)
    }
    #expect(!isOpen(number))
    #expect(throws: SystemError("open", code: ENOENT)) {
      _ = try Descriptor(Glibc.open("/nonexistent/file", O_RDONLY), from: "open")
    }
  }

  @Test("a class that fails half-way through its descriptors closes those it has")
  func halfWay() {
    final class Owner {
      let first: Descriptor
      let second: Descriptor
      init(_ number: Int32) throws(SystemError) {
        first = Descriptor(owning: number)
        second = try Descriptor(-1, from: "second")
      }
    }
    let number = open()
    #expect(throws: SystemError.self) { _ = try Owner(number) }
    #expect(!isOpen(number))
  }
}
