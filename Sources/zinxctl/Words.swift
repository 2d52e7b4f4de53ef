/// Numbers in sentences.
enum Words {
  static func connections(_ count: Int64) -> String { count == 1 ? "1 connection" : "\(count) connections" }
}
