// Escapes for half a surrogate pair: JSON's grammar allows them (RFC 8259, section 8.2), but they stand for no text.
#include "internal.hpp"

namespace {

/// The code unit of the escape `\uXXXX` that `text` begins with; -1 when it begins with none.
int32_t escaped_unit(const uint8_t *text, size_t count) noexcept {
    if (count < 6 || text[0] != '\\' || text[1] != 'u') { return -1; }
    int32_t unit = 0;
    for (size_t at = 2; at < 6; at++) {
        const uint8_t c = text[at], letter = c | 0x20;
        if (sj::is_digit(c)) {
            unit = unit * 16 + (c - '0');
        } else if (letter >= 'a' && letter <= 'f') {
            unit = unit * 16 + (letter - 'a' + 10);
        } else {
            return -1;
        }
    }
    return unit;
}

/// The first one from `at` on, where no escape may have begun before.
size_t next_lone_surrogate(const uint8_t *text, size_t count, size_t at) noexcept {
    while (at < count) {
        if (text[at] != '\\') {
            at++;
            continue;
        }
        const int32_t unit = escaped_unit(text + at, count - at);
        if (unit < 0xd800 || unit > 0xdfff) {
            at += 2;
            continue;
        }
        const int32_t next = unit < 0xdc00 ? escaped_unit(text + at + 6, count - at - 6) : -1;
        if (next < 0xdc00 || next > 0xdfff) { return at; }
        at += 12;
    }
    return count;
}

}  // namespace

extern "C" {

size_t sj_lone_surrogate(const uint8_t *text, size_t count) noexcept { return next_lone_surrogate(text, count, 0); }

void sj_replace_lone_surrogates(uint8_t *text, size_t count) noexcept {
    for (size_t at = next_lone_surrogate(text, count, 0); at < count; at = next_lone_surrogate(text, count, at + 6)) {
        std::memcpy(text + at + 2, "fffd", 4);
    }
}

}  // extern "C"
