/// One task that waits for an answer, resumed exactly once.
typealias Waiter<Value: Sendable> = CheckedContinuation<Result<Value, ClientError>, Never>

extension CheckedContinuation where E == Never {
  func succeed<Value: Sendable>(_ value: Value) where T == Result<Value, ClientError> { resume(returning: .success(value)) }
  func fail<Value: Sendable>(_ error: ClientError) where T == Result<Value, ClientError> { resume(returning: .failure(error)) }
}
