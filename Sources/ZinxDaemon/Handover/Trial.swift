import CLinux
import Glibc
import ZinxIO

/// A program is asked whether it can take over, beside the one that runs: it is started with `--check-handover` and the state on descriptor
/// 3, says why not, and ends. Its status is the verdict: 0 or anything else.
struct Trial {
  /// For a program that hangs.
  static let patience = Duration.seconds(10)
  /// Bytes of what it says that are kept.
  private static let longestWord = 16 << 10

  let program: Successor
  /// Those of this program, its name first.
  let arguments: [String]

  /// Returns what it has said. Blocks until it has ended, or its time is over.
  ///
  /// Throws: ``UpgradeRefused`` with its reasons.
  func run(_ state: borrowing Descriptor) throws(UpgradeRefused) -> [String] {
    var ends: [Int32] = [-1, -1]
    // A pair of sockets, since a sandbox may well forbid pipes.
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw UpgradeRefused("the program cannot be tried: \(SystemError("socketpair"))")
    }
    let words = Descriptor(owning: ends[0])
    let child: pid_t
    do throws(UpgradeRefused) { child = try spawn(state.number, ends[1]) } catch {
      _ = Glibc.close(ends[1])
      throw error
    }
    _ = Glibc.close(ends[1])
    let (text, isOver) = listen(words.number)
    if !isOver { kill(child, SIGKILL) }
    var status: Int32 = 0
    _ = retryingOnInterrupt { Int(waitpid(child, &status, 0)) }
    let lines = text.split(separator: "\n").map(String.init)
    guard isOver else { throw refused("has not said within \(Self.patience) whether it can take over", lines) }
    guard status & 0x7f == 0 else { throw refused("was ended by signal \(status & 0x7f)", lines) }
    let code = status >> 8 & 0xff
    guard code == 0 else { throw refused("says no, with status \(code)", lines) }
    return lines
  }

  private func refused(_ what: String, _ lines: [String]) -> UpgradeRefused {
    UpgradeRefused(lines: ["\(program.path) \(what)"] + lines)
  }

  private func spawn(_ state: Int32, _ words: Int32) throws(UpgradeRefused) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // In this order: the state may have any number, and so may the words.
    posix_spawn_file_actions_adddup2(&actions, words, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, words, STDERR_FILENO)
    posix_spawn_file_actions_adddup2(&actions, state, Inheritance.trialDescriptor)
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var (all, none) = (sigset_t(), sigset_t())
    sigfillset(&all)
    sigemptyset(&none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    var child: pid_t = 0
    let code = withCStrings(arguments + ["--check-handover"]) {
      posix_spawn(&child, program.path, &actions, &attributes, $0, environ)
    }
    guard code == 0 else {
      throw UpgradeRefused("\(program.path) cannot be started: \(SystemError("posix_spawn", code: code).reason)")
    }
    return child
  }

  /// All that it says until it ends, as far as it is kept; false when the time is over before.
  private func listen(_ words: Int32) -> (String, Bool) {
    let deadline = ContinuousClock.now + Self.patience
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let left = deadline - .now
      guard left > .zero else { return (String(decoding: text, as: UTF8.self), false) }
      var entry = pollfd(fd: words, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, Int32(clamping: Int64(left / .milliseconds(1)) + 1)) > 0 else { continue }
      let count = retryingOnInterrupt { read(words, &buffer, buffer.count) }
      guard count > 0 else { return (String(decoding: text, as: UTF8.self), true) }
      if text.count < Self.longestWord { text += buffer[..<count] }
    }
  }
}

/// Texts as exec(3) wants them, for as long as `body` runs.
func withCStrings<Result>(_ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result) -> Result {
  var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
  pointers.append(nil)
  defer { for pointer in pointers { free(pointer) } }
  return pointers.withUnsafeBufferPointer { buffer in
    // It has an element at least.
    buffer.baseAddress.map(body) ?? body([nil])
  }
}
