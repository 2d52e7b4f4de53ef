import CSystemd
import Glibc

/// Starts a thread that runs `body` and ends with it; nobody joins it. `name` is for ps(1); the kernel keeps 15 bytes.
///
/// It gets no signals, so that a SIGPIPE from a closed standard error is an error of that write and ends nothing.
func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
  // A new thread inherits the mask, so it is set before there is one and not in it, where a signal might come first.
  var all = sigset_t()
  var before = sigset_t()
  sigfillset(&all)
  pthread_sigmask(SIG_SETMASK, &all, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }

  // The thread takes over this reference, or we take it back below.
  let start = Unmanaged.passRetained(ThreadStart(name: name, body: body))
  var thread = pthread_t()
  let code = pthread_create(&thread, nil, runThread, start.toOpaque())
  guard code == 0 else {
    start.release()
    throw SystemCallError("pthread_create", code: code)
  }
  pthread_detach(thread)
}

private final class ThreadStart: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  // The counterpart of passRetained in startThread, which passes nothing else.
  let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
  pthread_setname_np(pthread_self(), start.name)
  start.body()
  return nil
}
