// Numbers beyond what simdjson represents, and back from its tape.
#include "internal.hpp"

namespace {

/// Length of the number that `text` begins with, by the grammar of RFC 8259 section 6; 0 when there is none.
/// Reads at most `count` bytes.
size_t number_length(const uint8_t *text, size_t count) noexcept {
    size_t at = 0;
    const auto digits = [&]() noexcept {
        const size_t first = at;
        while (at < count && sj::is_digit(text[at])) { at++; }
        return at > first;
    };
    if (at < count && text[at] == '-') { at++; }
    if (at < count && text[at] == '0') {
        at++;
    } else if (!digits()) {
        return 0;
    }
    if (at < count && text[at] == '.') {
        at++;
        if (!digits()) { return 0; }
    }
    if (at < count && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        if (at < count && (text[at] == '+' || text[at] == '-')) { at++; }
        if (!digits()) { return 0; }
    }
    return at;
}

}  // namespace

namespace sj {

bool blank_numbers(uint8_t *text, size_t count, const uint32_t *structurals, uint32_t structural_count) noexcept {
    bool found = false;
    for (uint32_t i = 0; i < structural_count; i++) {
        const size_t at = structurals[i];
        if (at >= count || (text[at] != '-' && !is_digit(text[at]))) { continue; }
        const size_t length = number_length(text + at, count - at);
        const size_t end = at + length;
        if (length == 0) { continue; }
        if (end < count && !is_space(text[end]) && text[end] != ',' && text[end] != ']' && text[end] != '}') {
            continue;
        }
        text[at] = '0';
        std::memset(text + at + 1, ' ', length - 1);
        found = true;
    }
    return found;
}

}  // namespace sj

extern "C" bool sj_number_double(const sj_document *document, const sj_node *node, double *value) noexcept {
    // A document with a huge number has had all its numbers blanked.
    if (document->has_huge_number) { return false; }
    const auto &doc = document->parser->parser.doc;
    const uint64_t word = doc.tape[node->tape + 1];
    switch (char(doc.tape[node->tape] >> 56)) {
        case 'l': *value = double(int64_t(word)); return true;
        case 'u': *value = double(word); return true;
        case 'd': std::memcpy(value, &word, sizeof *value); return true;
        default: return false;
    }
}
