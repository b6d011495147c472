/// A condition did not come true in time.
public struct ConditionTimedOut: Error, CustomStringConvertible {
    public let description: String
}

/// Waits until `condition` holds, looking every few milliseconds. Tests await what they need and never sleep to pass.
///
/// - Parameters:
///   - timeout: generous, since machines are shared; only a failing test ever waits that long.
///   - what: completes the sentence "waited for …" of the failure.
public func eventually(
    _ what: String = "a condition", timeout: Duration = .seconds(30),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + timeout
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            throw ConditionTimedOut(description: "waited \(timeout) for \(what)")
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}
