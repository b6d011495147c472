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

/// Whether every `\u` escape that names a surrogate has its other half. `text` must be valid JSON but for that.
bool surrogates_are_paired(const uint8_t *text, size_t count) noexcept;

/// Fills the parser's nodes from the structural indexes of the document just validated. False: out of memory.
bool index_document(sj_parser &parser) noexcept;

bool is_decimal(const uint8_t *text, size_t count, bool may_be_negative) noexcept;
bool is_timestamp(const uint8_t *text, size_t count) noexcept;

inline bool is_space(uint8_t c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
inline bool is_digit(uint8_t c) noexcept { return uint8_t(c - '0') < 10; }

}  // namespace sj

struct sj_parser {
    simdjson::dom::parser parser;
    size_t maximum_bytes = 0;
    size_t maximum_depth = 0;

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
