/// What becomes of a record that a route refuses. It is counted and logged in any case.
public enum ErrorPolicy: Sendable, Equatable {
    /// Nothing more.
    case skip
    /// It is written to this topic of the same cluster, with the reason in its headers.
    case deadLetter(topic: String)
    /// The topic is halted until the route, or what it stumbled on, has been changed and the file reloaded.
    case stop

    /// Topics are compared by their bytes.
    public static func == (left: ErrorPolicy, right: ErrorPolicy) -> Bool {
        switch (left, right) {
        case (.skip, .skip), (.stop, .stop): true
        case (.deadLetter(let left), .deadLetter(let right)): left.hasSameBytes(as: right)
        default: false
        }
    }
}
