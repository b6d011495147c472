import CLibYAML

/// One event of libyaml's parser, copied out of its memory.
struct YAMLEvent {
    enum Kind {
        case streamEnd
        case documentStart
        case alias(String)
        case scalar(text: String, style: YAMLScalar.Style)
        case sequenceStart
        case mappingStart
        case collectionEnd
        /// Stream start and document end carry nothing we need.
        case other
    }

    let kind: Kind
    let anchor: String?
    /// `nil` when none is written.
    let tag: String?
    let start: YAMLMark
    let end: YAMLMark
}

/// A place as libyaml counts: from 0, columns in characters.
struct YAMLMark: Equatable {
    let line: Int
    let column: Int
}

/// libyaml's own words on why the text isn't YAML.
struct YAMLSyntaxError: Error {
    /// Such as "did not find expected key".
    let problem: String
    let mark: YAMLMark
    /// Such as "while parsing a block mapping", and where that began.
    let context: String?
    let contextMark: YAMLMark
}

/// Owner of one libyaml parser. The text must outlive it, which `events(of:_:)` sees to.
struct YAMLEventReader: ~Copyable {
    // libyaml keeps pointers into its own struct, so it must not move: it lives on the heap, freed in deinit only.
    private let parser: UnsafeMutablePointer<yaml_parser_t>

    private init(_ parser: UnsafeMutablePointer<yaml_parser_t>) { self.parser = parser }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    /// Runs `body` with a reader of `bytes`, which must be UTF-8; `nil` when there is no text, or no memory for a
    /// parser.
    static func events<Result>(of bytes: [UInt8], _ body: (inout YAMLEventReader) -> Result) -> Result? {
        bytes.withUnsafeBufferPointer { text in
            // libyaml asserts on a null input, which an empty array may give.
            guard let base = text.baseAddress else { return nil }
            let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
            guard yaml_parser_initialize(parser) == 1 else {
                parser.deallocate()
                return nil
            }
            yaml_parser_set_input_string(parser, base, text.count)
            yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
            var reader = YAMLEventReader(parser)
            return body(&reader)
        }
    }

    /// The next event. After `streamEnd` or an error there are no more.
    mutating func next() throws(YAMLSyntaxError) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxError() }
        defer { yaml_event_delete(&event) }

        var anchor: String?
        var tag: String?
        let kind: YAMLEvent.Kind
        switch event.type {
        case YAML_STREAM_END_EVENT, YAML_NO_EVENT: kind = .streamEnd
        case YAML_DOCUMENT_START_EVENT: kind = .documentStart
        case YAML_ALIAS_EVENT: kind = .alias(Self.string(event.data.alias.anchor) ?? "")
        case YAML_SEQUENCE_START_EVENT:
            kind = .sequenceStart
            anchor = Self.string(event.data.sequence_start.anchor)
            tag = Self.string(event.data.sequence_start.tag)
        case YAML_MAPPING_START_EVENT:
            kind = .mappingStart
            anchor = Self.string(event.data.mapping_start.anchor)
            tag = Self.string(event.data.mapping_start.tag)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: kind = .collectionEnd
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let style: YAMLScalar.Style =
                switch scalar.style {
                case YAML_PLAIN_SCALAR_STYLE: .plain
                case YAML_LITERAL_SCALAR_STYLE, YAML_FOLDED_SCALAR_STYLE: .block
                default: .quoted
                }
            let text = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            kind = .scalar(text: String(decoding: text, as: UTF8.self), style: style)
            anchor = Self.string(scalar.anchor)
            tag = Self.string(scalar.tag)
        default: kind = .other
        }
        return YAMLEvent(
            kind: kind, anchor: anchor, tag: tag, start: YAMLMark(event.start_mark), end: YAMLMark(event.end_mark))
    }

    private func syntaxError() -> YAMLSyntaxError {
        let state = parser.pointee
        return YAMLSyntaxError(
            problem: state.problem.map { String(cString: $0) } ?? "out of memory",
            mark: YAMLMark(state.problem_mark),
            context: state.context.map { String(cString: $0) },
            contextMark: YAMLMark(state.context_mark))
    }

    private static func string(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        pointer.map { String(cString: $0) }
    }
}

extension YAMLMark {
    init(_ mark: yaml_mark_t) {
        self.init(line: Int(mark.line), column: Int(mark.column))
    }
}
