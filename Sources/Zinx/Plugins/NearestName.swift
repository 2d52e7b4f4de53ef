/// The candidate that whoever wrote `name` most likely meant, or nil when none is close enough to be worth naming.
///
/// Close means few typing slips (one for each three characters of the longer name), without regard to case; failing that, the
/// only candidate that contains the name or is contained in it, so that `Port` finds `TcpPort` and `MaxConnections` finds `MaxConn`.
package func nearestName(to name: String, among candidates: some Sequence<String>) -> String? {
  let folded = Array(asciiLowercased(name).unicodeScalars)
  var nearest: (name: String, distance: Int)?
  var related: [String] = []
  for candidate in candidates {
    let other = Array(asciiLowercased(candidate).unicodeScalars)
    let limit = max(folded.count, other.count) / 3
    // The check of lengths also keeps the work small when the name is absurdly long.
    if abs(folded.count - other.count) <= limit {
      let distance = editDistance(folded, other)
      if distance <= limit, distance < nearest?.distance ?? Int.max { nearest = (candidate, distance) }
    }
    if contains(folded, other) || contains(other, folded) { related.append(candidate) }
  }
  return nearest?.name ?? (related.count == 1 ? related.first : nil)
}

/// Lower case for ASCII only, which is how keys are compared.
package func asciiLowercased(_ text: String) -> String {
  var folded = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    folded.append(("A"..."Z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar)
  }
  return String(folded)
}

/// Insertions, deletions, substitutions and swaps of neighbours that lead from one name to the other, no place edited twice
/// (Damerau–Levenshtein, restricted form).
func editDistance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
  var beforePrevious: [Int] = []
  var previous = Array(0...b.count)
  for i in a.indices {
    var current = [i + 1]
    for j in b.indices {
      var best = min(current[j] + 1, previous[j + 1] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, beforePrevious[j - 1] + 1) }
      current.append(best)
    }
    (beforePrevious, previous) = (previous, current)
  }
  return previous[b.count]
}

/// Whether the shorter name stands whole in the longer one; names under four characters are in too many others to mean anything.
private func contains(_ long: [Unicode.Scalar], _ short: [Unicode.Scalar]) -> Bool {
  guard short.count >= 4, long.count > short.count else { return false }
  return (0...(long.count - short.count)).contains { long[$0...].starts(with: short) }
}
