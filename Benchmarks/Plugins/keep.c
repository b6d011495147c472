// `keep`: what the built-in `pick` does for fields at the top, as a plugin: for measuring what a plugin costs, as a library and as a
// WebAssembly module. What it emits is checked by the router, as everything of plugins is.
#include <stdbool.h>
#ifdef __wasm__
#include "patchbay_wasm.h"
#else
#include <stdlib.h>
#include <string.h>
#endif
#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "patchbay_plugin.h"

static const char description[] =
    "{\"transformers\":[{\"name\":\"keep\",\"summary\":\"Keeps fields.\",\"options\":[{\"name\":\"fields\",\"kind\":\"list\","
    "\"items\":{\"kind\":\"string\"},\"minimum\":1,\"required\":true,\"documentation\":\"Their names.\"}]}]}";

uint32_t patchbay_abi(void) { return PATCHBAY_ABI; }

const pb_bytes *patchbay_describe(void) {
    static pb_bytes text;
    text.data.at = (const uint8_t *)description;
    text.length = sizeof description - 1;
    text.present = 1;
    return &text;
}

enum { MOST = 16, LONGEST = 64 };

typedef struct {
    uint8_t names[MOST][LONGEST];
    uint32_t lengths[MOST];
    uint32_t count;
    uint8_t *out;
    size_t capacity;
} keep_t;

// The next quote or backslash.
static const uint8_t *find(const uint8_t *at, const uint8_t *end) {
#if defined(__wasm_simd128__)
    const v128_t quote = wasm_i8x16_splat('"'), backslash = wasm_i8x16_splat('\\');
    for (; end - at >= 16; at += 16) {
        v128_t bytes = wasm_v128_load(at);
        uint32_t mask = wasm_i8x16_bitmask(wasm_v128_or(wasm_i8x16_eq(bytes, quote), wasm_i8x16_eq(bytes, backslash)));
        if (mask) return at + __builtin_ctz(mask);
    }
#elif defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        int mask = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
        if (mask) return at + __builtin_ctz((unsigned)mask);
    }
#endif
    while (at < end && *at != '"' && *at != '\\') at++;
    return at;
}

// From the opening quote to behind the closing one; NULL when there is none.
static const uint8_t *skip_string(const uint8_t *at, const uint8_t *end) {
    if (at == end || *at++ != '"') return NULL;
    for (;;) {
        at = find(at, end);
        if (at == end) return NULL;
        if (*at == '"') return at + 1;
        if (end - at < 2) return NULL;
        at += 2;
    }
}

static const uint8_t *skip_space(const uint8_t *at, const uint8_t *end) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) at++;
    return at;
}

static const uint8_t *skip_value(const uint8_t *at, const uint8_t *end) {
    for (int depth = 0; at < end;) {
        switch (*at) {
        case '"':
            at = skip_string(at, end);
            if (!at) return NULL;
            if (depth == 0) return at;
            continue;
        case '{':
        case '[': depth++; break;
        case '}':
        case ']':
            if (depth == 0) return at;
            if (--depth == 0) return at + 1;
            break;
        case ',':
            if (depth == 0) return at;
        }
        at++;
    }
    return NULL;
}

static bool is_kept(const keep_t *keep, const uint8_t *name, uint32_t length) {
    for (uint32_t i = 0; i < keep->count; i++)
        if (keep->lengths[i] == length && memcmp(keep->names[i], name, length) == 0) return true;
    return false;
}

// The kept members, to `out`, which has room for all of them; NULL when it is no object.
static uint8_t *copy_members(const keep_t *keep, const uint8_t *at, const uint8_t *end, uint8_t *out) {
    at = skip_space(at, end);
    if (at == end || *at++ != '{') return NULL;
    *out++ = '{';
    bool is_first = true;
    at = skip_space(at, end);
    while (at < end && *at != '}') {
        const uint8_t *name = at;
        at = skip_string(at, end);
        if (!at) return NULL;
        const uint8_t *behind = at - 1;
        at = skip_space(at, end);
        if (at == end || *at++ != ':') return NULL;
        at = skip_value(skip_space(at, end), end);
        if (!at) return NULL;
        if (is_kept(keep, name + 1, (uint32_t)(behind - name - 1))) {
            if (!is_first) *out++ = ',';
            is_first = false;
            memcpy(out, name, (size_t)(at - name));
            out += at - name;
        }
        at = skip_space(at, end);
        if (at < end && *at == ',') at = skip_space(at + 1, end);
    }
    if (at == end) return NULL;
    *out++ = '}';
    return out;
}

void *patchbay_create(uint32_t transformer, const pb_bytes *options, const pb_output *output) {
    static const char start[] = "{\"fields\":[", reason[] = "`fields` is missing, or too much";
    keep_t *keep = transformer == 0 && options->length > sizeof start ? calloc(1, sizeof *keep) : NULL;
    const uint8_t *at = options->data.at + sizeof start - 1, *end = options->data.at + options->length;
    bool is_right = keep && memcmp(options->data.at, start, sizeof start - 1) == 0;
    while (is_right && at < end && *at == '"') {
        const uint8_t *name = at + 1;
        at = skip_string(at, end);
        is_right = at && keep->count < MOST && at - name <= LONGEST;
        if (!is_right) break;
        keep->lengths[keep->count] = (uint32_t)(at - 1 - name);
        memcpy(keep->names[keep->count++], name, (size_t)(at - 1 - name));
        if (at < end && *at == ',') at++;
    }
    if (is_right && keep->count > 0) return keep;
    free(keep);
    pb_log(output, PATCHBAY_ERROR, reason, sizeof reason - 1);
    return NULL;
}

int32_t patchbay_process(void *at, const pb_batch *batch, const pb_output *output) {
    keep_t *keep = at;
    for (uint32_t number = 0; number < batch->count; number++) {
        const pb_bytes *value = &pb_record_at(batch, number)->value;
        if ((size_t)value->length + 16 > keep->capacity) {
            uint8_t *out = realloc(keep->out, (size_t)value->length * 2 + 16);
            if (!out) return 1;
            keep->out = out;
            keep->capacity = (size_t)value->length * 2 + 16;
        }
        uint8_t *end = value->present ? copy_members(keep, value->data.at, value->data.at + value->length, keep->out) : NULL;
        if (end) {
            pb_emit(output, number, keep->out, (uint32_t)(end - keep->out));
        } else {
            pb_reject(output, number, "not_an_object", 13, NULL, 0, "the value must be a JSON object", 31);
        }
    }
    return 0;
}

void patchbay_destroy(void *at) {
    keep_t *keep = at;
    free(keep->out);
    free(keep);
}
