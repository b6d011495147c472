// The host's side of plugins, which plugins don't see.
#ifndef PATCHBAY_PLUGIN_HOST_H
#define PATCHBAY_PLUGIN_HOST_H

#include <stddef.h>

#include "patchbay_plugin.h"

/// What a native plugin gets as its `pb_output`, with what the host needs to know behind it.
typedef struct plugin_host_output {
    /// First, so that both have one address.
    pb_output callbacks;
    /// Who takes the verdicts; NULL while no call of the plugin runs.
    void *_Nullable receiver;
    /// The thread of that call.
    uint64_t thread;
} plugin_host_output;

/// What became of loading a library.
typedef struct plugin_host_library {
    /// NULL when it failed.
    void *_Nullable handle;
    /// The system call that failed; NULL when it was the dynamic linker.
    const char *_Nullable call;
    /// Of that call.
    int error;
    /// What the dynamic linker says.
    char message[512];
} plugin_host_library;

/// Loads a library from a copy in memory that nobody can change any more: writing over a file that is mapped kills the process, and
/// the dynamic linker gives the old library for a path that it knows. The copy's descriptor stays open, since a number that is
/// used again would be such a path. Never unloaded: threads and destructors of the library may still run.
plugin_host_library plugin_host_load(const void *_Nonnull bytes, size_t count, const char *_Nonnull name);

/// The address of an exported function; NULL when there is none.
void *_Nullable plugin_host_symbol(void *_Nonnull handle, const char *_Nonnull name);

/// A number for the calling thread.
uint64_t plugin_host_thread(void);

/// The text of patchbay_plugin.h, for those who begin a plugin, and how many bytes it has.
const char *_Nonnull plugin_host_header(size_t *_Nonnull length);
/// The same for patchbay_wasm.h and patchbay_wasm.c, for those that become WebAssembly.
const char *_Nonnull plugin_host_wasm_header(size_t *_Nonnull length);
const char *_Nonnull plugin_host_wasm_source(size_t *_Nonnull length);

#endif
