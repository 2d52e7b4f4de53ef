import Synchronization

/// The values of `body` for the numbers below `count`, each found on a thread of its own, the last one on the calling thread. Blocks until all
/// are there; where there is no thread to be had, that takes longer.
package func sideBySide<Value: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) -> Value) -> [Value] {
  let values = Mutex([Value?](repeating: nil, count: count))
  let find: @Sendable (Int) -> Void = { index in
    let value = body(index)
    values.withLock { $0[index] = value }
  }
  var threads: [Thread] = []
  for index in 0..<max(0, count - 1) {
    do throws(SystemError) { threads.append(try Thread { find(index) }) } catch { find(index) }
  }
  if count > 0 { find(count - 1) }
  for thread in threads { thread.join() }
  return values.withLock { $0.compactMap { $0 } }
}
