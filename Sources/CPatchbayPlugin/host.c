#define _GNU_SOURCE

#include "plugin_host.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__clang__)
// C23, which every compiler of this package has; the package as a whole is on an older standard.
#pragma clang diagnostic ignored "-Wc23-extensions"
#endif

// Of Linux 6.3; where the administrator wants it, a file without it can't be run.
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

_Static_assert(sizeof(pb_bytes) == 16 && sizeof(pb_header) == 32, "the layout is a contract");
_Static_assert(sizeof(pb_record) == 64 && sizeof(pb_batch) == 32, "the layout is a contract");

static const char header[] = {
#embed "include/patchbay_plugin.h"
};

static const char wasm_header[] = {
#embed "wasm/patchbay_wasm.h"
};

static const char wasm_source[] = {
#embed "wasm/patchbay_wasm.c"
};

const char *plugin_host_header(size_t *length) {
    *length = sizeof header;
    return header;
}

const char *plugin_host_wasm_header(size_t *length) {
    *length = sizeof wasm_header;
    return wasm_header;
}

const char *plugin_host_wasm_source(size_t *length) {
    *length = sizeof wasm_source;
    return wasm_source;
}

static plugin_host_library failed(const char *call, int descriptor) {
    plugin_host_library result = {.call = call, .error = errno};
    if (descriptor >= 0) close(descriptor);
    return result;
}

plugin_host_library plugin_host_load(const void *bytes, size_t count, const char *name) {
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (descriptor < 0 && errno == EINVAL) descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0) return failed("memfd_create", -1);
    for (size_t written = 0; written < count;) {
        ssize_t part = write(descriptor, (const char *)bytes + written, count - written);
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0) return failed("write", descriptor);
        written += (size_t)part;
    }
    if (fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) return failed("fcntl", descriptor);

    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    plugin_host_library result = {.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    if (result.handle) return result;
    const char *reason = dlerror();
    if (!reason) reason = "no reason is given";
    // The path says nothing to people, and nothing is known by it when loading fails.
    size_t length = strlen(path);
    if (strncmp(reason, path, length) == 0 && strncmp(reason + length, ": ", 2) == 0) reason += length + 2;
    snprintf(result.message, sizeof result.message, "%s", reason);
    close(descriptor);
    return result;
}

void *plugin_host_symbol(void *handle, const char *name) { return dlsym(handle, name); }

uint64_t plugin_host_thread(void) { return (uint64_t)pthread_self(); }
