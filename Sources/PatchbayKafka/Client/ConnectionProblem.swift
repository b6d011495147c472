import CLibRDKafka

/// Why a broker can't be talked to, in a sentence that says what to change.
///
/// librdkafka knows more than "down": its error callback and its log lines of facility `FAIL` name the broker and what
/// went wrong with it. What the commonest mistakes of a configuration look like there is collected here.
public struct ConnectionProblem: Sendable, Equatable {
    /// What kind of mistake it looks like.
    public enum Kind: Sendable, Equatable {
        /// Nobody listens, or nothing answers: the broker may just be away.
        case unreachable
        case unresolvable
        /// The other side seems to speak TLS, and this one doesn't.
        case needsTLS
        /// The other side asks for SASL, and this one doesn't offer it.
        case needsSASL
        /// This side speaks TLS, and the other doesn't.
        case speaksNoTLS
        case certificate
        case clientCertificate
        /// User or password were refused.
        case refused
        case mechanism
        /// It answers, and not in Kafka's protocol.
        case notKafka

        /// Whether waiting may mend it. The others are mistakes of somebody's configuration.
        public var mayPass: Bool { self == .unreachable }
    }

    public let kind: Kind
    /// `host:port`; empty when librdkafka doesn't say.
    public let address: String
    /// Whether the address comes from the brokers' own metadata and not from this side's configuration.
    public let isAdvertised: Bool
    /// librdkafka's words.
    public let detail: String
    /// Whether no connection could be made at all, as when nobody listens. A broker that is only slow is another matter.
    var isNobodyThere: Bool { kind == .unreachable && detail.hasPrefix("Connect to ") }
    /// Whether the address has worked before: then it isn't wrong.
    var hasWorked: Bool

    /// - Parameter text: librdkafka's, such as `127.0.0.1:9/1: Connect to ipv4#127.0.0.1:9 failed: Connection refused
    ///   (after 0ms in state CONNECT)`, also as a log line with the thread in front.
    /// - Returns: `nil` for what is no trouble with a connection.
    public init?(_ text: String) {
        var rest = Substring(text)
        if rest.hasPrefix("[thrd:"), let end = rest.firstRange(of: "]: ") { rest = rest[end.upperBound...] }
        guard let colon = rest.firstRange(of: ": ") else { return nil }
        var name = rest[..<colon.lowerBound]
        rest = rest[colon.upperBound...]
        var isAdvertised = false
        if name.hasSuffix("Coordinator") {
            // Its address, once known, comes from the brokers and stands at the beginning of the text.
            isAdvertised = true
            if let next = rest.firstRange(of: ": "), !rest[..<next.lowerBound].contains(" ") {
                name = rest[..<next.lowerBound]
                rest = rest[next.upperBound...]
            } else {
                name = ""
            }
        }
        if let scheme = name.firstRange(of: "://") { name = name[scheme.upperBound...] }
        if let slash = name.lastIndex(of: "/") {
            if name[name.index(after: slash)...].allSatisfy({ $0.isNumber }) { isAdvertised = true }
            name = name[..<slash]
        }
        if let after = rest.firstRange(of: " (after ") { rest = rest[..<after.lowerBound] }
        guard let kind = Self.kind(of: rest) else { return nil }
        self.kind = kind
        address = String(name)
        self.isAdvertised = isAdvertised
        detail = String(rest)
        hasWorked = rest == "Disconnected"
    }

    /// By librdkafka's words (rdkafka_broker.c, rdkafka_transport.c, rdkafka_ssl.c of 2.0.2), the more telling ones first.
    private static func kind(of text: Substring) -> Kind? {
        if text.contains("mechanism handshake failed") { return .mechanism }
        if text.contains("might require SASL") { return .needsSASL }
        if text.contains("SASL authentication") || text.contains("uthentication failed") { return .refused }
        if text.contains("connecting to a SSL listener") { return .needsTLS }
        // A TLS alert, taken for the length of an answer.
        if text.contains("Invalid response size 352518") { return .needsTLS }
        if text.contains("Invalid response size") { return .notKafka }
        if text.contains("client SSL authentication might be required") { return .clientCertificate }
        if text.contains("ertificate") { return .certificate }
        if text.contains("SSL handshake failed") || text.contains("connecting to a PLAINTEXT") { return .speaksNoTLS }
        if text.contains("Failed to resolve") { return .unresolvable }
        if text.contains("Connect to") || text.contains("Connection setup timed out") || text.contains("Disconnected")
            || text.contains("timed out")
        {
            return .unreachable
        }
        return nil
    }

