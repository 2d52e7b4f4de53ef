/// What is sent on a connection before anything else, `ID:TEXT`: for servers that want to know who somebody is. An option of commands.
package struct FirstMessage: Sendable, Equatable {
  package let id: UInt32
  package let data: [UInt8]

  package init?(argument: String) {
    let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let id = UInt32(parts[0]) else { return nil }
    self.id = id
    data = parts.count > 1 ? Array(parts[1].utf8) : []
  }
}
