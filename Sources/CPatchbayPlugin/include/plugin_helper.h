// Between the router and patchbay-plugin-host, the process that runs a plugin with `isolate: process`. Plugins don't see it.
//
// Both have one memory area. The router writes a request and a byte into one pipe; the helper writes an answer and a byte into
// another. Records lie in the area as the plugin reads them, at addresses of the helper; what the plugin says lies there as a
// list of entries. The helper is not to be trusted: the router takes each number out of the area once, copies what it is to read,
// and then checks it.
#ifndef PATCHBAY_PLUGIN_HELPER_H
#define PATCHBAY_PLUGIN_HELPER_H

#include <stddef.h>

#include "patchbay_plugin.h"

/// Another one whenever this file changes: the program may be from another build than the router.
#define PLUGIN_HELPER_PROTOCOL 1u

// Descriptors of the helper; everything else is closed.
#define PLUGIN_HELPER_AREA 3
#define PLUGIN_HELPER_REQUESTS 4
#define PLUGIN_HELPER_ANSWERS 5
/// A pipe that nobody writes to: it ends when the router does.
#define PLUGIN_HELPER_LIFE 6
#define PLUGIN_HELPER_LIBRARY 7

// The area: this structure, then what goes in, then what comes out. Memory is taken only for what is used.
#define PLUGIN_HELPER_INPUT 4096u
#define PLUGIN_HELPER_INPUT_SIZE (32u << 20)
#define PLUGIN_HELPER_OUTPUT (PLUGIN_HELPER_INPUT + PLUGIN_HELPER_INPUT_SIZE)
#define PLUGIN_HELPER_OUTPUT_SIZE (32u << 20)
#define PLUGIN_HELPER_SIZE (PLUGIN_HELPER_OUTPUT + PLUGIN_HELPER_OUTPUT_SIZE)
/// Entries of one answer.
#define PLUGIN_HELPER_ENTRIES (1u << 18)

// What is asked. The first two are there when the helper starts, and there is one of them in its life.
#define PLUGIN_HELPER_DESCRIBE 1u
#define PLUGIN_HELPER_CREATE 2u
#define PLUGIN_HELPER_PROCESS 3u
#define PLUGIN_HELPER_TICK 4u

// What came of it.
#define PLUGIN_HELPER_DONE 0u
/// The plugin says that its instance is done for.
#define PLUGIN_HELPER_FAILED 1u
/// patchbay_create gives no instance.
#define PLUGIN_HELPER_REFUSED 2u
/// The output has no room left; the helper ends.
#define PLUGIN_HELPER_FULL 3u
/// The dynamic linker can't load the library; a text says why.
#define PLUGIN_HELPER_NOT_LOADED 4u
/// It exports something not; a text says what.
#define PLUGIN_HELPER_NOT_EXPORTED 5u
/// It has another version of the interface: `number`.
#define PLUGIN_HELPER_OTHER_ABI 6u
#define PLUGIN_HELPER_NO_DESCRIPTION 7u
/// The kernel doesn't let the helper give up its rights: error `number`.
#define PLUGIN_HELPER_NOT_CONFINED 8u
/// A system call failed, with error `number`; a text says which.
#define PLUGIN_HELPER_SYSTEM 9u
/// It crashes, and less than a quarter of its address space is left.
#define PLUGIN_HELPER_SHORT 10u

typedef struct plugin_helper_area {
    // By the router.
    uint64_t request;
    uint32_t operation;
    uint32_t transformer;
    int64_t now_ms;
    /// Bytes of address space for the plugin.
    uint64_t memory;
    /// Whether to go on where the kernel doesn't let the helper give up its rights.
    uint32_t may_be_unconfined;
    /// Bytes of options, at the beginning of the input.
    uint32_t options_length;
    pb_batch batch;

    // By the helper.
    /// The request that is answered.
    uint64_t answer;
    uint32_t protocol;
    uint32_t outcome;
    /// Where the area is in the helper.
    uint64_t base;
    /// Bytes of entries. Grows with each one, so that something is left of a helper that breaks.
    uint64_t used;
    int32_t number;
    uint32_t has_tick;
} plugin_helper_area;