    /// What is wrong and what to do, for the log, `/health` and `check --live`.
    public var sentence: String {
        let place = address.isEmpty ? "a broker" : isAdvertised ? "the broker that advertises \(address)" : address
        switch kind {
        case .unreachable, .unresolvable:
            if isAdvertised, hasWorked { return "the broker at \(address) can't be reached (\(detail))" }
            guard isAdvertised else {
                return kind == .unresolvable
                    ? "\(place): the name can't be resolved here; check kafka.brokers and DNS (\(detail))"
                    : "\(place): \(detail)"
            }
            return "\(place) can't be reached at that address from here (\(detail)): correct advertised.listeners of the broker, "
                + "or make that address reachable"
        case .needsTLS:
            return "\(place) closes the connection at the first request, as a TLS listener does: set security.protocol to ssl or sasl_ssl "
                + "in kafka.properties, or use its plaintext port"
        case .needsSASL:
            return "\(place) hangs up after the first answers, as a listener with SASL does: set security.protocol to "
                + "sasl_plaintext or sasl_ssl in kafka.properties, with sasl.mechanism, sasl.username and sasl.password"
        case .speaksNoTLS:
            return "\(place) doesn't speak TLS: set security.protocol to plaintext or sasl_plaintext in "
                + "kafka.properties, or use its TLS port (\(detail))"
        case .certificate:
            return "\(place): its certificate isn't accepted; set ssl.ca.location in kafka.properties to the authority that "
                + "signed it, and connect by a host name that the certificate covers (\(detail))"
        case .clientCertificate:
            return "\(place) requires a client certificate: set ssl.certificate.location and ssl.key.location in "
                + "kafka.properties (\(detail))"
        case .refused:
            return "\(place) refuses the login: check sasl.username, sasl.password and sasl.mechanism in kafka.properties "
                + "(\(detail))"
        case .mechanism:
            return "\(place) doesn't offer this sasl.mechanism: set another in kafka.properties (\(detail))"
        case .notKafka:
            return "\(place) doesn't speak Kafka's protocol: check the port (\(detail))"
        }
    }
}

/// Connection problems of one consumer that are not over, as far as that can be known: librdkafka reports when a
/// connection fails, at most every 30 seconds for the same reason, and not when one works again.
///
/// Thread: consumer.
struct ConnectionProblems {
    /// How long a problem without news counts. librdkafka repeats itself after 30 seconds.
    static let validity = Duration.seconds(75)
    /// A problem is logged by itself when nothing has worked for this long: brokers that restart one after the other are
    /// no news.
    static let patience = Duration.seconds(3)

    private var latest: [String: (problem: ConnectionProblem, first: ContinuousClock.Instant, last: ContinuousClock.Instant)] = [:]
    private var told: Set<String> = []
    private var worked: Set<String> = []

    mutating func note(_ problem: ConnectionProblem, at now: ContinuousClock.Instant) {
        // The bounds are for brokers that come and go under ever new addresses.
        if latest.count > 256 { latest.removeAll() }
        if worked.count > 256 { worked.removeAll() }
        var problem = problem
        if problem.hasWorked { worked.insert(problem.address) }
        problem.hasWorked = worked.contains(problem.address)
        let first = latest[problem.address].map { $0.problem.kind == problem.kind ? $0.first : now } ?? now
        latest[problem.address] = (problem, first, now)
    }

    /// Records come: whatever was wrong is over or doesn't matter.
    mutating func clear() {
        latest.removeAll()
        told.removeAll()
    }

    /// The one that tells most: mistakes before absences, advertised addresses before those of the configuration.
    func foremost(at now: ContinuousClock.Instant) -> ConnectionProblem? { entry(at: now)?.problem }

    private func entry(
        at now: ContinuousClock.Instant
    ) -> (problem: ConnectionProblem, first: ContinuousClock.Instant, last: ContinuousClock.Instant)? {
        func rank(_ problem: ConnectionProblem) -> Int {
            (problem.kind.mayPass ? 0 : 2) + (problem.isAdvertised ? 1 : 0)
        }
        return latest.values.filter { now - $0.last < Self.validity }
            .max { (rank($0.problem), $1.problem.address) < (rank($1.problem), $0.problem.address) }
    }

    /// What is to be logged now: each problem once, when it has lasted.
    mutating func news(at now: ContinuousClock.Instant) -> ConnectionProblem? {
        guard let entry = entry(at: now), now - entry.first >= Self.patience, isNew(entry.problem) else { return nil }
        markTold(entry.problem)
        return entry.problem
    }

    private func isNew(_ problem: ConnectionProblem) -> Bool { !told.contains(key(problem)) }

    mutating func markTold(_ problem: ConnectionProblem) { told.insert(key(problem)) }

    private func key(_ problem: ConnectionProblem) -> String { "\(problem.address) \(problem.kind)" }
}
