// The contract between Patchbay and a plugin: copy this file, or point your compiler at it. C11, and nothing else is needed.
// docs/plugins.md leads from an empty folder to a running plugin.
//
// A plugin exports the functions at the end of this file under their names. Addresses take 8 bytes wherever a plugin runs, so
// one source and one layout serve in the router's process, in a process beside it and in WebAssembly.
//
// Threads: an instance is used by one thread at a time, not always by the same one. Two instances may run at the same time.
//
// Memory: nobody frees what is the other's. What the host hands in is valid until the call returns, and read-only; what the
// plugin hands out is copied before the callback returns. `pb_output` may be used only during the call it was passed to, on
// the thread of that call; anything else is ignored.
//
// Control: each call returns. No exception, longjmp or exit() may leave it, and no signal handler may be installed.
//
// Trust: a native plugin is part of the router's process. The host checks every number and every text that comes through this
// interface, but it can't check an address, and a crash of the plugin is a crash of the router. A WebAssembly module has memory of
// its own, in which all addresses are; what lies outside of it ends the call, and the instance with it.
#ifndef PATCHBAY_PLUGIN_H
#define PATCHBAY_PLUGIN_H

#include <stdint.h>

// What patchbay_abi() returns. Larger only when something changes that old plugins can't know; what is merely added is found by
// the sizes in the structures.
#define PATCHBAY_ABI 1u

// `record` of what patchbay_tick emits.
#define PATCHBAY_NO_RECORD UINT32_MAX

// Levels of pb_log.
#define PATCHBAY_DEBUG 0u
#define PATCHBAY_INFO 1u
#define PATCHBAY_WARNING 2u
#define PATCHBAY_ERROR 3u

// An address of 8 bytes, whatever the size of a pointer is.
typedef union pb_address {
    const uint8_t *at;
    uint64_t bits;
} pb_address;

// Text in UTF-8, or raw bytes; never terminated by a zero. Not present is something else than empty.
typedef struct pb_bytes {
    pb_address data;
    uint32_t length;
    uint32_t present;
} pb_bytes;

typedef struct pb_header {
    pb_bytes name;
    pb_bytes value;
} pb_header;

typedef struct pb_record {
    int64_t offset;
    int64_t timestamp_ms;       // since 1970; -1 when the record has none
    pb_bytes key;
    pb_bytes value;             // as it is in Kafka, or as the step before made it; any bytes. Not present: a tombstone
    int32_t partition;
    uint32_t header_count;      // 0 unless the description wants headers
    pb_address headers;         // pb_header[header_count]
} pb_record;

typedef struct pb_batch {
    uint32_t record_size;       // from one record to the next: a newer host appends fields. See pb_record_at
    uint32_t count;
    pb_bytes topic;
    pb_address records;
} pb_batch;

// Takes the verdicts. Each record of a batch gets exactly one: pb_emit, once or more often, or pb_reject, or pb_filter. A
// record that gets none is rejected as `plugin_failed`; a second verdict that contradicts the first one is ignored.
typedef struct pb_output pb_output;

#ifdef __wasm__

// Complete, so that languages which need a whole type see the same one everywhere.
struct pb_output {
    uint32_t unused;
};
#define PB_CALLBACK(name) __attribute__((import_module("patchbay"), import_name(#name))) extern
#define PATCHBAY_EXPORT(name) __attribute__((export_name(#name)))
PB_CALLBACK(emit) void pb_emit(const pb_output *, uint32_t record, const void *data, uint32_t length);
PB_CALLBACK(reject) void pb_reject(const pb_output *, uint32_t record, const char *code, uint32_t code_length, const char *field,
    uint32_t field_length, const char *text, uint32_t text_length);
PB_CALLBACK(filter) void pb_filter(const pb_output *, uint32_t record, const char *text, uint32_t text_length);
PB_CALLBACK(log) void pb_log(const pb_output *, uint32_t level, const char *text, uint32_t text_length);
// Where the host puts options and batches, for `size` bytes; NULL when there is no room. It is the host's until the next call of this
// function, which takes the place back.
PATCHBAY_EXPORT(patchbay_allocate) void *patchbay_allocate(uint32_t size);

