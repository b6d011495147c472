// `mask`: hides what certain fields hold, such as card numbers and e-mail addresses, at any depth of the record.
//
//   plugins: [{ path: mask.so }]
//   routes: [{ topic: orders, transform: { mask: { fields: [card, email], keep: 4 } }, channel: orders }]
//
// What is not hidden is copied byte for byte. It reads JSON by itself, in one pass, and allocates nothing per record.
#include <stdbool.h>
#ifdef __wasm__
#include "patchbay_wasm.h"
#else
#include <stdlib.h>
#include <string.h>
#endif

#include "patchbay_plugin.h"

static const char description[] =
    "{\"version\":\"1.0.0\",\"transformers\":[{"
    "\"name\":\"mask\","
    "\"summary\":\"Hides what certain fields hold; everything else is copied byte for byte.\","
    "\"shorthand\":\"fields\","
    "\"options\":["
    "{\"name\":\"fields\",\"kind\":\"list\",\"items\":{\"kind\":\"string\"},\"minimum\":1,\"required\":true,"
    "\"documentation\":\"Names of the fields to hide, at any depth; 32 at most.\",\"example\":\"fields: [card, email]\"},"
    "{\"name\":\"keep\",\"kind\":\"integer\",\"minimum\":0,\"maximum\":8,\"default\":0,\"unit\":\"characters\","
    "\"documentation\":\"Characters that stay at the end of a text, if the text has at least three times as many.\","
    "\"example\":\"keep: 4\"}],"
    "\"examples\":["
    "{\"title\":\"A card number\",\"options\":{\"fields\":[\"card\"],\"keep\":4},"
    "\"input\":\"{\\\"id\\\":7,\\\"card\\\":\\\"4111111111111111\\\"}\",\"data\":\"{\\\"id\\\":7,\\\"card\\\":\\\"****1111\\\"}\"},"
    "{\"title\":\"A short text is hidden whole\",\"options\":{\"fields\":[\"card\"],\"keep\":4},"
    "\"input\":\"{\\\"card\\\":\\\"411111\\\"}\",\"data\":\"{\\\"card\\\":\\\"****\\\"}\"},"
    "{\"title\":\"A field at any depth, whatever it holds\",\"options\":{\"fields\":[\"user\",\"pin\"]},"
    "\"input\":\"[{\\\"user\\\":{\\\"name\\\":\\\"x\\\"}},{\\\"a\\\":{\\\"pin\\\":1234}},{\\\"pin\\\":null}]\","
    "\"data\":\"[{\\\"user\\\":\\\"****\\\"},{\\\"a\\\":{\\\"pin\\\":\\\"****\\\"}},{\\\"pin\\\":null}]\"},"
    "{\"title\":\"A name written with escapes is the same name\",\"options\":{\"fields\":[\"pin\"]},"
    "\"input\":\"{\\\"p\\\\u0069n\\\":1}\",\"data\":\"{\\\"p\\\\u0069n\\\":\\\"****\\\"}\"},"
    "{\"title\":\"What isn't JSON is refused\",\"options\":{\"fields\":[\"pin\"]},"
    "\"input\":\"{\\\"pin\\\":1\",\"rejected\":{\"code\":\"invalid_json\"}}]}]}";

uint32_t patchbay_abi(void) { return PATCHBAY_ABI; }

const pb_bytes *patchbay_describe(void) {
    static pb_bytes text;
    text.data.bits = (uint64_t)(uintptr_t)description;
    text.length = sizeof description - 1;
    text.present = 1;
    return &text;
}

// ---- An instance

enum { MOST_NAMES = 32, LONGEST_NAME = 255, DEEPEST = 64, MOST_KEPT = 8 };

typedef struct {
    uint8_t names[MOST_NAMES][LONGEST_NAME];
    size_t lengths[MOST_NAMES];
    size_t count;
    size_t keep;
    // What is emitted; grows to the longest record.
    uint8_t *out;
    size_t length, capacity;
} mask_t;

static bool append(mask_t *mask, const void *bytes, size_t count) {
    if (mask->capacity - mask->length < count) {
        size_t capacity = (mask->length + count) * 2;
        uint8_t *out = realloc(mask->out, capacity);
        if (!out) return false;
        mask->out = out;
        mask->capacity = capacity;
    }
    memcpy(mask->out + mask->length, bytes, count);
    mask->length += count;
    return true;
}

// ---- Reading JSON

typedef struct {
    const uint8_t *at, *end;
    // Up to here the text is copied to the output.
    const uint8_t *copied;
    bool is_too_deep, is_out_of_memory;
} reader_t;

static void skip_space(reader_t *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) r->at++;
}

static bool take(reader_t *r, char byte) {
    if (r->at == r->end || *r->at != (uint8_t)byte) return false;
    r->at++;
    return true;
}

