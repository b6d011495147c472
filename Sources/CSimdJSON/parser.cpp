#include "internal.hpp"

#include <algorithm>

namespace {

constexpr size_t smallest_capacity = 4096;
constexpr size_t largest_capacity = size_t(1) << 30;

/// Room for `count` bytes; grows by doubling, so that a stream of growing records settles after a few.
bool reserve(sj_parser &p, size_t count) noexcept {
    if (count <= p.padded_capacity) { return true; }
    size_t capacity = smallest_capacity;
    while (capacity < count) { capacity *= 2; }
    capacity = std::max(std::min(capacity, p.maximum_bytes), count);

    std::unique_ptr<uint8_t[]> padded(new (std::nothrow) uint8_t[capacity + simdjson::SIMDJSON_PADDING]());
    if (!padded) { return false; }
    // Left to itself, simdjson would size its document for each new longest text exactly.
    if (p.parser.doc.allocate(capacity) != simdjson::SUCCESS) { return false; }
    if (p.parser.allocate(capacity, p.maximum_depth) != simdjson::SUCCESS) { return false; }
    p.padded = std::move(padded);
    p.padded_capacity = capacity;
    return true;
}

sj_status invalid(sj_failure &failure, const char *message) noexcept {
    failure.message = message;
    return SJ_INVALID_JSON;
}

const char *sentence(simdjson::error_code code) noexcept {
    switch (code) {
        case simdjson::EMPTY: return "there is nothing in it";
        case simdjson::UTF8_ERROR: return "it is not valid UTF-8";
        case simdjson::UNCLOSED_STRING: return "a string is not closed";
        case simdjson::UNESCAPED_CHARS: return "a string holds a control character that must be escaped";
        case simdjson::STRING_ERROR: return "a string holds a bad escape";
        case simdjson::NUMBER_ERROR: return "a number is malformed";
        case simdjson::T_ATOM_ERROR:
        case simdjson::F_ATOM_ERROR:
        case simdjson::N_ATOM_ERROR: return "a bare word is not true, false or null";
        case simdjson::TAPE_ERROR:
            return "a bracket, comma, colon or value is missing or out of place";
        default: return simdjson::error_message(code);
    }
}

sj_status validate(sj_parser &p, const uint8_t *text, size_t count, sj_failure &failure) noexcept {
    failure = sj_failure{};
    failure.node = SJ_NO_NODE;
    failure.byte_offset = -1;
    p.document.text = text;
    p.text_count = count;
    p.document.node_count = 0;
    p.document.has_huge_number = false;
    p.document.has_lone_surrogate = false;
    if (count > p.maximum_bytes) { return SJ_TOO_LARGE; }
    if (text == nullptr || count == 0) { return invalid(failure, sentence(simdjson::EMPTY)); }
    if (!reserve(p, count)) { return SJ_OUT_OF_MEMORY; }

    uint8_t *copy = p.padded.get();
    std::memcpy(copy, text, count);
    std::memset(copy + count, ' ', simdjson::SIMDJSON_PADDING);

    auto code = p.parser.parse(copy, count, false).error();
    // Either may hide the other; each is mended once.
    for (int attempt = 0; attempt < 2; attempt++) {
        if (code == simdjson::NUMBER_ERROR && !p.document.has_huge_number) {
            const auto &implementation = *p.parser.implementation;
            if (!sj::blank_numbers(
                    copy, count, implementation.structural_indexes.get(), implementation.n_structural_indexes)) {
                break;
            }
            p.document.has_huge_number = true;
        } else if (code == simdjson::STRING_ERROR && !p.document.has_lone_surrogate) {
            const size_t first = sj_lone_surrogate(copy, count);
            if (first == count) { break; }
            if (p.rejects_lone_surrogates) {
                failure.byte_offset = int64_t(first);
                return invalid(failure, "a string holds the escape of half a surrogate pair");
            }
            sj_replace_lone_surrogates(copy, count);
            p.document.has_lone_surrogate = true;
        } else {
            break;
        }
        code = p.parser.parse(copy, count, false).error();
    }
    switch (code) {
        case simdjson::SUCCESS: break;
        case simdjson::MEMALLOC: return SJ_OUT_OF_MEMORY;
        case simdjson::CAPACITY: return SJ_TOO_LARGE;
        case simdjson::DEPTH_ERROR: return SJ_TOO_DEEP;
        default:
            if (count >= 3 && std::memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
                return invalid(failure, "it begins with a byte order mark, which JSON must not have");
            }
            return invalid(failure, sentence(code));
    }
    return SJ_OK;
}

}  // namespace

extern "C" {

sj_parser *sj_parser_create(size_t maximum_bytes, size_t maximum_depth, bool rejects_lone_surrogates) noexcept {
    auto *p = new (std::nothrow) sj_parser;
    if (p == nullptr) { return nullptr; }
    p->maximum_bytes = std::min(maximum_bytes, largest_capacity);
    p->maximum_depth = std::clamp<size_t>(maximum_depth, 1, 1 << 20);
    p->rejects_lone_surrogates = rejects_lone_surrogates;
    p->document.parser = p;
    p->open.reset(new (std::nothrow) sj::OpenContainer[p->maximum_depth + 1]);
    if (!p->open) {
        delete p;
        return nullptr;
    }
    return p;
}

void sj_parser_destroy(sj_parser *parser) noexcept { delete parser; }

sj_status sj_validate(sj_parser *parser, const uint8_t *text, size_t count, sj_failure *failure) noexcept {
    return validate(*parser, text, count, *failure);
}

sj_status sj_read(sj_parser *parser, const uint8_t *text, size_t count, sj_failure *failure) noexcept {
    const auto status = validate(*parser, text, count, *failure);
    if (status != SJ_OK) { return status; }
    return sj::index_document(*parser) ? SJ_OK : SJ_OUT_OF_MEMORY;
}

const sj_document *sj_parser_document(const sj_parser *parser) noexcept { return &parser->document; }

}  // extern "C"