#else

#define PATCHBAY_EXPORT(name) __attribute__((visibility("default")))
struct pb_output {
    uint32_t size;              // of this structure: a newer host appends callbacks
    uint32_t abi;               // the host's PATCHBAY_ABI
    void (*emit)(const pb_output *, uint32_t record, const void *data, uint32_t length);
    void (*reject)(const pb_output *, uint32_t record, const char *code, uint32_t code_length, const char *field,
        uint32_t field_length, const char *text, uint32_t text_length);
    void (*filter)(const pb_output *, uint32_t record, const char *text, uint32_t text_length);
    void (*log)(const pb_output *, uint32_t level, const char *text, uint32_t text_length);
};

// One message with this data, which must be one whole JSON value in UTF-8. `data` NULL: the record's own value, uncopied.
static inline void pb_emit(const pb_output *output, uint32_t record, const void *data, uint32_t length) {
    output->emit(output, record, data, length);
}

// The record breaks a rule. `code` is a stable word of a-z, 0-9 and _, for metrics and dead letters; a plugin has a few of them.
// `field` names what is wrong in the record, or is empty; `text` is a sentence for people: what is wrong, what would be right.
static inline void pb_reject(const pb_output *output, uint32_t record, const char *code, uint32_t code_length, const char *field,
    uint32_t field_length, const char *text, uint32_t text_length) {
    output->reject(output, record, code, code_length, field, field_length, text, text_length);
}

// The record is left out on purpose; `text` says why, for `patchbay explain`.
static inline void pb_filter(const pb_output *output, uint32_t record, const char *text, uint32_t text_length) {
    output->filter(output, record, text, text_length);
}

// A line for the router's log, of which there are a few a second at the most. During patchbay_create: why it fails.
static inline void pb_log(const pb_output *output, uint32_t level, const char *text, uint32_t text_length) {
    output->log(output, level, text, text_length);
}

#endif

// The record of that number; records must not be indexed as an array of pb_record.
static inline const pb_record *pb_record_at(const pb_batch *batch, uint32_t number) {
    return (const pb_record *)(const void *)(batch->records.at + (uint64_t)number * batch->record_size);
}

// ---- What a plugin exports ------------------------------------------------------------------------------------------------

// PATCHBAY_ABI. Called first; nothing else is called when the host has another one.
PATCHBAY_EXPORT(patchbay_abi) uint32_t patchbay_abi(void);

// JSON that says which transformers there are and which options they take: docs/plugins.md. The text stays as it is.
PATCHBAY_EXPORT(patchbay_describe) const pb_bytes *patchbay_describe(void);

// An instance of a transformer, by its place in the description, from 0. `options` is a JSON object with each option that is
// given or has a default, checked against the description. NULL: these options don't do; the last pb_log says why. Also called
// when a configuration is only checked, and then no record follows.
PATCHBAY_EXPORT(patchbay_create) void *patchbay_create(uint32_t transformer, const pb_bytes *options, const pb_output *);

// Gives verdicts on a batch, which may be empty. Anything but 0: something broke. The instance is destroyed, and records
// without a verdict are tried again on new ones, in ever smaller batches, until the ones that break it are found.
PATCHBAY_EXPORT(patchbay_process) int32_t patchbay_process(void *instance, const pb_batch *, const pb_output *);

// Only for transformers whose description has "tick_ms": time has passed. Emits for PATCHBAY_NO_RECORD. The result is as above.
PATCHBAY_EXPORT(patchbay_tick) int32_t patchbay_tick(void *instance, int64_t now_ms, const pb_output *);

// The last call for an instance.
PATCHBAY_EXPORT(patchbay_destroy) void patchbay_destroy(void *instance);

#endif
