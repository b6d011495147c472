import PatchbayAPI
import PatchbayConfig

/// A mapping of the file that has declared keys.
struct DeclaredMapping {
    /// Empty for the file itself; else such as `server`, `kafka.clusters.NAME` or `routes[].tests[]`.
    let place: String
    /// What holds it; `nil` for the file itself.
    let owner: Field?
    let fields: [Field]
    /// Mappings around it.
    let depth: Int

    init(place: String, owner: Field? = nil, fields: [Field], depth: Int = 0) {
        self.place = place
        self.owner = owner
        self.fields = fields
        self.depth = depth
    }

    /// The file itself.
    static var root: DeclaredMapping { DeclaredMapping(place: "", fields: ConfigFields.root) }

    /// This one and all inside it, each before those inside itself.
    var all: [DeclaredMapping] { [self] + fields.flatMap { mapping(below: $0)?.all ?? [] } }

    /// Where one of its keys stands.
    func place(of field: Field) -> String { place.isEmpty ? field.name : "\(place).\(field.name)" }

    /// What a key holds, if that has keys of its own.
    func mapping(below field: Field) -> DeclaredMapping? {
        func inner(_ suffix: String, _ fields: [Field]) -> DeclaredMapping {
            DeclaredMapping(place: place(of: field) + suffix, owner: field, fields: fields, depth: depth + 1)
        }
        return switch field.kind {
        case .object(let fields): inner("", fields)
        case .list(.object(let fields), _): inner("[]", fields)
        case .dictionary(.object(let fields)): inner(".NAME", fields)
        default: nil
        }
    }
}
