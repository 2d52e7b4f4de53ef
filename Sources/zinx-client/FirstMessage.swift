import ArgumentParser

/// What is sent before anything else, `ID:TEXT`: for servers that want to know who somebody is.
struct FirstMessage: ExpressibleByArgument, Equatable {
  let id: UInt32
  let data: [UInt8]

  init?(argument: String) {
    let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let id = UInt32(parts[0]) else { return nil }
    self.id = id
    data = parts.count > 1 ? Array(parts[1].utf8) : []
  }
}
