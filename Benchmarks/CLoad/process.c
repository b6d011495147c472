#define _GNU_SOURCE
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void cload_fail(cload_error *error, const char *format, ...) {
    if (!error) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
}

uint64_t cload_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void cload_put_digits(char *at, int digits, uint64_t value) {
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

uint16_t cload_free_port(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    uint16_t port = 0;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0
        && getsockname(fd, (struct sockaddr *)&address, &length) == 0)
        port = ntohs(address.sin_port);
    close(fd);
    return port;
}

bool cload_raise_open_files(uint64_t count, cload_error *error) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        cload_fail(error, "can't read the limit of open files: %s", strerror(errno));
        return false;
    }
    if (limit.rlim_cur >= count) return true;
    struct rlimit wanted = {.rlim_cur = count, .rlim_max = limit.rlim_max < count ? count : limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) return true;
    cload_fail(
        error, "%llu open files are needed, %llu are allowed; raise it with `ulimit -n`", (unsigned long long)count,
        (unsigned long long)limit.rlim_max);
    return false;
}

uint32_t cload_processors(void) {
    cpu_set_t usable;
    if (sched_getaffinity(0, sizeof usable, &usable) != 0) return 1;
    return (uint32_t)CPU_COUNT(&usable);
}

/// The last processor that this process may use; -1 when that can't be told.
static int last_processor(void) {
    cpu_set_t usable;
    if (sched_getaffinity(0, sizeof usable, &usable) != 0) return -1;
    int last = CPU_SETSIZE - 1;
    while (last >= 0 && !CPU_ISSET(last, &usable)) last--;
    return last;
}

pid_t cload_spawn(
    const char *const *arguments, const char *const *environment, const char *log_path, bool is_pinned, cload_error *error) {
    cpu_set_t own;
    CPU_ZERO(&own);
    if (is_pinned) {
        int last = last_processor();
        if (last < 0) {
            cload_fail(error, "can't tell which processors there are: %s", strerror(errno));
            return -1;
        }
        CPU_SET(last, &own);
    }
    int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    // exec closes the writing end: a byte that comes out is the errno of a failed exec.
    int report[2] = {-1, -1};
    if (log < 0 || null < 0 || pipe2(report, O_CLOEXEC) != 0) {
        cload_fail(error, "can't prepare the output of %s in %s: %s", arguments[0], log_path, strerror(errno));
        if (log >= 0) close(log);
        if (null >= 0) close(null);
        return -1;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        // Only async-signal-safe calls: the other threads' locks are gone.
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent) _exit(127);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        // Inherited by exec and by every thread to come.
        if (is_pinned && sched_setaffinity(0, sizeof own, &own) != 0) _exit(127);
        dup2(null, 0);
        dup2(log, 1);
        dup2(log, 2);
        execve(arguments[0], (char *const *)arguments, (char *const *)environment);
        int code = errno;
        ssize_t ignored = write(report[1], &code, sizeof code);
        (void)ignored;
        _exit(127);
    }
    int code = 0;
    if (pid < 0) code = errno;
    close(log);
    close(null);
    close(report[1]);
    if (pid > 0 && read(report[0], &code, sizeof code) == (ssize_t)sizeof code) {
        waitpid(pid, NULL, 0);
        pid = -1;
    }
    close(report[0]);
    if (pid < 0) cload_fail(error, "can't start %s: %s", arguments[0], strerror(code));
    return pid;
}

int cload_wait_exit(pid_t pid, uint32_t timeout_ms, int *status) {
    uint64_t deadline = cload_now() + (uint64_t)timeout_ms * 1000000u;
    for (;;) {
        int raw = 0;
        pid_t got = waitpid(pid, &raw, WNOHANG);
        if (got == pid) {
            *status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
            return 1;
        }
        if (got < 0 && errno != EINTR) return -1;
        if (cload_now() >= deadline) return 0;
        usleep(2000);
    }
}

/// Reads a small file of /proc whole; false when it isn't there or not for us.
static bool read_proc(pid_t pid, const char *name, char *buffer, size_t capacity) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    size_t length = 0;
    ssize_t got;
    while (length + 1 < capacity && (got = read(fd, buffer + length, capacity - 1 - length)) > 0) length += (size_t)got;
    close(fd);
    buffer[length] = 0;
    return length > 0;
}

