// Runs one instance of a plugin for the router, in a process of its own: see plugin_helper.h. In C and alone, because it starts in a
// millisecond then, and an instance that broke is replaced while a batch waits.
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confinement.h"
#include "plugin_helper.h"

static plugin_helper_area *area;
static uint8_t *output_start;
static uint64_t used;
static uint32_t entries;
/// Whether a call of the plugin runs, and on which thread.
static int is_open;
static pthread_t open_thread;

static struct {
    const pb_bytes *(*describe)(void);
    void *(*create)(uint32_t, const pb_bytes *, const pb_output *);
    int32_t (*process)(void *, const pb_batch *, const pb_output *);
    int32_t (*tick)(void *, int64_t, const pb_output *);
} plugin;

// ---- The way to the router -------------------------------------------------------------------------------------------------

static void reply(uint32_t outcome) {
    __atomic_store_n(&area->outcome, outcome, __ATOMIC_RELAXED);
    __atomic_store_n(&area->answer, __atomic_load_n(&area->request, __ATOMIC_RELAXED), __ATOMIC_RELEASE);
    while (write(PLUGIN_HELPER_ANSWERS, "", 1) < 0 && errno == EINTR) continue;
}

static _Noreturn void reply_and_end(uint32_t outcome) {
    reply(outcome);
    _exit(0);
}

static void append(uint32_t kind, uint32_t record, const void *code, uint32_t code_length, const void *field, uint32_t field_length,
    const void *text, uint32_t text_length) {
    // An address that isn't there has no bytes.
    if (!code) code_length = 0;
    if (!field) field_length = 0;
    if (!text) text_length = 0;
    uint64_t size = sizeof(plugin_helper_entry) + (uint64_t)code_length + field_length + text_length;
    uint64_t end = used + ((size + 7) & ~(uint64_t)7);
    // A plugin in an endless loop wouldn't come back to hear of it.
    if (end > PLUGIN_HELPER_OUTPUT_SIZE || entries == PLUGIN_HELPER_ENTRIES) reply_and_end(PLUGIN_HELPER_FULL);
    plugin_helper_entry *entry = (plugin_helper_entry *)(void *)(output_start + used);
    *entry = (plugin_helper_entry){
        .kind = kind, .record = record, .code_length = code_length, .field_length = field_length, .text_length = text_length};
    uint8_t *bytes = (uint8_t *)(entry + 1);
    if (code_length) memcpy(bytes, code, code_length);
    if (field_length) memcpy(bytes + code_length, field, field_length);
    if (text_length) memcpy(bytes + code_length + field_length, text, text_length);
    entries += 1;
    used = end;
    __atomic_store_n(&area->used, used, __ATOMIC_RELEASE);
}

static _Noreturn void fail(uint32_t outcome, int number, const char *text) {
    area->number = number;
    append(PLUGIN_HELPER_TEXT, 0, NULL, 0, NULL, 0, text, (uint32_t)strlen(text));
    reply_and_end(outcome);
}

// ---- What the plugin may call ----------------------------------------------------------------------------------------------

static int takes(void) { return is_open && pthread_equal(open_thread, pthread_self()); }

static void on_emit(const pb_output *output, uint32_t record, const void *data, uint32_t length) {
    (void)output;
    if (takes()) append(data ? PLUGIN_HELPER_EMIT : PLUGIN_HELPER_EMIT_OWN, record, NULL, 0, NULL, 0, data, length);
}

static void on_reject(const pb_output *output, uint32_t record, const char *code, uint32_t code_length, const char *field,
    uint32_t field_length, const char *text, uint32_t text_length) {
    (void)output;
    if (takes()) append(PLUGIN_HELPER_REJECT, record, code, code_length, field, field_length, text, text_length);
}

static void on_filter(const pb_output *output, uint32_t record, const char *text, uint32_t text_length) {
    (void)output;
    if (takes()) append(PLUGIN_HELPER_FILTER, record, NULL, 0, NULL, 0, text, text_length);
}

static void on_log(const pb_output *output, uint32_t level, const char *text, uint32_t text_length) {
    (void)output;
    if (takes()) append(PLUGIN_HELPER_LOG, level, NULL, 0, NULL, 0, text, text_length);
}

static const pb_output output = {
    .size = sizeof output, .abi = PATCHBAY_ABI, .emit = on_emit, .reject = on_reject, .filter = on_filter, .log = on_log};

static void open_output(void) {
    used = 0;
    entries = 0;
    open_thread = pthread_self();
    is_open = 1;
}

// ---- A process that can do little -------------------------------------------------------------------------------------------

/// The router is gone when the pipe ends. The parent-death signal says the same, unless the router was gone before it was asked for.
static void *watch_life(void *unused) {
    (void)unused;
    char byte;
    while (read(PLUGIN_HELPER_LIFE, &byte, 1) < 0 && errno == EINTR) continue;
    _exit(0);
}

static void close_others(void) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, PLUGIN_HELPER_LIBRARY + 1, ~0U, 0) == 0) return;
#endif
    long most = sysconf(_SC_OPEN_MAX);
    for (int i = PLUGIN_HELPER_LIBRARY + 1; i < (most < 0 ? 65536 : most); i++) close(i);
}

/// When memory runs out on the machine, rather this process than the router.
static void volunteer(void) {
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    (void)!write(file, "800", 3);
    close(file);
}

static void watch_router(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 10);
    int error = pthread_create(&thread, &attributes, watch_life, NULL);
    if (error) fail(PLUGIN_HELPER_SYSTEM, error, "pthread_create");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/// Address space that is taken already is not the plugin's.
