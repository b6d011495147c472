// A WebAssembly plugin for tests: does what the record's value says. What is wrong about it as a whole is chosen when it is compiled.
#include "patchbay_plugin.h"
#include "patchbay_wasm.h"

#ifndef ABI
#define ABI PATCHBAY_ABI
#endif

static const char description[] =
    "{\"transformers\":[{\"name\":\"sandboxed\",\"summary\":\"Does what the value says.\",\"tick_ms\":10,\"wants\":[\"headers\"],"
    "\"options\":[{\"name\":\"create\",\"kind\":\"string\",\"documentation\":\"What happens to the instance.\"}]}]}";

uint32_t patchbay_abi(void) { return ABI; }

static volatile int one = 1;
static volatile char *touched;

static void loop(void) {
    while (one) touched = NULL;
}

static void bomb(void) {
    // As much as there is, and then as if there were more.
    while (one) {
        char *more = malloc(1 << 20);
        if (!more) __builtin_trap();
        memset(more, 1, 1 << 20);
        touched = more;
    }
}

__attribute__((noinline)) static int deep(int level) { return one ? deep(level + 1) ^ one : level; }

const pb_bytes *patchbay_describe(void) {
    static pb_bytes text;
#ifdef DESCRIBE_HANGS
    loop();
#endif
#ifdef DESCRIBE_OUTSIDE
    return (const pb_bytes *)0x7fffff00;
#endif
    text.data.at = (const uint8_t *)description;
    text.length = sizeof description - 1;
#ifdef DESCRIBE_LONG
    text.length = 0xfffffff0u;
#endif
    text.present = 1;
    return &text;
}

#ifdef UNKNOWN_IMPORT
__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_write"))) extern int fd_write(int, int, int, int);
#endif
#ifdef OTHER_IMPORT
__attribute__((import_module("patchbay"), import_name("emit"))) extern int other_emit(int);
#endif

static int has(const pb_bytes *value, const char *word) {
    size_t length = strlen(word);
    for (size_t i = 0; value->present && i + length <= value->length; i++)
        if (memcmp(value->data.at + i, word, length) == 0) return 1;
    return 0;
}

static uint32_t made, calls;

void *patchbay_create(uint32_t transformer, const pb_bytes *options, const pb_output *output) {
    if (transformer != 0) return NULL;
    if (has(options, "refuse")) {
        pb_log(output, PATCHBAY_ERROR, "not these", 9);
        return NULL;
    }
    if (has(options, "trap")) __builtin_trap();
    if (has(options, "hang")) loop();
    if (has(options, "flood")) for (;;) pb_log(output, PATCHBAY_INFO, description, sizeof description);
#ifdef UNKNOWN_IMPORT
    fd_write(1, 2, 3, 4);
#endif
#ifdef OTHER_IMPORT
    other_emit(1);
#endif
    made += 1;
    return &made;
}

#ifdef OTHER_PROCESS
int64_t patchbay_process_as_it_is_not(void *at) __attribute__((export_name("patchbay_process")));
int64_t patchbay_process_as_it_is_not(void *at) { return at != NULL; }
#define patchbay_process not_exported
#endif
#ifdef NO_PROCESS
#define patchbay_process not_exported
#endif

static void number(const pb_output *output, uint32_t record, uint32_t value) {
    char digits[11] = "1000000000";
    for (int place = 9; place > 0; place--, value /= 10) digits[place] = (char)('0' + value % 10);
    pb_emit(output, record, digits, 10);
}

#if defined(OTHER_PROCESS) || defined(NO_PROCESS)
int32_t patchbay_process(void *at, const pb_batch *batch, const pb_output *output);
#endif

int32_t patchbay_process(void *at, const pb_batch *batch, const pb_output *output) {
    (void)at;
    calls += 1;
    for (uint32_t i = 0; i < batch->count; i++) {
        const pb_record *record = pb_record_at(batch, i);
        const pb_bytes *value = &record->value;
        if (has(value, "twice and trap")) {
            pb_emit(output, i, "1", 1);
            pb_emit(output, i, "2", 1);
            __builtin_trap();
        }
        if (has(value, "trap")) __builtin_trap();
        if (has(value, "hang")) loop();
        if (has(value, "deep")) number(output, i, (uint32_t)deep(0));
        if (has(value, "bomb")) bomb();
        if (has(value, "divide")) number(output, i, 7 / (uint32_t)(one - 1));
        if (has(value, "fail")) return 1;
        if (has(value, "reach")) touched = (char *)0xfffffff0u, touched[0] = 1;
        if (has(value, "large flood")) for (;;) pb_emit(output, i, (const void *)16, 60000);
        if (has(value, "flood")) for (;;) pb_emit(output, i, "1", 1);
        if (has(value, "lying address")) pb_emit(output, i, (const void *)0xfffffff0u, 8);
        if (has(value, "lying length")) pb_emit(output, i, value->data.at, 0xffffffffu);
        if (has(value, "lying reason")) pb_reject(output, i, "code", 4, (const char *)0x7fffffff, 9, "no", 2);
        if (has(value, "lying filter")) pb_filter(output, i, "no", 0x7fffffff);
        if (has(value, "lying log")) pb_log(output, PATCHBAY_INFO, (const char *)0xffffffffu, 1);
        if (has(value, "lying record")) {
            pb_emit(output, batch->count, "1", 1);
            pb_emit(output, UINT32_MAX, "1", 1);
            pb_emit(output, 0x80000000u, NULL, 0);
            continue;
        }
        if (has(value, "silent")) continue;
        if (has(value, "grow")) {
            // What the host knows of the memory moves with it.
            char *more = malloc(3 << 20);
            if (!more) return 1;
            memset(more, ' ', 3 << 20);
            more[0] = '7';
            pb_emit(output, i, more, 1000);
            free(more);
        } else if (has(value, "calls")) {
            number(output, i, calls);
        } else if (has(value, "headers")) {
            const pb_header *headers = (const pb_header *)(const void *)record->headers.at;
            char text[64] = "\"";
            size_t length = 1;
            for (uint32_t n = 0; n < record->header_count; n++) {
                memcpy(text + length, headers[n].name.data.at, headers[n].name.length);
                length += headers[n].name.length;
                text[length++] = headers[n].value.present ? '=' : '!';
                if (headers[n].value.present) memcpy(text + length, headers[n].value.data.at, headers[n].value.length);
                length += headers[n].value.present ? headers[n].value.length : 0;
            }
            text[length++] = '"';
            pb_emit(output, i, text, (uint32_t)length);
        } else if (has(value, "copy")) {
            pb_emit(output, i, value->data.at, value->length);
        } else if (has(value, "filter")) {
            pb_filter(output, i, "it says so", 10);
        } else if (has(value, "reject")) {
            pb_reject(output, i, "code", 4, "a", 1, "no", 2);
        } else {
            pb_emit(output, i, NULL, 0);
        }
    }
    return 0;
}

int32_t patchbay_tick(void *at, int64_t now_ms, const pb_output *output) {
    (void)at;
    if (now_ms < 0) __builtin_trap();
    pb_emit(output, PATCHBAY_NO_RECORD, now_ms > (int64_t)1 << 40 ? "\"late\"" : "\"tick\"", 6);
    return 0;
}

void patchbay_destroy(void *at) { (void)at; }
