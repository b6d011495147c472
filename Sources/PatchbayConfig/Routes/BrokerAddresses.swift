/// Brokers as options and variables name them: `host:port`, separated by commas.
package enum BrokerAddresses {
    /// What is wrong with one of them.
    package struct Mistake: Error {
        /// The part between two commas.
        package let text: String
        /// Begins with "must".
        package let problem: String
        package let hint: String?
    }

    /// - Parameter name: of the option or variable, for hints: `--brokers`, `KAFKA_BROKERS`.
    package static func read(_ text: String, from name: String) throws(Mistake) -> [String] {
        var addresses: [String] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let address = String(part).trimmed
            if let objection = NameRules.broker(address) {
                let hint = objection.hint.map { Subject(name: "brokers", path: "brokers").hint($0, for: name) }
                throw Mistake(text: DisplayText.plain(address), problem: objection.problem, hint: hint)
            }
            addresses.append(address)
        }
        return addresses
    }
}
