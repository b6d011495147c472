#define _GNU_SOURCE

#include "plugin_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "plugin_pack.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

_Static_assert(sizeof(plugin_helper_area) <= PLUGIN_HELPER_INPUT, "the area begins with it");
_Static_assert(sizeof(plugin_helper_entry) == 24, "entries stay aligned");

static void shut(int *descriptor) {
    if (*descriptor >= 0) close(*descriptor);
    *descriptor = -1;
}

int plugin_helper_seal(const void *bytes, size_t count, const char *name) {
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (descriptor < 0 && errno == EINVAL) descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0) return -1;
    for (size_t written = 0; written < count;) {
        ssize_t part = write(descriptor, (const char *)bytes + written, count - written);
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0) {
            close(descriptor);
            return -1;
        }
        written += (size_t)part;
    }
    if (fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) shut(&descriptor);
    return descriptor;
}

static void failed(plugin_helper *helper, const char *call, int error) {
    helper->call = call;
    helper->error = error;
}

plugin_helper plugin_helper_prepare(void) {
    plugin_helper helper = {.area_descriptor = -1, .process = -1, .number = -1,
        .requests = -1, .requests_reader = -1, .answers = -1, .life = -1};
    helper.area_descriptor = memfd_create("patchbay-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (helper.area_descriptor < 0) return failed(&helper, "memfd_create", errno), helper;
    // Sealed before anyone else has it: touching memory that a helper cut off would end the router.
    if (ftruncate(helper.area_descriptor, PLUGIN_HELPER_SIZE) != 0 ||
        fcntl(helper.area_descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return failed(&helper, "ftruncate", errno), helper;
    void *area = mmap(NULL, PLUGIN_HELPER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, helper.area_descriptor, 0);
    if (area == MAP_FAILED) return failed(&helper, "mmap", errno), helper;
    helper.area = area;
    return helper;
}

// ---- The thread that starts helpers, and buries them -----------------------------------------------------------------------

typedef struct job {
    struct job *next;
    plugin_helper *helper;
    const char *program;
    const char *name;
    int library;
    int is_done;
} job;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t done;
    int wake;
    int is_running;
    job *jobs;
    /// Processes that are ending.
    int *dying;
    size_t dying_count, dying_room;
} launcher = {.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER, .wake = -1};

/// A descriptor out of the way of those that the helper gets.
static int high(int descriptor) {
    if (descriptor < 0 || descriptor > PLUGIN_HELPER_LIBRARY) return descriptor;
    int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, PLUGIN_HELPER_LIBRARY + 1);
    int error = errno;
    close(descriptor);
    errno = error;
    return moved;
}

static int high_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0) {
        ends[0] = ends[1] = -1;
        return 0;
    }
    ends[0] = high(ends[0]);
    ends[1] = high(ends[1]);
    return ends[0] >= 0 && ends[1] >= 0;
}

