// A plugin for tests of isolated plugins: does to its own process what the record's value says.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "patchbay_plugin.h"
#include "plugin_helper.h"

static const char description[] =
    "{\"transformers\":[{\"name\":\"trouble\",\"summary\":\"Does what the value says.\",\"tick_ms\":10,\"options\":["
    "{\"name\":\"create\",\"kind\":\"string\",\"documentation\":\"What happens to the instance.\"}]}]}";

uint32_t patchbay_abi(void) { return PATCHBAY_ABI; }

const pb_bytes *patchbay_describe(void) {
    static pb_bytes text;
    text.data.at = (const uint8_t *)description;
    text.length = sizeof description - 1;
    text.present = 1;
#ifdef DESCRIBE_HANGS
    for (;;) pause();
#endif
    return &text;
}

static volatile char *touched;
static uint32_t batches;

static int has(const pb_bytes *value, const char *word) {
    return value->present && memmem(value->data.at, value->length, word, strlen(word)) != NULL;
}

static void bomb(void) {
    // Touched page by page, as long as there is any.
    for (;;) {
        char *more = malloc(16 << 20);
        if (!more) {
            *(volatile int *)NULL = 1;
        }
        for (size_t i = 0; i < 16 << 20; i += 4096) more[i] = 1;
        touched = more;
    }
}

/// The area, found as a plugin that wants to lie would find it.
static plugin_helper_area *area_of(const pb_batch *batch) {
    return (plugin_helper_area *)(void *)((uint8_t *)(uintptr_t)batch - offsetof(plugin_helper_area, batch));
}

/// Answers instead of the helper.
static void answer(plugin_helper_area *area, uint64_t used) {
    area->used = used;
    area->outcome = 0;
    __atomic_store_n(&area->answer, area->request, __ATOMIC_RELEASE);
    (void)!write(PLUGIN_HELPER_ANSWERS, "", 1);
    for (;;) sleep(1);
}

/// Memory that stays.
static void take(size_t size) {
    char *more = malloc(size);
    for (size_t i = 0; more && i < size; i += 4096) more[i] = 1;
    touched = more;
}

static void crash(void) { *(volatile int *)NULL = 1; }

/// Since Linux 5.13, where it isn't switched off.
static int has_landlock(void) { return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0; }

void *patchbay_create(uint32_t transformer, const pb_bytes *options, const pb_output *output) {
    if (transformer != 0) return NULL;
    if (has(options, "refuse")) {
        pb_log(output, PATCHBAY_ERROR, "not these", 9);
        return NULL;
    }
    if (has(options, "crash")) crash();
    if (has(options, "hang")) for (;;) pause();
    if (has(options, "flood")) for (;;) pb_log(output, PATCHBAY_INFO, description, sizeof description);
    if (has(options, "descriptors")) {
        // Whatever the router has open isn't here.
        for (int i = PLUGIN_HELPER_LIBRARY + 1; i < 1024; i++)
            if (fcntl(i, F_GETFD) >= 0) pb_log(output, PATCHBAY_ERROR, "it is open", 10);
        if (getenv("PATH") || getenv("HOME")) pb_log(output, PATCHBAY_ERROR, "it has an environment", 21);
        return NULL;
    }
    const char *text = NULL;
    if (has(options, "fork")) text = fork() < 0 && errno == EPERM ? "no fork" : "fork";
    // The router's process: a signal of 0 would do nothing to it.
    if (has(options, "signal the router")) {
        int file = open("/dev/null", O_RDONLY);
        int is_refused = syscall(SYS_tgkill, getppid(), getppid(), 0) < 0 && kill(getppid(), 0) < 0 && fcntl(file, F_SETOWN, getppid()) < 0;
        text = is_refused && syscall(SYS_tgkill, getpid(), getpid(), 0) == 0 ? "no signal" : "signal";
    }
    if (has(options, "read the router")) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/environ", (int)getppid());
        text = has_landlock() && open(path, O_RDONLY) >= 0 ? "read" : "no way";
    }
    if (has(options, "write a file")) {
        int device = open("/dev/null", O_WRONLY), file = open("/tmp/patchbay-plugin-test", O_WRONLY | O_CREAT, 0600);
        text = has_landlock() && (device < 0 || file >= 0) ? "file" : "no file";
    }
    if (has(options, "memory file")) text = memfd_create("x", 0) < 0 ? "no file" : "file";
    if (text) {
        pb_log(output, PATCHBAY_ERROR, text, (uint32_t)strlen(text));
        return NULL;
    }
    return malloc(1);
}

