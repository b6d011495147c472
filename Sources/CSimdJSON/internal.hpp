// What the files of this shim share. Nothing here is visible to Swift.
#pragma once

#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "CSimdJSON.h"

namespace sj {

/// A container whose end hasn't been met yet.
struct OpenContainer {
    uint32_t node;
    bool is_object;
};

constexpr uint8_t no_slot = 0xff;

/// The name met last at each position of an object of this shape, as a slot: 2 * field + (0 first spelling, 1 other).
/// Members tend to come in the same order in every record, so it is tried first.
struct Prediction {
    const sj_shape *shape = nullptr;
    uint8_t slots[SJ_MAXIMUM_FIELDS] = {};
};

/// Puts `0` in place of every number that is well formed, so that what is left for simdjson to judge is everything else.
/// Works on the parser's own copy, after stage 1 has found where tokens begin. False when there was none to replace.
bool blank_numbers(uint8_t *text, size_t count, const uint32_t *structurals, uint32_t structural_count) noexcept;

/// Fills the parser's nodes from the structural indexes of the document just validated. False: out of memory.
bool index_document(sj_parser &parser) noexcept;

/// Reads up to 7 bytes beyond the text.
bool is_decimal(const uint8_t *text, size_t count, bool may_be_negative) noexcept;
bool is_timestamp(const uint8_t *text, size_t count) noexcept;

/// The first 8 of `count` bytes as a word, first byte lowest; `filler` in place of missing ones.
/// Always reads 8 bytes: `text` must stand in memory with padding, as the parser's copy and simdjson's strings do.
inline uint64_t word_at(const uint8_t *text, size_t count, uint8_t filler) noexcept {
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bytes are shifted as if the first were the lowest");
    uint64_t word;
    std::memcpy(&word, text, sizeof word);
    if (count >= 8) { return word; }
    const uint64_t missing = ~uint64_t(0) << (8 * count);
    return (word & ~missing) | ((0x0101010101010101u * filler) & missing);
}

inline bool is_space(uint8_t c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
inline bool is_digit(uint8_t c) noexcept { return uint8_t(c - '0') < 10; }

}  // namespace sj

struct sj_parser {
    simdjson::dom::parser parser;
    size_t maximum_bytes = 0;
    size_t maximum_depth = 0;
    bool rejects_lone_surrogates = false;

    /// Copy of the text with the padding that simdjson reads beyond its end. Copying costs less than 10 ns for a record
    /// of 300 bytes; reading beyond the end of someone else's memory is what sanitizers rightly report.
    std::unique_ptr<uint8_t[]> padded;
    size_t padded_capacity = 0;
    size_t text_count = 0;
    bool has_backslash = false;

    std::unique_ptr<sj_node[]> nodes;
    size_t node_capacity = 0;
    std::unique_ptr<sj::OpenContainer[]> open;

    sj::Prediction predictions[SJ_MAXIMUM_NESTING];
    sj_document document{};
};

namespace sj {

/// A string as simdjson unescaped it: its length in 4 bytes, then its bytes.
inline sj_bytes tape_string(const sj_parser &parser, uint32_t tape) noexcept {
    const auto &doc = parser.parser.doc;
    const uint8_t *start = &doc.string_buf[doc.tape[tape] & simdjson::internal::JSON_VALUE_MASK];
    uint32_t count;
    std::memcpy(&count, start, sizeof count);
    return {start + sizeof count, count};
}

inline sj_bytes string_of(const sj_document &document, const sj_node &node) noexcept {
    if (node.has_escaped_value) { return tape_string(*document.parser, node.tape); }
    return {document.text + node.offset + 1, node.length - 2};
}

/// The same with padding behind it.
inline sj_bytes padded_string_of(const sj_parser &parser, const sj_node &node) noexcept {
    if (node.has_escaped_value) { return tape_string(parser, node.tape); }
    return {parser.padded.get() + node.offset + 1, node.length - 2};
}

inline sj_bytes name_of(const sj_document &document, const sj_node &node) noexcept {
    // A member's name stands on the tape right before its value.
    if (node.has_escaped_name) { return tape_string(*document.parser, node.tape - 1); }
    return {document.text + node.name_offset, node.name_length};
}

/// `memcmp` for names: most have 4 to 16 bytes, where the call would cost more than the comparison.
inline bool equal(const uint8_t *left, const uint8_t *right, size_t count) noexcept {
    const auto differ = [&](auto word, size_t last) noexcept {
        decltype(word) heads[2], tails[2];
        std::memcpy(&heads[0], left, sizeof word);
        std::memcpy(&heads[1], right, sizeof word);
        std::memcpy(&tails[0], left + last, sizeof word);
        std::memcpy(&tails[1], right + last, sizeof word);
        return ((heads[0] ^ heads[1]) | (tails[0] ^ tails[1])) != 0;
    };
    if (count >= 8 && count <= 16) { return !differ(uint64_t(0), count - 8); }
    if (count >= 4 && count < 8) { return !differ(uint32_t(0), count - 4); }
    return std::memcmp(left, right, count) == 0;
}

}  // namespace sj
