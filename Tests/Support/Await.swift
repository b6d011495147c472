import Foundation

/// A condition that didn't come true in time.
public struct ConditionNeverMet: Error, CustomStringConvertible {
    public let description: String
}

/// Waits until `condition` holds, looking every few milliseconds, and fails the test when it never does.
///
/// - Parameters:
///   - what: completes the sentence "never happened: …" for the reader of the failure.
///   - timeout: generous; a passing test doesn't wait for it.
public func eventually(
    _ what: @autoclosure () async -> String = "the condition holds",
    timeout: Duration = .seconds(60),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + timeout
    while true {
        if try await condition() { return }
        guard .now < deadline else { throw ConditionNeverMet(description: "never happened in \(timeout): \(await what())") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Runs blocking work on a thread of its own, so that it can't starve Swift's concurrency pool.
public func offPool<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}
