// A plugin for tests that does what it must not do, as each record's value says. What is wrong about it as a whole is chosen when
// it is compiled.
#include <stdlib.h>
#include <string.h>

#include "patchbay_plugin.h"

#ifndef ABI
#define ABI PATCHBAY_ABI
#endif
#ifndef DESCRIPTION
#define DESCRIPTION                                                                                                                 \
    "{\"version\":\"1\",\"transformers\":[{\"name\":\"liar\",\"summary\":\"Does what the value says.\",\"options\":["                \
    "{\"name\":\"refuse\",\"kind\":\"string\",\"documentation\":\"Why it refuses.\"},"                                               \
    "{\"name\":\"greeting\",\"kind\":\"string\",\"default\":\"hello\",\"documentation\":\"What it says.\"}],"                        \
    "\"wants\":[\"headers\"],\"tick_ms\":10,\"output\":{\"type\":\"object\"}}]}"
#endif
#ifndef ANSWER
#define ANSWER "{\"version\":1}"
#endif

static const char description[] = DESCRIPTION;

uint32_t patchbay_abi(void) { return ABI; }

const pb_bytes *patchbay_describe(void) {
    static pb_bytes text;
    text.data.bits = (uint64_t)(uintptr_t)description;
    text.length = sizeof description - 1;
    text.present = 1;
#ifdef NO_DESCRIPTION
    return NULL;
#else
    return &text;
#endif
}

typedef struct {
    char options[256];
    uint32_t options_length;
    uint32_t batches;
} instance_t;

static const pb_output *kept;
static uint32_t made;

void *patchbay_create(uint32_t transformer, const pb_bytes *options, const pb_output *output) {
    static const char refuse[] = "\"refuse\":\"";
    const char *text = (const char *)options->data.at;
    char copy[256] = {0};
    if (transformer > 1 || options->length >= sizeof copy) return NULL;
    memcpy(copy, text, options->length);
    const char *found = strstr(copy, refuse);
    if (found) {
        found += strlen(refuse);
        pb_log(output, PATCHBAY_ERROR, found, (uint32_t)strcspn(found, "\""));
        // What is emitted here belongs to no record.
        pb_emit(output, 0, "1", 1);
        return NULL;
    }
    instance_t *instance = calloc(1, sizeof *instance);
    if (!instance) return NULL;
    memcpy(instance->options, copy, sizeof copy);
    instance->options_length = options->length;
    made += 1;
    return instance;
}

__attribute__((unused)) static int is(const pb_bytes *value, const char *word) {
    return value->present && value->length == strlen(word) && memcmp(value->data.at, word, value->length) == 0;
}

__attribute__((unused)) static void reject(const pb_output *output, uint32_t number, const char *code, const char *field, const char *text) {
    pb_reject(output, number, code, (uint32_t)strlen(code), field, (uint32_t)strlen(field), text, (uint32_t)strlen(text));
}

#ifndef NO_PROCESS
int32_t patchbay_process(void *at, const pb_batch *batch, const pb_output *output) {
    instance_t *instance = at;
    instance->batches += 1;
    kept = output;
    for (uint32_t number = 0; number < batch->count; number++) {
        const pb_record *record = pb_record_at(batch, number);
        const pb_bytes *value = &record->value;
        if (is(value, "\"silent\"")) continue;
        if (is(value, "\"twice\"")) {
            pb_emit(output, number, "1", 1);
            pb_emit(output, number, "2", 1);
        } else if (is(value, "\"both\"")) {
            reject(output, number, "first", "a.b", "no");
            pb_emit(output, number, "1", 1);
            pb_filter(output, number, "x", 1);
            reject(output, number, "second", "", "no");
        } else if (is(value, "\"late reject\"")) {
            pb_emit(output, number, "1", 1);
            reject(output, number, "first", "", "no");
        } else if (is(value, "\"outside\"")) {
            pb_emit(output, batch->count, "1", 1);
            pb_emit(output, PATCHBAY_NO_RECORD, "1", 1);
            pb_filter(output, 4000000000u, NULL, 7);
        } else if (is(value, "\"half\"")) {
            pb_emit(output, number, "{\"a\":", 5);
        } else if (is(value, "\"two\"")) {
            pb_emit(output, number, "{} {}", 5);
        } else if (is(value, "\"bytes\"")) {
            pb_emit(output, number, "\"\xFF\"", 3);
        } else if (is(value, "\"nothing\"")) {
            pb_emit(output, number, "", 0);
        } else if (is(value, "\"code\"")) {
            reject(output, number, "Not a Word!", "", "why");
        } else if (is(value, "\"codes\"")) {
            char code[] = "code_00";
            code[5] = (char)('0' + number / 10 % 10);
            code[6] = (char)('0' + number % 10);
            reject(output, number, code, "", "");
        } else if (is(value, "\"long\"")) {
            static char text[4000];
            memset(text, 'x', sizeof text);
            memcpy(text, "\033[31m\xC3\n", 7);
            pb_reject(output, number, "long", 4, text, sizeof text, text, sizeof text);
        } else if (is(value, "\"filter\"")) {
            pb_filter(output, number, "it is not wanted", 16);
        } else if (is(value, "\"fail\"")) {
            return 1;
        } else if (is(value, "\"options\"")) {
            pb_emit(output, number, instance->options, instance->options_length);
        } else if (is(value, "\"answer\"")) {
            pb_emit(output, number, ANSWER, sizeof ANSWER - 1);
        } else if (is(value, "\"made\"")) {
            char digits[] = "1000000";
            for (uint32_t rest = made, place = 6; place > 0; place--, rest /= 10) digits[place] = (char)('0' + rest % 10);
            pb_emit(output, number, digits, 7);
        } else if (is(value, "\"headers\"")) {
            char text[256] = "\"";
            const pb_header *headers = (const pb_header *)(const void *)record->headers.at;
            for (uint32_t i = 0; i < record->header_count; i++) {
                strncat(text, (const char *)headers[i].name.data.at, headers[i].name.length);
                strcat(text, headers[i].value.present ? "=" : "!");
                if (headers[i].value.present) strncat(text, (const char *)headers[i].value.data.at, headers[i].value.length);
            }
            strcat(text, "\"");
            pb_emit(output, number, text, (uint32_t)strlen(text));
        } else {
            pb_emit(output, number, NULL, 0);
        }
    }
    return 0;
}
#endif

#ifndef NO_TICK
int32_t patchbay_tick(void *at, int64_t now_ms, const pb_output *output) {
    (void)at;
    pb_emit(output, PATCHBAY_NO_RECORD, now_ms > 0 ? "{\"tick\":true}" : "x", now_ms > 0 ? 13 : 1);
    pb_emit(output, 0, "1", 1);
    pb_emit(output, PATCHBAY_NO_RECORD, NULL, 0);
    return now_ms < 0;
}
#endif

void patchbay_destroy(void *at) {
    // The output of a call that is over.
    if (kept) pb_emit(kept, 0, "\"after\"", 7);
    free(at);
}
