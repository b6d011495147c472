@testable import PatchbayJSON

extension [UInt8] {
    /// In memory of exactly this size, so that a sanitizer sees any read beyond its end.
    func withExactMemory<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        defer { memory.deallocate() }
        memory.copyBytes(from: self)
        return body(UnsafeRawBufferPointer(memory))
    }
}

/// The problem of one text, with a parser of its own.
func problem(_ text: String, limits: JSONLimits = .standard) -> JSONProblem? { problem(Array(text.utf8), limits: limits) }

func problem(_ bytes: [UInt8], limits: JSONLimits = .standard) -> JSONProblem? {
    bytes.withExactMemory { memory in
        var parser = JSONParser(limits: limits)
        return parser.validate(memory)
    }
}

/// Reads a text with a parser of its own.
func read<Result>(_ text: String, _ body: (JSONValue) -> Result) throws(JSONProblem) -> Result {
    let result = Array(text.utf8).withExactMemory { memory in
        var parser = JSONParser()
        return parser.read(memory, body)
    }
    return try result.get()
}

/// Checks a text with a parser of its own.
func problem(_ text: String, against shape: JSONShape) -> JSONProblem? {
    Array(text.utf8).withExactMemory { memory in
        var parser = JSONParser()
        return parser.check(memory, against: shape)
    }
}

extension UnsafeRawBufferPointer {
    var copied: String { String(decoding: self, as: UTF8.self) }
}
