import Foundation
import Synchronization
import TestSupport

/// A WebSocket client that keeps everything it gets.
final class Subscriber: Sendable {
    private struct Kept {
        var numbers: [Int] = []
        var others: [String] = []
    }

    private let client: WebSocketTestClient
    private let shared: Shared
    private let reading: Task<Void, Never>

    /// Returns when the subscription is confirmed.
    init(port: Int, channel: String) async throws {
        let client = try await WebSocketTestClient(port: port)
        try await client.subscribe(channel)
        self.client = client
        let shared = Shared()
        self.shared = shared
        reading = Task {
            while let frame = try? await client.receiveFrame(timeout: .seconds(300)) {
                if frame.opcode == 9 { try? await client.sendFrame(opcode: 10, payload: frame.payload) }
                if frame.opcode == 1 { shared.add(frame.text) }
            }
        }
    }

    /// What the reading task and the test share.
    private final class Shared: Sendable {
        let kept = Mutex(Kept())

        func add(_ text: String) {
            let number = text.range(of: #""data":{"n":"#).flatMap { Int(text[$0.upperBound...].prefix { $0.isNumber || $0 == "-" }) }
            kept.withLock { if let number { $0.numbers.append(number) } else { $0.others.append(text) } }
        }
    }

    deinit {
        reading.cancel()
        client.socket.close()
    }

    /// The numbers of the records, in the order they came.
    var numbers: [Int] { shared.kept.withLock { $0.numbers } }
    /// Every other message, as text.
    var others: [String] { shared.kept.withLock { $0.others } }

    /// Waits for so many records.
    @discardableResult
    func await(_ count: Int, timeout: Duration = .seconds(60)) async throws -> [Int] {
        do {
            try await eventually("\(count) records", timeout: timeout) { numbers.count >= count }
        } catch let error as ConditionNeverMet {
            throw KafkaFailure("\(error); got \(numbers.count): \(numbers.prefix(100)); others: \(others.suffix(5))")
        }
        return numbers
    }
}
