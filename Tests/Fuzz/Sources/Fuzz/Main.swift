import Glibc
import Synchronization

/// Runs one target under libFuzzer. `FUZZ_TARGET` names it, and not an argument, because libFuzzer starts the program anew with its own
/// arguments when it merges a corpus.
@main
struct Fuzz {
  private static let executions = Atomic<UInt64>(0)
  private static let bytes = Atomic<UInt64>(0)
  private static let name = getenv("FUZZ_TARGET").map { String(cString: $0) }
  private static let target = Target.all.first { $0.name == name }

  static func main() {
    // The daemon that is linked, and not run, holds its signals for its own main.
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_UNBLOCK, &all, nil)
    guard target != nil else {
      print(Target.all.map { "\($0.name) \($0.longestInput)" }.joined(separator: "\n"))
      exit(name == nil ? EXIT_SUCCESS : EXIT_FAILURE)
    }
    // The total, which libFuzzer does not print: it knows the number of runs only.
    atexit {
      let (runs, total) = (Fuzz.executions.load(ordering: .relaxed), Fuzz.bytes.load(ordering: .relaxed))
      print("stat::bytes_executed: \(total) in \(runs) runs")
    }
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
    exit(runDriver(&count, &arguments) { Fuzz.run($0, $1) })
  }

  private static func run(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    executions.wrappingAdd(1, ordering: .relaxed)
    bytes.wrappingAdd(UInt64(count), ordering: .relaxed)
    target?.run(Input(UnsafeRawBufferPointer(start: start, count: count)))
    return 0
  }
}

/// libFuzzer's main loop (FuzzerInterface.h): mutates inputs and calls back with each.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ run: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt
