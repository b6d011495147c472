// Plugins as WebAssembly modules, run by wasmtime's library, which is loaded when the first one is.
//
// A module can do nothing but compute: it imports the four callbacks of patchbay_plugin.h and has memory of its own. An instance that
// was interrupted in a call is of no use any more; its memory may be in any state.
#ifndef PATCHBAY_PLUGIN_WASM_H
#define PATCHBAY_PLUGIN_WASM_H

#include <stddef.h>

#include "patchbay_plugin.h"
#include "plugin_pack.h"

// Why something can't be done. `text` says more.
#define PLUGIN_WASM_FINE 0u
/// The dynamic linker can't load wasmtime's library.
#define PLUGIN_WASM_NOT_LOADED 1u
/// The library lacks a function, or doesn't do what it is known for.
#define PLUGIN_WASM_OTHER_LIBRARY 2u
/// It can't be compiled.
#define PLUGIN_WASM_NOT_COMPILED 3u
#define PLUGIN_WASM_UNKNOWN_IMPORT 4u
#define PLUGIN_WASM_OTHER_IMPORT 5u
#define PLUGIN_WASM_NOT_EXPORTED 6u
#define PLUGIN_WASM_OTHER_EXPORT 7u
/// No instance can be made of it.
#define PLUGIN_WASM_NOT_INSTANTIATED 8u

typedef struct plugin_wasm_problem {
    uint32_t kind;
    char text[512];
} plugin_wasm_problem;

/// Loads wasmtime's library, for good, and tries it out. Thread: any, one at a time.
plugin_wasm_problem plugin_wasm_load(const char *_Nonnull path);

typedef struct plugin_wasm_module plugin_wasm_module;

/// Compiles a module and checks what it imports and exports. Thread: any; the same module may be used by several at once.
///
/// \returns NULL after a problem.
plugin_wasm_module *_Nullable plugin_wasm_compile(const void *_Nonnull bytes, size_t count, plugin_wasm_problem *_Nonnull problem);
void plugin_wasm_module_end(plugin_wasm_module *_Nonnull module);
int plugin_wasm_has_tick(const plugin_wasm_module *_Nonnull module);

/// What an instance may use.
typedef struct plugin_wasm_limits {
    /// Bytes of memory.
    uint64_t memory;
    /// For a call.
    int64_t deadline_ns;
    /// To begin: functions that run before the first call, the description, and patchbay_create.
    int64_t start_deadline_ns;
    /// Bytes of a batch that are put into its memory at a time.
    uint64_t input;
    /// Bytes that it may say in a call, and how many times it may say something.
    uint64_t output;
    uint32_t entries;
} plugin_wasm_limits;

// What came of a call.
#define PLUGIN_WASM_DONE 0u
/// The plugin says that its instance is done for.
#define PLUGIN_WASM_FAILED 1u
/// patchbay_create gives no instance.
#define PLUGIN_WASM_REFUSED 2u
/// A trap ended the call; `trap` of the ending says which.
#define PLUGIN_WASM_TRAPPED 3u
/// It ran out of time.
#define PLUGIN_WASM_LATE 4u
/// It says more than it may.
#define PLUGIN_WASM_FULL 5u
/// It gives an address outside of its memory; the text says to what.
#define PLUGIN_WASM_OUTSIDE 6u
/// patchbay_allocate gives no place.
#define PLUGIN_WASM_NO_ROOM 7u
/// wasmtime fails; the text says how.
#define PLUGIN_WASM_BROKEN 8u
/// The first record alone is larger than the input may be. The instance goes on.
#define PLUGIN_WASM_TOO_LARGE 9u

typedef struct plugin_wasm_instance plugin_wasm_instance;

/// Makes an instance of the module; none of a transformer yet. Thread: one at a time.
///
/// \returns NULL after a problem.
plugin_wasm_instance *_Nullable plugin_wasm_begin(
    const plugin_wasm_module *_Nonnull module, plugin_wasm_limits limits, plugin_wasm_problem *_Nonnull problem);
void plugin_wasm_end(plugin_wasm_instance *_Nonnull instance);

uint32_t plugin_wasm_abi(plugin_wasm_instance *_Nonnull instance, uint32_t *_Nonnull version);
/// The description lies in the module's memory, until the next call.
uint32_t plugin_wasm_describe(plugin_wasm_instance *_Nonnull instance, const uint8_t *_Nullable *_Nonnull start, uint32_t *_Nonnull length);
uint32_t plugin_wasm_create(plugin_wasm_instance *_Nonnull instance, uint32_t transformer, const void *_Nullable options, uint32_t count);
/// Puts records of the batch from `first` on into the module's memory, as many as fit, and gives them to the plugin.
uint32_t plugin_wasm_process(
    plugin_wasm_instance *_Nonnull instance, const pb_batch *_Nonnull batch, uint32_t first, uint32_t *_Nonnull taken);
uint32_t plugin_wasm_tick(plugin_wasm_instance *_Nonnull instance, int64_t now_ms);

/// What the plugin said in the last call: entries as in plugin_said.h, until the next call.
const uint8_t *_Nullable plugin_wasm_said(const plugin_wasm_instance *_Nonnull instance, size_t *_Nonnull count);

/// How the last call ended that didn't come to its end.
typedef struct plugin_wasm_ending {
    /// Of wasmtime's numbers; -1 for none.
    int trap;
    /// What patchbay_process or patchbay_tick returned.
    int32_t returned;
    const char *_Nonnull text;
} plugin_wasm_ending;
plugin_wasm_ending plugin_wasm_how(const plugin_wasm_instance *_Nonnull instance);

/// Bytes of memory that it has.
uint64_t plugin_wasm_memory(const plugin_wasm_instance *_Nonnull instance);

#endif