static void spawn(const job *job) {
    plugin_helper *helper = job->helper;
    int requests[2] = {-1, -1}, answers[2] = {-1, -1}, life[2] = {-1, -1};
    int library = fcntl(job->library, F_DUPFD_CLOEXEC, PLUGIN_HELPER_LIBRARY + 1);
    int area = fcntl(helper->area_descriptor, F_DUPFD_CLOEXEC, PLUGIN_HELPER_LIBRARY + 1);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    if (library < 0 || area < 0 || !high_pipe(requests) || !high_pipe(answers) || !high_pipe(life)) {
        failed(helper, "pipe2", errno);
    } else {
        // Of our ends only: an end is a description of its own, whose flags the helper can't change.
        fcntl(requests[1], F_SETFL, O_NONBLOCK);
        fcntl(answers[0], F_SETFL, O_NONBLOCK);
        int numbers[][2] = {{area, PLUGIN_HELPER_AREA},
            {requests[0], PLUGIN_HELPER_REQUESTS},
            {answers[1], PLUGIN_HELPER_ANSWERS},
            {life[0], PLUGIN_HELPER_LIFE},
            {library, PLUGIN_HELPER_LIBRARY}};
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            posix_spawn_file_actions_adddup2(&actions, numbers[i][0], numbers[i][1]);
        for (int i = 0; i < 3; i++) posix_spawn_file_actions_addopen(&actions, i, "/dev/null", i ? O_WRONLY : O_RDONLY, 0);
        // A session of its own: Ctrl-C is for the router, which still needs its helpers while it drains.
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
        sigset_t none, all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        char *arguments[] = {(char[]){"patchbay-plugin-host"}, strdup(job->name), NULL};
        // Nothing of the router's environment, which may hold passwords.
        char *environment[] = {NULL};
        pid_t pid = 0;
        int error = posix_spawn(&pid, job->program, &actions, &attributes, arguments, environment);
        free(arguments[1]);
        if (error) {
            failed(helper, "posix_spawn", error);
        } else {
            helper->number = pid;
            helper->process = (int)syscall(SYS_pidfd_open, pid, 0);
            if (helper->process < 0) {
                failed(helper, "pidfd_open", errno);
                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
            }
        }
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    shut(&library);
    shut(&area);
    shut(&answers[1]);
    shut(&life[0]);
    helper->requests = requests[1];
    // Kept: writing to a pipe without a reader is a signal that ends the router, unless somebody has seen to that.
    helper->requests_reader = requests[0];
    helper->answers = answers[0];
    helper->life = life[1];
}

/// Takes those that have ended off the list. With the lock.
static void bury(void) {
    for (size_t i = 0; i < launcher.dying_count;) {
        siginfo_t info = {0};
        int result = waitid(P_PIDFD, (id_t)launcher.dying[i], &info, WEXITED | WNOHANG);
        if (result == 0 && info.si_pid == 0) {
            i += 1;
            continue;
        }
        if (result != 0 && errno == EINTR) continue;
        close(launcher.dying[i]);
        launcher.dying[i] = launcher.dying[--launcher.dying_count];
    }
}

static void *launch(void *unused) {
    (void)unused;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    struct pollfd *polled = NULL;
    size_t room = 0;
    for (;;) {
        pthread_mutex_lock(&launcher.lock);
        job *next = launcher.jobs;
        if (next) launcher.jobs = next->next;
        if (!next) bury();
        size_t count = launcher.dying_count + 1;
        if (!next) {
            if (count > room) {
                struct pollfd *more = realloc(polled, count * 2 * sizeof *polled);
                if (more) {
                    polled = more;
                    room = count * 2;
                }
            }
            if (count > room) count = room;
            if (count) polled[0] = (struct pollfd){.fd = launcher.wake, .events = POLLIN};
            for (size_t i = 1; i < count; i++) polled[i] = (struct pollfd){.fd = launcher.dying[i - 1], .events = POLLIN};
        }
        pthread_mutex_unlock(&launcher.lock);
        if (next) {
            spawn(next);
            pthread_mutex_lock(&launcher.lock);
            next->is_done = 1;
            pthread_cond_broadcast(&launcher.done);
            pthread_mutex_unlock(&launcher.lock);
            continue;
        }
        uint64_t number;
        if (poll(polled, count, -1) > 0 && (polled[0].revents & POLLIN)) (void)!read(launcher.wake, &number, sizeof number);
    }
    return NULL;
}

/// With the lock. \returns an error.
static int run_launcher(void) {
    if (launcher.is_running) return 0;
    if (launcher.wake < 0) launcher.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (launcher.wake < 0) return errno;
    pthread_t thread;
    int error = pthread_create(&thread, NULL, launch, NULL);
    if (error) return error;
    pthread_setname_np(thread, "plugin-helpers");
    pthread_detach(thread);
    launcher.is_running = 1;
    return 0;
}

static void wake(void) {
    uint64_t one = 1;
    (void)!write(launcher.wake, &one, sizeof one);
}

void plugin_helper_start(plugin_helper *helper, const char *program, int library, const char *name) {
    job own = {.helper = helper, .program = program, .name = name, .library = library};
    pthread_mutex_lock(&launcher.lock);
    int error = run_launcher();
    if (error) {
        failed(helper, "pthread_create", error);
    } else {
        job **last = &launcher.jobs;
        while (*last) last = &(*last)->next;
        *last = &own;
        wake();
        while (!own.is_done) pthread_cond_wait(&launcher.done, &launcher.lock);
    }
    pthread_mutex_unlock(&launcher.lock);
}

void plugin_helper_end(plugin_helper *helper) {
    shut(&helper->requests);
    shut(&helper->requests_reader);
    shut(&helper->answers);
    shut(&helper->life);
    shut(&helper->area_descriptor);
    if (helper->area) munmap(helper->area, PLUGIN_HELPER_SIZE);
    helper->area = NULL;
    if (helper->process < 0) return;
    syscall(SYS_pidfd_send_signal, helper->process, SIGKILL, NULL, 0);
    pthread_mutex_lock(&launcher.lock);
    if (launcher.dying_count == launcher.dying_room) {
        size_t room = launcher.dying_room * 2 + 8;
        int *more = realloc(launcher.dying, room * sizeof *more);
        if (more) {
            launcher.dying = more;
            launcher.dying_room = room;
        }
    }
    if (launcher.dying_count < launcher.dying_room) {
        launcher.dying[launcher.dying_count++] = helper->process;
    } else {
        close(helper->process);
    }
    helper->process = -1;
    wake();
    pthread_mutex_unlock(&launcher.lock);
}

// ---- Calls -----------------------------------------------------------------------------------------------------------------

uint32_t plugin_helper_pack(plugin_helper *helper, uint64_t base, const pb_batch *batch, uint32_t first) {
    plugin_pack_part part = plugin_pack_measure(batch, first, PLUGIN_HELPER_INPUT_SIZE);
    if (part.count == 0) return 0;
    uint8_t *start = (uint8_t *)helper->area + PLUGIN_HELPER_INPUT;
    helper->area->batch = plugin_pack(batch, first, part, start, base - (uint64_t)(uintptr_t)helper->area);
    helper->packed = (size_t)part.size;
    return part.count;
}

int plugin_helper_ask(const plugin_helper *helper, uint32_t operation, uint64_t request) {
    helper->area->operation = operation;
    __atomic_store_n(&helper->area->used, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&helper->area->request, request, __ATOMIC_RELEASE);
    ssize_t written;
    do written = write(helper->requests, "", 1);
    while (written < 0 && errno == EINTR);
    return written == 1;
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int plugin_helper_wait(const plugin_helper *helper, int64_t nanoseconds) {
    struct pollfd polled[] = {{.fd = helper->answers, .events = POLLIN}, {.fd = helper->process, .events = POLLIN}};
    int64_t end = now() + nanoseconds;
    for (int64_t left = nanoseconds;; left = end - now()) {
        if (left < 0) left = 0;
        struct timespec patience = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
        int count = ppoll(polled, 2, &patience, NULL);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return PLUGIN_HELPER_LATE;
        char byte;
        if ((polled[0].revents & POLLIN) && read(helper->answers, &byte, 1) == 1) return PLUGIN_HELPER_ANSWERED;
        if (polled[1].revents) return PLUGIN_HELPER_ENDED;
        // Its end of the pipe is closed: it is ending, but can't be asked what of before it has ended.
        polled[0].fd = -1;
    }
}

plugin_helper_answer plugin_helper_read(const plugin_helper *helper) {
    const plugin_helper_area *area = helper->area;
    plugin_helper_answer answer = {.answer = __atomic_load_n(&area->answer, __ATOMIC_ACQUIRE)};
    answer.base = __atomic_load_n(&area->base, __ATOMIC_RELAXED);
    answer.used = __atomic_load_n(&area->used, __ATOMIC_ACQUIRE);
    answer.protocol = __atomic_load_n(&area->protocol, __ATOMIC_RELAXED);
    answer.outcome = __atomic_load_n(&area->outcome, __ATOMIC_RELAXED);
    answer.number = __atomic_load_n(&area->number, __ATOMIC_RELAXED);
    answer.has_tick = __atomic_load_n(&area->has_tick, __ATOMIC_RELAXED);
    return answer;
}

/// Gives memory of a part of the area back that an unusual batch has used.
static void trim(uint8_t *part, size_t size, size_t used) {
    const size_t kept = 1 << 20;
    if (used > 4 * kept) madvise(part + kept, size - kept, MADV_REMOVE);
}

void plugin_helper_trim(plugin_helper *helper, size_t used) {
    trim((uint8_t *)helper->area + PLUGIN_HELPER_INPUT, PLUGIN_HELPER_INPUT_SIZE, helper->packed);
    trim((uint8_t *)helper->area + PLUGIN_HELPER_OUTPUT, PLUGIN_HELPER_OUTPUT_SIZE, used);
    helper->packed = 0;
}

int plugin_helper_is_short(const plugin_helper *helper, uint64_t memory) {
    struct rlimit most;
    char path[40], text[64] = {0};
    if (prlimit(helper->number, RLIMIT_AS, NULL, &most) != 0) return 0;
    snprintf(path, sizeof path, "/proc/%d/statm", helper->number);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    uint64_t taken = count > 0 ? strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    return taken > 0 && taken + memory / 4 > most.rlim_cur;
}

int plugin_helper_status(const plugin_helper *helper) {
    siginfo_t info = {0};
    // Only looked at: the launcher's thread buries it. A helper that closed its pipe may still be alive.
    if (waitid(P_PIDFD, (id_t)helper->process, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return -SIGKILL;
    return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}
