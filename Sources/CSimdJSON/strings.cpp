// What strings hold: amounts and times.
#include "internal.hpp"

namespace {

using sj::word_at;

/// The two digits at `text`; 100 when they aren't.
unsigned two_digits(const uint8_t *text) noexcept {
    if (!sj::is_digit(text[0]) || !sj::is_digit(text[1])) { return 100; }
    return unsigned(text[0] - '0') * 10 + unsigned(text[1] - '0');
}

constexpr uint64_t repeated(uint8_t byte) noexcept { return 0x0101010101010101u * byte; }
constexpr uint64_t high_bits = repeated(0x80);

/// The high bit of every byte of `word` that equals `byte`; exact, without carries from one byte to the next.
uint64_t bytes_equal(uint64_t word, uint8_t byte) noexcept {
    const uint64_t difference = word ^ repeated(byte);
    return ~(((difference & ~high_bits) + ~high_bits) | difference) & high_bits;
}

/// The high bit of every byte of `word` that is no digit.
uint64_t bytes_not_digits(uint64_t word) noexcept {
    const uint64_t value = word ^ repeated('0');
    return (((value & ~high_bits) + repeated(0x80 - 10)) | value) & high_bits;
}

unsigned days_in_month(unsigned year, unsigned month) noexcept {
    constexpr uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

}  // namespace

namespace sj {

bool is_decimal(const uint8_t *text, size_t count, bool may_be_negative) noexcept {
    if (may_be_negative && count > 0 && text[0] == '-') {
        text++;
        count--;
    }
    if (count == 0 || !is_digit(text[0]) || !is_digit(text[count - 1])) { return false; }
    // Eight bytes at once and without branches on what they are: amounts differ in length and in the place of their
    // point from record to record, and a loop over digits would be mispredicted in every single one.
    uint64_t bad = 0;
    uint64_t had_point = 0;  // all ones once there was one
    for (size_t at = 0; at < count; at += 8) {
        const uint64_t word = word_at(text + at, count - at, '0');
        const uint64_t is_point = bytes_equal(word, '.');
        bad |= bytes_not_digits(word) & ~is_point;
        bad |= is_point & (is_point - 1);
        bad |= is_point & had_point;
        had_point |= uint64_t(0) - uint64_t(is_point != 0);
    }
    return bad == 0;
}

bool is_timestamp(const uint8_t *text, size_t count) noexcept {
    //  0         1
    //  0123456789012345678
    //  YYYY-MM-DDThh:mm:ss
    constexpr size_t length_of_seconds = 19;
    if (count < length_of_seconds + 1) { return false; }
    if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':') { return false; }
    const unsigned century = two_digits(text), year_of_century = two_digits(text + 2);
    const unsigned month = two_digits(text + 5), day = two_digits(text + 8);
    if (century > 99 || year_of_century > 99 || month < 1 || month > 12) { return false; }
    if (day < 1 || day > days_in_month(century * 100 + year_of_century, month)) { return false; }
    if (two_digits(text + 11) > 23 || two_digits(text + 14) > 59 || two_digits(text + 17) > 59) { return false; }

    size_t at = length_of_seconds;
    if (text[at] == '.') {
        const size_t fraction = ++at;
        while (at < count && is_digit(text[at])) { at++; }
        if (at == fraction) { return false; }
    }
    if (at == count) { return false; }
    if (text[at] == 'Z') { return at + 1 == count; }
    if ((text[at] != '+' && text[at] != '-') || count - at != 6 || text[at + 3] != ':') { return false; }
    return two_digits(text + at + 1) <= 23 && two_digits(text + at + 4) <= 59;
}

}  // namespace sj