static uint64_t own_memory(void) {
    char text[64] = {0};
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    return count > 0 ? strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/// The plugin crashes, and a limit that is near may be the reason. It crashes again when this returns.
static void note_shortage(int signal) {
    (void)signal;
    void *more = mmap(NULL, area->memory / 4, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (more == MAP_FAILED) __atomic_store_n(&area->outcome, PLUGIN_HELPER_SHORT, __ATOMIC_RELEASE);
}

static void limit_memory(void) {
    rlim_t most = (rlim_t)(area->memory + own_memory());
    struct rlimit memory = {most, most};
    if (setrlimit(RLIMIT_AS, &memory) != 0) fail(PLUGIN_HELPER_SYSTEM, errno, "setrlimit");
    struct sigaction action = {.sa_handler = note_shortage, .sa_flags = (int)SA_RESETHAND};
    const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGTRAP};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) sigaction(crashes[i], &action, NULL);
}

/// - `error` of a confinement: without it the plugin only runs where the configuration says so.
static void insist(int error) {
    if (error && !area->may_be_unconfined) fail(PLUGIN_HELPER_NOT_CONFINED, error, "seccomp");
    if (error) area->number = error;
}

// ---- The plugin ------------------------------------------------------------------------------------------------------------

static void *symbol(void *handle, const char *name, int is_required) {
    void *address = dlsym(handle, name);
    if (!address && is_required) fail(PLUGIN_HELPER_NOT_EXPORTED, 0, name);
    return address;
}

static void load_plugin(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", PLUGIN_HELPER_LIBRARY);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *reason = dlerror();
        if (!reason) reason = "no reason is given";
        size_t length = strlen(path);
        if (strncmp(reason, path, length) == 0 && strncmp(reason + length, ": ", 2) == 0) reason += length + 2;
        fail(PLUGIN_HELPER_NOT_LOADED, 0, reason);
    }
    // POSIX wants object and function pointers to be exchangeable here.
    uint32_t (*version)(void) = (uint32_t (*)(void))symbol(handle, "patchbay_abi", 1);
    uint32_t number = version();
    if (number != PATCHBAY_ABI) fail(PLUGIN_HELPER_OTHER_ABI, (int)number, "");
    plugin.describe = (const pb_bytes *(*)(void))symbol(handle, "patchbay_describe", 1);
    plugin.create = (void *(*)(uint32_t, const pb_bytes *, const pb_output *))symbol(handle, "patchbay_create", 1);
    plugin.process = (int32_t (*)(void *, const pb_batch *, const pb_output *))symbol(handle, "patchbay_process", 1);
    plugin.tick = (int32_t (*)(void *, int64_t, const pb_output *))symbol(handle, "patchbay_tick", 0);
    // Not called, since instances end with their process; but a plugin without it is none.
    symbol(handle, "patchbay_destroy", 1);
    area->has_tick = plugin.tick != NULL;
}

static _Noreturn void describe(void) {
    const pb_bytes *text = plugin.describe();
    if (!text || !text->present || !text->data.at) reply_and_end(PLUGIN_HELPER_NO_DESCRIPTION);
    append(PLUGIN_HELPER_TEXT, 0, NULL, 0, NULL, 0, text->data.at, text->length);
    reply_and_end(PLUGIN_HELPER_DONE);
}

static void *create(void) {
    const pb_bytes options = {
        .data = {.at = (const uint8_t *)area + PLUGIN_HELPER_INPUT}, .length = area->options_length, .present = 1};
    open_output();
    void *instance = plugin.create(area->transformer, &options, &output);
    is_open = 0;
    if (!instance) reply_and_end(PLUGIN_HELPER_REFUSED);
    return instance;
}

static _Noreturn void serve(void *instance) {
    for (;;) {
        char byte;
        ssize_t count = read(PLUGIN_HELPER_REQUESTS, &byte, 1);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) _exit(0);
        (void)__atomic_load_n(&area->request, __ATOMIC_ACQUIRE);
        open_output();
        int32_t result;
        if (area->operation == PLUGIN_HELPER_PROCESS) {
            result = plugin.process(instance, &area->batch, &output);
        } else {
            result = plugin.tick ? plugin.tick(instance, area->now_ms, &output) : 0;
        }
        is_open = 0;
        area->number = result;
        reply(result == 0 ? PLUGIN_HELPER_DONE : PLUGIN_HELPER_FAILED);
    }
}

int main(void) {
    struct stat file;
    if (fstat(PLUGIN_HELPER_AREA, &file) != 0 || file.st_size != PLUGIN_HELPER_SIZE) {
        static const char text[] = "patchbay-plugin-host is started by patchbay, for plugins with `isolate: process`\n";
        (void)!write(2, text, sizeof text - 1);
        return 64;
    }
    close_others();
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        return 71;
    area = mmap(NULL, PLUGIN_HELPER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, PLUGIN_HELPER_AREA, 0);
    if (area == MAP_FAILED) return 71;
    close(PLUGIN_HELPER_AREA);
    output_start = (uint8_t *)area + PLUGIN_HELPER_OUTPUT;
    area->protocol = PLUGIN_HELPER_PROTOCOL;
    area->base = (uint64_t)(uintptr_t)area;
    volunteer();
    confine_reach();
    watch_router();
    limit_memory();
    insist(confine_loading());
    load_plugin();
    if (area->operation == PLUGIN_HELPER_DESCRIBE) describe();
    void *instance = create();
    insist(confine_processing());
    reply(PLUGIN_HELPER_DONE);
    serve(instance);
}
