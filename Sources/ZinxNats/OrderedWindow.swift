import DequeModule

/// The requests of one connection that wait for an answer. Answers come in any order, and leave in that of the requests.
struct OrderedWindow<Answer> {
  /// One request.
  typealias Ticket = UInt64

  /// By request, the oldest first; nil where its answer has not come.
  private var answers = Deque<Answer?>()
  /// The ticket of the oldest.
  private var first: Ticket = 0

  /// How many requests wait, with those whose answers wait for their turn.
  var count: Int { answers.count }

  var isEmpty: Bool { answers.isEmpty }

  /// Takes a request in; nil if `limit` of them wait.
  mutating func open(limit: Int) -> Ticket? {
    guard answers.count < limit else { return nil }
    answers.append(nil)
    return first + UInt64(answers.count - 1)
  }

  /// The answer to a request has come. Returns false, having done nothing, if there was one already.
  @discardableResult
  mutating func fill(_ ticket: Ticket, _ answer: Answer) -> Bool {
    guard ticket >= first, ticket - first < UInt64(answers.count), answers[Int(ticket - first)] == nil else { return false }
    answers[Int(ticket - first)] = .some(answer)
    return true
  }

  /// The answer that is next to leave; nil while the oldest request waits for its own. It stays until ``removeNext()``.
  var next: Answer? { answers.first ?? nil }

  /// The next answer has left.
  mutating func removeNext() {
    guard case .some(.some) = answers.first else { return }
    answers.removeFirst()
    first += 1
  }
}