static void say(const pb_output *output, uint32_t number, int is_refused) {
    pb_emit(output, number, is_refused ? "\"refused\"" : "\"done\"", is_refused ? 9 : 6);
}

int32_t patchbay_process(void *at, const pb_batch *batch, const pb_output *output) {
    (void)at;
    batches += 1;
    for (uint32_t number = 0; number < batch->count; number++) {
        const pb_bytes *value = &pb_record_at(batch, number)->value;
        if (has(value, "twice and crash")) {
            pb_emit(output, number, "1", 1);
            pb_emit(output, number, "2", 1);
            crash();
        }
        if (has(value, "crash")) crash();
        if (has(value, "abort")) abort();
        if (has(value, "exit")) exit(0);
        if (has(value, "fail")) return 1;
        if (has(value, "take 20 MiB")) take(20 << 20);
        if (has(value, "hang")) for (;;) pause();
        if (has(value, "spin")) for (;;) touched = NULL;
        if (has(value, "bomb")) bomb();
        if (has(value, "starve")) for (;;) take(8 << 20);
        if (has(value, "flood")) for (;;) pb_emit(output, number, "1", 1);
        if (has(value, "killed once") && batch->count > 1) raise(SIGKILL), kill(getpid(), SIGKILL), abort();
        if (has(value, "lying used")) answer(area_of(batch), UINT64_MAX - 3);
        if (has(value, "lying entry")) {
            plugin_helper_entry *entry = (plugin_helper_entry *)(void *)((uint8_t *)area_of(batch) + PLUGIN_HELPER_OUTPUT);
            *entry = (plugin_helper_entry){.kind = PLUGIN_HELPER_EMIT, .record = number, .text_length = UINT32_MAX};
            answer(area_of(batch), 64);
        }
        if (has(value, "lying record")) {
            pb_emit(output, batch->count, "1", 1);
            pb_emit(output, UINT32_MAX, "1", 1);
            continue;
        }
        if (has(value, "lying kind")) {
            plugin_helper_entry *entry = (plugin_helper_entry *)(void *)((uint8_t *)area_of(batch) + PLUGIN_HELPER_OUTPUT);
            memset(entry, 0xFF, 64);
            *entry = (plugin_helper_entry){.kind = 77, .record = number};
            answer(area_of(batch), sizeof *entry);
        }
        if (has(value, "early answer")) {
            (void)!write(PLUGIN_HELPER_ANSWERS, "", 1);
            for (;;) sleep(1);
        }
        if (has(value, "closed answers")) {
            close(PLUGIN_HELPER_ANSWERS);
            for (;;) sleep(1);
        }
        if (has(value, "truncate")) {
            plugin_helper_area *area = area_of(batch);
            munmap((uint8_t *)area + PLUGIN_HELPER_OUTPUT, PLUGIN_HELPER_OUTPUT_SIZE);
            crash();
        }
        if (has(value, "open a file")) {
            say(output, number, open("/etc/passwd", O_RDONLY) < 0);
        } else if (has(value, "open a socket")) {
            say(output, number, socket(AF_INET, SOCK_STREAM, 0) < 0);
        } else if (has(value, "start a process")) {
            say(output, number, fork() < 0);
        } else if (has(value, "run memory")) {
            say(output, number, mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
        } else if (has(value, "signal another")) {
            say(output, number, kill(getppid(), 0) < 0 && kill(1, 0) < 0);
        } else if (has(value, "process number")) {
            char digits[] = "1000000000";
            uint32_t rest = (uint32_t)getpid();
            for (int place = 9; place > 0; place--, rest /= 10) digits[place] = (char)('0' + rest % 10);
            pb_emit(output, number, digits, 10);
        } else if (has(value, "filter")) {
            pb_filter(output, number, "it says so", 10);
        } else if (has(value, "reject")) {
            pb_reject(output, number, "code", 4, "a", 1, "no", 2);
        } else if (has(value, "copy")) {
            pb_emit(output, number, value->data.at, value->length);
        } else {
            pb_emit(output, number, NULL, 0);
        }
    }
    return 0;
}

int32_t patchbay_tick(void *at, int64_t now_ms, const pb_output *output) {
    (void)at;
    if (now_ms < 0) crash();
    pb_emit(output, PATCHBAY_NO_RECORD, "\"tick\"", 6);
    return 0;
}

void patchbay_destroy(void *at) { free(at); }
