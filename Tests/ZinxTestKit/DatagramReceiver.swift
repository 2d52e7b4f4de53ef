import Glibc
import Synchronization

/// Receives datagrams on an AF_UNIX address of its own, at a path in a new folder or in the abstract namespace.
public final class DatagramReceiver: Sendable {
  /// What a datagram brought.
  public struct Datagram: Sendable {
    public var bytes: [UInt8]
    /// An open file that was passed, as the bytes in it.
    public var file: [UInt8]?
  }

  /// A call of the fake itself failed.
  public struct Failure: Error {
    public var call: String
    public var code: Int32
  }

  /// An absolute path, or an abstract name with a leading `@`.
  public let address: String

  private let folder: String?
  private let descriptor: Mutex<Int32>
  private static let number = Atomic<Int>(0)

  public init(abstract: Bool = false) throws {
    if abstract {
      folder = nil
      address = "@zinx-test-\(getpid())-\(Self.number.add(1, ordering: .relaxed).newValue)"
    } else {
      let made = try Self.makeFolder()
      folder = made
      address = made + "/socket"
    }
    descriptor = Mutex(try Self.listen(at: address))
  }

  deinit {
    close(descriptor.withLock { $0 })
    guard let folder else { return }
    unlink(address)
    rmdir(folder)
  }

  /// Goes away and comes back at the same address, as a receiver that is restarted; what was not read is lost.
  public func restart() throws {
    stop()
    try start()
  }

  /// Goes away.
  public func stop() {
    _ = descriptor.withLock { close($0) }
    if folder != nil { unlink(address) }
  }

  /// Comes back after ``stop()``.
  public func start() throws {
    let fresh = try Self.listen(at: address)
    descriptor.withLock { $0 = fresh }
  }

  /// The next datagram, for which it waits; `nil` if none comes.
  public func next(timeoutMilliseconds: Int32 = 10_000) -> Datagram? {
    let descriptor = descriptor.withLock { $0 }
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, timeoutMilliseconds) == 1 else { return nil }
    return Self.receive(from: descriptor)
  }

  private static func receive(from descriptor: Int32) -> Datagram? {
    var bytes = [UInt8](repeating: 0, count: 1 << 18)
    var control = [UInt](repeating: 0, count: 8)
    let (count, passed) = bytes.withUnsafeMutableBytes { data in
      control.withUnsafeMutableBytes { control -> (Int, Int32?) in
        var vector = iovec(iov_base: data.baseAddress, iov_len: data.count)
        return withUnsafeMutablePointer(to: &vector) { vector in
          var message = msghdr()
          message.msg_iov = vector
          message.msg_iovlen = 1
          message.msg_control = control.baseAddress
          message.msg_controllen = control.count
          let count = recvmsg(descriptor, &message, 0)
          // A single SCM_RIGHTS: a header of two words, then the descriptor (cmsg(3)).
          let hasDescriptor = message.msg_controllen >= 2 * MemoryLayout<UInt>.size + MemoryLayout<Int32>.size
          return (count, hasDescriptor ? control.load(fromByteOffset: 2 * MemoryLayout<UInt>.size, as: Int32.self) : nil)
        }
      }
    }
    if count < 0 { return nil }
    return Datagram(bytes: Array(bytes.prefix(count)), file: passed.map(contents))
  }

  private static func contents(of file: Int32) -> [UInt8] {
    defer { close(file) }
    lseek(file, 0, SEEK_SET)
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(file, &chunk, chunk.count)
      if count <= 0 { return all }
      all += chunk.prefix(count)
    }
  }

  private static func makeFolder() throws -> String {
    var template = Array("/tmp/zinx-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure(call: "mkdtemp", code: errno) }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func listen(at address: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure(call: "socket", code: errno) }
    var place = sockaddr_un()
    place.sun_family = sa_family_t(AF_UNIX)
    let isAbstract = address.hasPrefix("@")
    let name = Array(isAbstract ? [0] + address.utf8.dropFirst() : address.utf8 + [0])
    withUnsafeMutableBytes(of: &place.sun_path) { $0.copyBytes(from: name.prefix($0.count)) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
    let result = withUnsafePointer(to: &place) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
    }
    guard result == 0 else {
      let code = errno
      close(descriptor)
      throw Failure(call: "bind", code: code)
    }
    return descriptor
  }
}