// Kinds of entries.
#define PLUGIN_HELPER_EMIT 1u
/// The record's own value.
#define PLUGIN_HELPER_EMIT_OWN 2u
#define PLUGIN_HELPER_REJECT 3u
#define PLUGIN_HELPER_FILTER 4u
/// `record` is the level.
#define PLUGIN_HELPER_LOG 5u
/// A description, or why something failed.
#define PLUGIN_HELPER_TEXT 6u

/// What the plugin says, followed by its bytes one after the other, and by what is missing to a multiple of 8.
typedef struct plugin_helper_entry {
    uint32_t kind;
    uint32_t record;
    uint32_t code_length;
    uint32_t field_length;
    uint32_t text_length;
    uint32_t reserved;
} plugin_helper_entry;

// ---- The router's side: helper.c -------------------------------------------------------------------------------------------

/// A process, or what became of starting it. Numbers are -1 where there is none.
typedef struct plugin_helper {
    plugin_helper_area *_Nullable area;
    int area_descriptor;
    /// A pidfd, and the process id. Until `plugin_helper_end` no other process gets that number: nobody waits for this one before.
    int process;
    int number;
    int requests;
    int requests_reader;
    int answers;
    int life;
    /// Bytes of the batch in the area.
    size_t packed;
    /// The system call that failed; NULL when none did.
    const char *_Nullable call;
    int error;
} plugin_helper;

/// A copy of a library in memory that nobody can change; -1 with `errno` when that fails.
int plugin_helper_seal(const void *_Nonnull bytes, size_t count, const char *_Nonnull name);

/// A helper that isn't started, with its area.
plugin_helper plugin_helper_prepare(void);

/// Starts it, on a thread that lives as long as the router does: a helper gets a signal when the thread that started it ends.
/// Waits until that is done, for about a millisecond. Whether it worked says `call`.
void plugin_helper_start(plugin_helper *_Nonnull helper, const char *_Nonnull program, int library, const char *_Nonnull name);

/// Ends it, at once, and frees everything. Doesn't wait for the end.
void plugin_helper_end(plugin_helper *_Nonnull helper);

/// Puts records of a batch from `first` on into the area.
///
/// \returns how many; 0 when the first one alone is too large.
uint32_t plugin_helper_pack(plugin_helper *_Nonnull helper, uint64_t base, const pb_batch *_Nonnull batch, uint32_t first);

/// Asks. Doesn't wait; 0 when the helper can't be asked.
int plugin_helper_ask(const plugin_helper *_Nonnull helper, uint32_t operation, uint64_t request);

#define PLUGIN_HELPER_ANSWERED 1
#define PLUGIN_HELPER_LATE 0
#define PLUGIN_HELPER_ENDED -1

/// Waits for the answer, and no longer than that.
int plugin_helper_wait(const plugin_helper *_Nonnull helper, int64_t nanoseconds);

/// What a helper says, read once.
typedef struct plugin_helper_answer {
    uint64_t answer;
    uint64_t base;
    uint64_t used;
    uint32_t protocol;
    uint32_t outcome;
    int32_t number;
    uint32_t has_tick;
} plugin_helper_answer;
plugin_helper_answer plugin_helper_read(const plugin_helper *_Nonnull helper);

/// Gives memory back that an unusually large batch has taken.
///
/// - used: bytes of output.
void plugin_helper_trim(plugin_helper *_Nonnull helper, size_t used);

/// Whether a living helper has less than a quarter of `memory` bytes left of the address space that it may have.
int plugin_helper_is_short(const plugin_helper *_Nonnull helper, uint64_t memory);

/// How an ended helper ended: its exit code, or the negative number of a signal.
int plugin_helper_status(const plugin_helper *_Nonnull helper);

#endif
