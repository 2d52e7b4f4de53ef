import Glibc

/// Something that takes bytes from outside. A new one is a file beside the others and a row here; `run` and `.ci/run` find it by itself.
struct Target: Sendable {
  let name: String
  /// Bytes of the longest input that pays.
  let longestInput: Int
  /// Ends the process when something does not hold that must.
  let run: @Sendable (Input) -> Void

  static let all = [
    Target(name: "decoder", longestInput: 65536, run: fuzzDecoder),
    Target(name: "frames", longestInput: 4096, run: fuzzFrames),
    Target(name: "station", longestInput: 4096, run: fuzzStation),
    Target(name: "connection", longestInput: 4096, run: fuzzConnection),
    Target(name: "typed", longestInput: 4096, run: fuzzTyped),
    Target(name: "lookalike", longestInput: 4096, run: fuzzLookalike),
    Target(name: "proxy", longestInput: 20000, run: fuzzProxy),
    Target(name: "websocket", longestInput: 9000, run: fuzzWebSocket),
    Target(name: "tunnel", longestInput: 9000, run: fuzzTunnel),
    Target(name: "tls", longestInput: 2048, run: fuzzTLS),
    Target(name: "replies", longestInput: 4096, run: fuzzReplies),
    Target(name: "json", longestInput: 4096, run: fuzzJSON),
    Target(name: "configuration", longestInput: 4096, run: fuzzConfiguration),
    Target(name: "networks", longestInput: 2048, run: fuzzNetworks),
    Target(name: "subjects", longestInput: 2048, run: fuzzSubjects),
    Target(name: "control", longestInput: 4096, run: fuzzControl),
    Target(name: "state", longestInput: 4096, run: fuzzState),
    Target(name: "http", longestInput: 4096, run: fuzzHTTP),
    Target(name: "environment", longestInput: 2048, run: fuzzEnvironment),
    Target(name: "log", longestInput: 2048, run: fuzzLog),
    Target(name: "text", longestInput: 2048, run: fuzzText),
  ]
}

/// Ends the process, so that libFuzzer keeps the input, unless `condition` holds. Unlike `precondition` it says why in an optimised
/// build too.
func require(_ condition: Bool, _ promise: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line) {
  guard !condition else { return }
  let text = "\(file):\(line): does not hold: \(promise())\n"
  _ = write(STDERR_FILENO, text, text.utf8.count)
  abort()
}