/// The number after `key` in "key: 123 kB" lines; 0 when it isn't there.
static uint64_t number_after(const char *text, const char *key) {
    size_t length = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, key, length) == 0) return strtoull(line + length, NULL, 10);
    }
    return 0;
}

uint64_t cload_process_cpu_ns(pid_t pid) {
    // The clock of another process counts in nanoseconds, where utime and stime of /proc/PID/stat count in ticks.
    clockid_t clock;
    struct timespec cpu;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &cpu) != 0) return 0;
    return (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
}

bool cload_process_usage(pid_t pid, cload_usage *usage) {
    memset(usage, 0, sizeof *usage);
    char text[8192];
    if (!read_proc(pid, "status", text, sizeof text)) return false;
    usage->rss_bytes = number_after(text, "VmRSS:") * 1024;
    usage->threads = (uint32_t)number_after(text, "Threads:");
    usage->cpu_ns = cload_process_cpu_ns(pid);
    if (usage->cpu_ns == 0) return false;
    if (read_proc(pid, "smaps_rollup", text, sizeof text)) usage->pss_bytes = number_after(text, "Pss:") * 1024;
    if (read_proc(pid, "io", text, sizeof text)) {
        usage->write_calls = number_after(text, "syscw:");
        usage->write_bytes = number_after(text, "wchar:");
    }
    return true;
}

uint64_t cload_machine_cpu_ns(void) {
    FILE *file = fopen("/proc/stat", "re");
    if (!file) return 0;
    unsigned long long user = 0, nice = 0, system = 0, idle, wait, irq = 0, softirq = 0, steal = 0;
    int fields = fscanf(
        file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal);
    fclose(file);
    if (fields != 8) return 0;
    return (user + nice + system + irq + softirq + steal) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

const char *const *cload_environment(void) { return (const char *const *)environ; }

uint64_t cload_own_cpu_ns(void) {
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
}

/// Milliseconds until `deadline`, for poll(); 0 when it has passed.
static int milliseconds_until(uint64_t deadline) {
    uint64_t now = cload_now();
    return now >= deadline ? 0 : (int)((deadline - now) / 1000000u) + 1;
}

int cload_http_get(uint16_t port, const char *path, uint32_t timeout_ms, char *body, size_t capacity) {
    uint64_t deadline = cload_now() + (uint64_t)timeout_ms * 1000000u;
    int status = 0;
    char *answer = NULL;
    if (capacity > 0) body[0] = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return 0;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct pollfd event = {.fd = fd, .events = POLLOUT};
    int refused = 0;
    socklen_t refused_size = sizeof refused;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0
        && (errno != EINPROGRESS || poll(&event, 1, milliseconds_until(deadline)) != 1
            || getsockopt(fd, SOL_SOCKET, SO_ERROR, &refused, &refused_size) != 0 || refused != 0))
        goto done;
    char request[512];
    int request_length = snprintf(
        request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", path, port);
    if (request_length <= 0 || (size_t)request_length >= sizeof request) goto done;
    if (send(fd, request, (size_t)request_length, MSG_NOSIGNAL) != request_length) goto done;

    size_t room = capacity + 16384;
    size_t length = 0;
    answer = malloc(room + 1);
    if (!answer) goto done;
    event.events = POLLIN;
    while (length < room) {
        int wait = milliseconds_until(deadline);
        if (wait == 0 || poll(&event, 1, wait) != 1) goto done;
        ssize_t got = recv(fd, answer + length, room - length, 0);
        if (got < 0) goto done;
        if (got == 0) break;
        length += (size_t)got;
        answer[length] = 0;
        // A server that keeps the connection open all the same has said how long its answer is.
        const char *head = strstr(answer, "\r\n\r\n");
        const char *said = head ? strcasestr(answer, "\r\ncontent-length:") : NULL;
        if (said && said < head && length >= (size_t)(head + 4 - answer) + strtoull(said + 17, NULL, 10)) break;
    }
    answer[length] = 0;
    char *end = strstr(answer, "\r\n\r\n");
    if (!end || strncmp(answer, "HTTP/1.", 7) != 0 || length < 12) goto done;
    status = atoi(answer + 9);
    // A chunked body keeps its chunk sizes here: good enough for reading numbers out of a small one.
    if (capacity > 0) snprintf(body, capacity, "%s", end + 4);
done:
    free(answer);
    close(fd);
    return status;
}