static int hex_digit(uint8_t byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

// The four digits behind `\u`; -1 when they aren't.
static int32_t code_unit(const uint8_t *at, const uint8_t *end) {
    if (end - at < 4) return -1;
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

// One character of a string, escaped or not, to the byte behind it; NULL when it is none.
static const uint8_t *skip_character(const uint8_t *at, const uint8_t *end) {
    if (at == end || *at < 0x20 || *at == '"') return NULL;
    if (*at != '\\') {
        at++;
        while (at < end && (*at & 0xC0) == 0x80) at++;
        return at;
    }
    if (++at == end) return NULL;
    if (*at != 'u') return memchr("\"\\/bfnrt", *at, 8) ? at + 1 : NULL;
    int32_t unit = code_unit(at + 1, end);
    if (unit < 0) return NULL;
    at += 5;
    // The two halves of a pair are one character.
    if (unit >= 0xD800 && unit < 0xDC00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        int32_t low = code_unit(at + 2, end);
        if (low >= 0xDC00 && low < 0xE000) at += 6;
    }
    return at;
}

// From the opening quote to behind the closing one.
static bool read_string(reader_t *r) {
    if (!take(r, '"')) return false;
    while (r->at < r->end && *r->at != '"') {
        const uint8_t *next = skip_character(r->at, r->end);
        if (!next) return false;
        r->at = next;
    }
    return take(r, '"');
}

static bool read_digits(reader_t *r) {
    const uint8_t *start = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') r->at++;
    return r->at > start;
}

static bool read_number(reader_t *r) {
    take(r, '-');
    if (!take(r, '0') && !read_digits(r)) return false;
    if (take(r, '.') && !read_digits(r)) return false;
    if (take(r, 'e') || take(r, 'E')) {
        if (!take(r, '+')) take(r, '-');
        return read_digits(r);
    }
    return true;
}

static bool read_word(reader_t *r, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) return false;
    r->at += length;
    return true;
}

// A string's content without escapes, to `out`; more than `limit` bytes give `limit + 1`.
static size_t unescaped(const uint8_t *at, const uint8_t *end, uint8_t *out, size_t limit) {
    size_t count = 0;
    while (at < end) {
        uint8_t bytes[4];
        size_t length = 1;
        bytes[0] = *at++;
        if (bytes[0] == '\\' && at < end) {
            static const char letters[] = "bfnrt", controls[] = "\b\f\n\r\t";
            uint8_t letter = *at++;
            const char *found = memchr(letters, letter, 5);
            bytes[0] = found ? (uint8_t)controls[found - letters] : letter;
            if (letter == 'u') {
                int32_t unit = code_unit(at, end);
                if (unit < 0) return limit + 1;
                at += 4;
                if (unit >= 0xD800 && unit < 0xDC00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
                    int32_t low = code_unit(at + 2, end);
                    if (low >= 0xDC00 && low < 0xE000) {
                        unit = 0x10000 + (unit - 0xD800) * 0x400 + (low - 0xDC00);
                        at += 6;
                    }
                }
                length = unit < 0x80 ? 1 : unit < 0x800 ? 2 : unit < 0x10000 ? 3 : 4;
                for (size_t i = length; i-- > 1; unit >>= 6) bytes[i] = (uint8_t)(0x80 | (unit & 0x3F));
                static const uint8_t leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
                bytes[0] = (uint8_t)(leads[length] | unit);
            }
        }
        if (count + length > limit) return limit + 1;
        memcpy(out + count, bytes, length);
        count += length;
    }
    return count;
}

static bool is_hidden(const mask_t *mask, const uint8_t *name, const uint8_t *end) {
    uint8_t plain[LONGEST_NAME];
    size_t length = (size_t)(end - name);
    if (memchr(name, '\\', length)) {
        length = unescaped(name, end, plain, LONGEST_NAME);
        name = plain;
    }
    if (length > LONGEST_NAME) return false;
    for (size_t i = 0; i < mask->count; i++)
        if (mask->lengths[i] == length && memcmp(mask->names[i], name, length) == 0) return true;
    return false;
}

// Writes what stands for a value from `start` to where the reader is.
static bool hide(mask_t *mask, reader_t *r, const uint8_t *start) {
    if (*start == 'n') return true;
    const uint8_t *kept = r->at;
    if (*start == '"' && mask->keep > 0) {
        const uint8_t *last[MOST_KEPT] = {0};
        size_t count = 0;
        const uint8_t *end = r->at - 1;
        for (const uint8_t *at = start + 1; at < end; at = skip_character(at, end)) last[count++ % mask->keep] = at;
        kept = count >= mask->keep * 3 ? last[count % mask->keep] : end;
    }
    bool is_text = *start == '"' && mask->keep > 0;
    r->is_out_of_memory = !append(mask, r->copied, (size_t)(start - r->copied)) || !append(mask, "\"****", 5)
        || !(is_text ? append(mask, kept, (size_t)(r->at - kept)) : append(mask, "\"", 1));
    r->copied = r->at;
    return !r->is_out_of_memory;
}

// A value, hidden or copied; in one that is hidden nothing is looked for.
static bool read_value(mask_t *mask, reader_t *r, int depth, bool hides) {
    skip_space(r);
    if (r->at == r->end) return false;
    if (depth > DEEPEST) {
        r->is_too_deep = true;
        return false;
    }
    const uint8_t *start = r->at;
    bool is_right;
    switch (*r->at) {
    case '{':
    case '[': {
        bool is_object = *r->at++ == '{';
        char close = is_object ? '}' : ']';
        skip_space(r);
        if (take(r, close)) {
            is_right = true;
            break;
        }
        do {
            bool hides_member = false;
            if (is_object) {
                skip_space(r);
                const uint8_t *name = r->at + 1;
                if (!read_string(r)) return false;
                hides_member = !hides && is_hidden(mask, name, r->at - 1);
                skip_space(r);
                if (!take(r, ':')) return false;
            }
            // Nothing is hidden twice: what stands inside a hidden value is never written.
            skip_space(r);
            const uint8_t *member = r->at;
            if (!read_value(mask, r, depth + 1, hides || hides_member)) return false;
            if (hides_member && !hide(mask, r, member)) return false;
            skip_space(r);
        } while (take(r, ','));
        is_right = take(r, close);
        break;
    }
    case '"': is_right = read_string(r); break;
    case 't': is_right = read_word(r, "true"); break;
    case 'f': is_right = read_word(r, "false"); break;
    case 'n': is_right = read_word(r, "null"); break;
    default: is_right = read_number(r);
    }
    return is_right && r->at > start;
}

// ---- Options: JSON that the host has checked against the description

static const char *read_options(mask_t *mask, const pb_bytes *options) {
    reader_t r = {.at = options->data.at, .end = options->data.at + options->length};
    if (!take(&r, '{')) return "the options are no object";
    if (take(&r, '}')) return NULL;
    do {
        skip_space(&r);
        const uint8_t *name = r.at + 1;
        if (!read_string(&r)) return "the options are no JSON";
        size_t length = (size_t)(r.at - 1 - name);
        skip_space(&r);
        if (!take(&r, ':')) return "the options are no JSON";
        skip_space(&r);
        if (length == 6 && memcmp(name, "fields", 6) == 0) {
            if (!take(&r, '[')) return "`fields` is no list";
            do {
                skip_space(&r);
                const uint8_t *field = r.at + 1;
                if (!read_string(&r)) return "`fields` has something that is no text";
                if (mask->count == MOST_NAMES) return "`fields` has more than 32 names";
                size_t size = unescaped(field, r.at - 1, mask->names[mask->count], LONGEST_NAME);
                if (size > LONGEST_NAME) return "`fields` has a name of more than 255 bytes";
                mask->lengths[mask->count++] = size;
                skip_space(&r);
            } while (take(&r, ','));
            if (!take(&r, ']')) return "`fields` is no list";
        } else {
            const uint8_t *start = r.at;
            if (!read_value(mask, &r, 0, true)) return "the options are no JSON";
            if (length == 4 && memcmp(name, "keep", 4) == 0) {
                if (r.at - start != 1 || *start < '0' || *start > '0' + MOST_KEPT) return "`keep` is no number from 0 to 8";
                mask->keep = (size_t)(*start - '0');
            }
        }
        skip_space(&r);
    } while (take(&r, ','));
    return take(&r, '}') ? NULL : "the options are no JSON";
}

void *patchbay_create(uint32_t transformer, const pb_bytes *options, const pb_output *output) {
    mask_t *mask = transformer == 0 ? calloc(1, sizeof *mask) : NULL;
    if (!mask) return NULL;
    const char *problem = read_options(mask, options);
    if (!problem && mask->count == 0) problem = "`fields` names no field";
    if (!problem) return mask;
    pb_log(output, PATCHBAY_ERROR, problem, (uint32_t)strlen(problem));
    free(mask);
    return NULL;
}

static void reject(const pb_output *output, uint32_t number, const char *code, const char *text) {
    pb_reject(output, number, code, (uint32_t)strlen(code), NULL, 0, text, (uint32_t)strlen(text));
}

int32_t patchbay_process(void *instance, const pb_batch *batch, const pb_output *output) {
    mask_t *mask = instance;
    for (uint32_t number = 0; number < batch->count; number++) {
        const pb_record *record = pb_record_at(batch, number);
        if (!record->value.present) {
            reject(output, number, "tombstone", "the record has no value");
            continue;
        }
        const uint8_t *start = record->value.data.at;
        reader_t r = {.at = start, .end = start + record->value.length, .copied = start};
        mask->length = 0;
        bool is_right = read_value(mask, &r, 0, false);
        skip_space(&r);
        if (r.is_out_of_memory) return 1;
        if (r.is_too_deep) {
            reject(output, number, "too_deep", "arrays and objects are nested more than 64 levels deep");
        } else if (!is_right || r.at != r.end) {
            reject(output, number, "invalid_json", "the value isn't one JSON value");
        } else if (r.copied == start) {
            pb_emit(output, number, NULL, 0);
        } else if (append(mask, r.copied, (size_t)(r.end - r.copied))) {
            pb_emit(output, number, mask->out, (uint32_t)mask->length);
        } else {
            return 1;
        }
    }
    return 0;
}

void patchbay_destroy(void *instance) {
    mask_t *mask = instance;
    free(mask->out);
    free(mask);
}
