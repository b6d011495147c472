#define _GNU_SOURCE
#include "clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/// The wake-up's place among the connections' indices.
#define WAKE_INDEX UINT32_MAX

enum {
    /// Sampled connections are looked at between this many drained ones, so that draining hardly shows in latencies.
    DRAIN_SLICE = 32,
    PUBLISH_NS = 1000000,
    READ_TICK_NS = 10000000,
};

/// recv() with MSG_TRUNC throws up to this many bytes away in one call; see tcp(7).
#define DISCARD_BYTES ((size_t)1 << 30)

static void drain_one(cload *load, uint32_t index, uint32_t events) {
    client *client = &load->clients[index];
    if (client->fd < 0) return;
    for (;;) {
        ssize_t got = recv(client->fd, load->buffer, DISCARD_BYTES, MSG_TRUNC | MSG_DONTWAIT);
        load->receive_calls++;
        if (got > 0) {
            client->bytes += (uint64_t)got;
            load->bytes += (uint64_t)got;
            // An end that arrived together with these bytes makes no edge of its own.
            if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) continue;
            return;
        }
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        load->drained_ready--;
        cload_client_failed(load, index, got == 0 ? "closed by the server" : strerror(errno));
        return;
    }
}

/// Reads a sampled connection; at most `limit` bytes. Returns what it read.
static size_t read_sampled(cload *load, uint32_t index, size_t limit) {
    client *client = &load->clients[index];
    if (client->fd < 0) return 0;
    size_t room = limit < READ_BYTES ? limit : READ_BYTES;
    ssize_t got = recv(client->fd, load->buffer + CARRY_BYTES, room, MSG_DONTWAIT);
    load->receive_calls++;
    if (got > 0) {
        client->bytes += (uint64_t)got;
        load->bytes += (uint64_t)got;
        cload_read_frames(load, index, load->buffer + CARRY_BYTES, (size_t)got, cload_now());
        return (size_t)got;
    }
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return 0;
    cload_client_failed(load, index, got == 0 ? "closed by the server" : strerror(errno));
    return 0;
}

static void handle_prompt(cload *load, const struct epoll_event *event) {
    uint32_t index = event->data.u32;
    if (index == WAKE_INDEX) {
        uint64_t count;
        ssize_t ignored = read(load->wake_fd, &count, sizeof count);
        (void)ignored;
        return;
    }
    if (load->clients[index].state == CLIENT_READY) read_sampled(load, index, READ_BYTES);
    else if (load->clients[index].fd >= 0) cload_handshake_event(load, index, event->events);
}

static void poll_prompt(cload *load, uint64_t wait_ns) {
    struct epoll_event events[64];
    struct timespec wait = {.tv_sec = (time_t)(wait_ns / 1000000000u), .tv_nsec = (long)(wait_ns % 1000000000u)};
    int count = epoll_pwait2(load->prompt_epoll, events, 64, &wait, NULL);
    for (int i = 0; i < count; i++) handle_prompt(load, &events[i]);
}

/// Visits each drained connection that has something, once at most.
static void drain_pass(cload *load) {
    struct epoll_event events[DRAIN_SLICE];
    uint32_t left = load->drained_ready;
    while (left > 0) {
        int count = epoll_wait(load->drain_epoll, events, DRAIN_SLICE, 0);
        if (count <= 0) return;
        for (int i = 0; i < count; i++) drain_one(load, events[i].data.u32, events[i].events);
        left -= (uint32_t)count < left ? (uint32_t)count : left;
        if (count < DRAIN_SLICE) return;
        poll_prompt(load, 0);
    }
}

/// The slow reader's turn: as many bytes as its rate has earned it since the last tick.
static void read_at_rate(cload *load, uint64_t now) {
    if (now < load->read_tick_ns + READ_TICK_NS) return;
    uint64_t earned = load->read_rate * (now - load->read_tick_ns) / 1000000000u;
    load->read_tick_ns = now;
    load->read_allowed += earned;
    // Idle time isn't saved up for more than a second.
    if (load->read_allowed > load->read_rate) load->read_allowed = load->read_rate;
    for (uint32_t i = 0; i < load->config.connections && load->read_allowed > 0; i++) {
        if (load->clients[i].state != CLIENT_READY) continue;
        load->read_allowed -= read_sampled(load, i, load->read_allowed);
    }
}

static void publish(cload *load, uint64_t now) {
    atomic_store_explicit(&load->published_bytes, load->bytes, memory_order_relaxed);
    atomic_store_explicit(&load->published_sampled_messages, load->sampled_messages, memory_order_relaxed);
    if (now < load->next_publish_ns || load->frame_bytes == 0) return;
    load->next_publish_ns = now + PUBLISH_NS;
    uint64_t fewest = UINT64_MAX;
    for (uint32_t i = 0; i < load->config.connections; i++) {
        if (load->clients[i].state == CLIENT_READY && load->clients[i].bytes < fewest) fewest = load->clients[i].bytes;
    }
    if (fewest != UINT64_MAX)
        atomic_store_explicit(&load->published_min_messages, fewest / load->frame_bytes, memory_order_relaxed);
}

/// Unsolicited pongs (RFC 6455, 5.5.3), spread evenly over the interval.
static void send_pongs(cload *load, uint64_t now) {
    uint64_t interval = (uint64_t)load->config.pong_interval_ms * 1000000u;
    if (interval == 0 || load->config.connections == 0) return;
    uint64_t due = (now - load->pong_start_ns) / 1000u * load->config.connections / (interval / 1000u);
    for (int i = 0; i < 64 && load->pongs_sent < due; i++, load->pongs_sent++) {
        const client *client = &load->clients[load->pongs_sent % load->config.connections];
        if (client->state == CLIENT_READY) cload_send_frame(client->fd, 10, NULL, 0);
    }
}

static void run_request(cload *load) {
    pthread_mutex_lock(&load->lock);
    void (*request)(cload *, void *) = load->request;
    void *argument = load->request_argument;
    pthread_mutex_unlock(&load->lock);
    if (!request) return;
    request(load, argument);
    pthread_mutex_lock(&load->lock);
    load->request = NULL;
    pthread_cond_broadcast(&load->request_done);
    pthread_mutex_unlock(&load->lock);
}

static void *run(void *argument) {
    cload *load = argument;
    // The default slack of 50 µs would show in latencies.
    prctl(PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul);
    load->first_connect_ns = cload_now();
    load->pong_start_ns = load->first_connect_ns;
    load->read_tick_ns = load->first_connect_ns;
    uint64_t interval = (uint64_t)load->config.drain_interval_us * 1000u;
    while (!atomic_load(&load->stopping)) {
        cload_connect_more(load);
        uint64_t now = cload_now();
        uint64_t wait = READ_TICK_NS;
        if (load->drained_ready > 0) {
            uint64_t until = load->next_drain_ns > now ? load->next_drain_ns - now : 0;
            if (until < wait) wait = until;
        }
        poll_prompt(load, wait);
        now = cload_now();
        if (load->drained_ready > 0 && now >= load->next_drain_ns) {
            // From the start of this pass, so that a long pass is followed by the next one at once.
            load->next_drain_ns = now + interval;
            drain_pass(load);
        }
        if (load->read_rate > 0) read_at_rate(load, now);
        send_pongs(load, now);
        publish(load, now);
        run_request(load);
    }
    return NULL;
}

static void release(cload *load) {
    for (uint32_t i = 0; load->clients && i < load->config.connections; i++) {
        if (load->clients[i].fd >= 0) close(load->clients[i].fd);
        cload_reader_destroy(load->clients[i].reader);
    }
    for (uint32_t i = 0; load->config.sparse.channels == 0 && i < load->config.channel_count; i++) free(load->channels[i]);
    if (load->wake_fd >= 0) close(load->wake_fd);
    if (load->prompt_epoll >= 0) close(load->prompt_epoll);
    if (load->drain_epoll >= 0) close(load->drain_epoll);
    cload_histogram_destroy(load->latency);
    free(load->buffer);
    free(load->clients);
    free(load);
}

static const char *refusal(const cload_config *config) {
    struct in_addr address;
    if (!config->host || inet_pton(AF_INET, config->host, &address) != 1) return "the host must be an IPv4 address";
    if (config->connections == 0) return "there must be at least one connection";
    if (config->sampled > config->connections) return "more connections are sampled than there are";
    if (config->connects_in_flight == 0) return "at least one connection must be allowed in flight";
    if (config->partitions == 0 || config->partitions > CLOAD_MAX_PARTITIONS) return "partitions must be 1 to 64";
    if (config->channel_count > MAX_CHANNELS) return "at most 256 channels per connection";
    if (config->sparse.channels > 0
        && (config->sparse.per_client == 0 || config->sparse.per_client > CLOAD_MAX_PARTITIONS
            || config->sparse.per_client > config->sparse.channels || config->sparse.channels > 1000000))
        return "of sparse channels there are at most a million, and a client reads 1 to 64 of them";
    if (config->read_bytes_per_second > 0 && config->sampled != config->connections)
        return "with a limited rate all connections must be sampled";
    return NULL;
}

cload *cload_start(const cload_config *config, cload_error *error) {
    const char *why = refusal(config);
    if (why) {
        cload_fail(error, "%s", why);
        return NULL;
    }
    cload *load = calloc(1, sizeof *load);
    if (!load) {
        cload_fail(error, "out of memory");
        return NULL;
    }
    load->config = *config;
    load->config.channel_count = config->sparse.channels > 0 ? config->sparse.per_client : 0;
    snprintf(load->host, sizeof load->host, "%s", config->host);
    snprintf(load->path, sizeof load->path, "%s", config->path ? config->path : "/");
    load->read_rate = config->read_bytes_per_second;
    load->clients = calloc(config->connections, sizeof *load->clients);
    load->buffer = malloc(CARRY_BYTES + READ_BYTES);
    load->latency = cload_histogram_create();
    load->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    load->prompt_epoll = epoll_create1(EPOLL_CLOEXEC);
    load->drain_epoll = epoll_create1(EPOLL_CLOEXEC);
    bool made = load->clients && load->buffer && load->latency && load->wake_fd >= 0 && load->prompt_epoll >= 0
        && load->drain_epoll >= 0;
    for (uint32_t i = 0; made && i < config->connections; i++) {
        load->clients[i].fd = -1;
        uint64_t before = (uint64_t)i * config->sampled / config->connections;
        load->clients[i].sampled = (uint64_t)(i + 1) * config->sampled / config->connections > before;
    }
    for (uint32_t i = 0; made && config->sparse.channels == 0 && i < config->channel_count; i++) {
        load->channels[i] = strdup(config->channels[i]);
        made = load->channels[i] != NULL;
        load->config.channel_count = i + 1;
    }
    struct epoll_event wake = {.events = EPOLLIN, .data.u32 = WAKE_INDEX};
    made = made && epoll_ctl(load->prompt_epoll, EPOLL_CTL_ADD, load->wake_fd, &wake) == 0;
    pthread_mutex_init(&load->lock, NULL);
    pthread_cond_init(&load->request_done, NULL);
    if (!made || pthread_create(&load->thread, NULL, run, load) != 0) {
        cload_fail(error, "can't set the load generator up: %s", strerror(errno));
        release(load);
        return NULL;
    }
    return load;
}

static void wake(cload *load) {
    uint64_t one = 1;
    ssize_t ignored = write(load->wake_fd, &one, sizeof one);
    (void)ignored;
}

void cload_destroy(cload *load) {
    if (!load) return;
    atomic_store(&load->stopping, true);
    wake(load);
    pthread_join(load->thread, NULL);
    release(load);
}

/// Runs `request` on the drain thread and waits for it. Callers take turns.
static void on_drain_thread(cload *load, void (*request)(cload *, void *), void *argument) {
    pthread_mutex_lock(&load->lock);
    while (load->request) pthread_cond_wait(&load->request_done, &load->lock);
    load->request = request;
    load->request_argument = argument;
    wake(load);
    while (load->request == request) pthread_cond_wait(&load->request_done, &load->lock);
    pthread_mutex_unlock(&load->lock);
}

bool cload_wait_ready(cload *load, uint32_t timeout_ms, cload_connect_result *result) {
    uint64_t deadline = cload_now() + (uint64_t)timeout_ms * 1000000u;
    uint32_t ready;
    uint32_t failed;
    for (;;) {
        failed = atomic_load(&load->failed);
        ready = atomic_load(&load->ready);
        if (ready + failed >= load->config.connections || cload_now() >= deadline) break;
        usleep(1000);
    }
    uint64_t last = atomic_load(&load->last_ready_ns);
    result->ready = ready;
    result->failed = failed;
    result->elapsed_ns = last > load->first_connect_ns ? last - load->first_connect_ns : 0;
    pthread_mutex_lock(&load->lock);
    memcpy(result->first_failure, load->first_failure, sizeof result->first_failure);
    pthread_mutex_unlock(&load->lock);
    return ready == load->config.connections;
}

uint64_t cload_bytes(const cload *load) {
    return atomic_load_explicit(&load->published_bytes, memory_order_relaxed);
}

uint64_t cload_min_messages(const cload *load) {
    return atomic_load_explicit(&load->published_min_messages, memory_order_relaxed);
}

uint64_t cload_sampled_messages(const cload *load) {
    return atomic_load_explicit(&load->published_sampled_messages, memory_order_relaxed);
}

bool cload_wait_quiet(cload *load, uint32_t quiet_ms, uint32_t timeout_ms) {
    uint64_t start = cload_now();
    uint64_t deadline = start + (uint64_t)timeout_ms * 1000000u;
    uint64_t since = start;
    uint64_t seen = cload_bytes(load);
    for (;;) {
        usleep(5000);
        uint64_t now = cload_now();
        uint64_t bytes = cload_bytes(load);
        if (bytes != seen) since = now;
        seen = bytes;
        if (now - since >= (uint64_t)quiet_ms * 1000000u) return true;
        if (now >= deadline) return false;
    }
}

static void mark(cload *load, void *argument) {
    load->base_sequence = *(const uint64_t *)argument;
    for (uint32_t i = 0; i < load->config.connections; i++) {
        load->clients[i].bytes = 0;
        if (load->clients[i].reader) cload_reader_mark(load->clients[i].reader, load);
    }
    cload_histogram_reset(load->latency);
    load->protocol_errors = 0;
    load->error_messages = 0;
    load->pings = 0;
    load->bytes = 0;
    load->sampled_messages = 0;
    load->next_publish_ns = 0;
    atomic_store(&load->published_min_messages, 0);
    publish(load, cload_now());
}

void cload_mark(cload *load, uint64_t next_sequence) { on_drain_thread(load, mark, &next_sequence); }

static void set_read_rate(cload *load, void *argument) {
    uint64_t rate = *(const uint64_t *)argument;
    bool was_limited = load->read_rate > 0;
    load->read_rate = rate;
    load->read_allowed = 0;
    load->read_tick_ns = cload_now();
    for (uint32_t i = 0; i < load->config.connections; i++) {
        client *client = &load->clients[i];
        if (client->state != CLIENT_READY || !client->sampled) continue;
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        if (was_limited && rate == 0) epoll_ctl(load->prompt_epoll, EPOLL_CTL_ADD, client->fd, &event);
        if (!was_limited && rate > 0) epoll_ctl(load->prompt_epoll, EPOLL_CTL_DEL, client->fd, NULL);
    }
}

void cload_set_read_rate(cload *load, uint64_t bytes_per_second) {
    on_drain_thread(load, set_read_rate, &bytes_per_second);
}

typedef struct {
    uint64_t end_sequence;
    cload_stats *stats;
    cload_histogram *latency;
} snapshot_request;

/// Adds what a sampled client has counted; whether it adds up.
static bool add_reader(const cload *load, const reader *reader, uint64_t expected, cload_stats *stats) {
    stats->messages += reader->messages;
    if (reader->messages < stats->min_messages) stats->min_messages = reader->messages;
    if (reader->messages > stats->max_messages) stats->max_messages = reader->messages;
    stats->duplicates_or_reordered += reader->duplicates_or_reordered;
    stats->gap_messages += reader->gap_messages;
    stats->gap_dropped += reader->gap_dropped;
    stats->gap_mismatches += reader->gap_mismatches;
    bool adds_up = reader->messages + reader->gap_dropped == expected && reader->carry_length == 0;
    bool in_order = reader->duplicates_or_reordered == 0 && reader->gap_mismatches == 0;
    if (load->config.sequence_modulus > 0) adds_up = true;
    return adds_up && in_order;
}

static void compare_drained(const cload *load, uint64_t expected, cload_stats *stats) {
    for (uint32_t i = 0; i < load->config.connections; i++) {
        const client *client = &load->clients[i];
        if (client->state != CLIENT_READY || client->sampled) continue;
        uint64_t extra = client->bytes - expected;
        uint32_t ping = load->ping_frame_bytes;
        if (client->bytes == expected) stats->drained_exact++;
        else if (client->bytes > expected && ping > 0 && extra % ping == 0 && extra / ping <= 3)
            stats->drained_exact_but_pings++;
        else stats->drained_inexact++;
    }
}

static void snapshot(cload *load, void *argument) {
    const snapshot_request *request = argument;
    cload_stats *stats = request->stats;
    memset(stats, 0, sizeof *stats);
    stats->connections = load->config.connections;
    stats->sampled = load->config.sampled;
    stats->closed = load->closed;
    stats->bytes = load->bytes;
    stats->frame_bytes = load->frame_bytes;
    stats->frames_equal = !load->frames_differ;
    stats->protocol_errors = load->protocol_errors;
    stats->error_messages = load->error_messages;
    stats->pings = load->pings;
    stats->receive_calls = load->receive_calls;
    stats->min_messages = UINT64_MAX;
    bool have_reference = false;
    uint64_t reference = 0;
    for (uint32_t i = 0; i < load->config.connections; i++) {
        const client *client = &load->clients[i];
        if (!client->sampled || !client->reader) continue;
        uint64_t expected = request->end_sequence - load->base_sequence;
        const cload_sparse *sparse = &load->config.sparse;
        // Whole rounds only: each channel got as many.
        if (sparse->channels > 0) expected = expected / sparse->channels * sparse->per_client;
        bool is_exact = add_reader(load, client->reader, expected, stats);
        if (client->state != CLIENT_READY) continue;
        if (is_exact) stats->sampled_exact++;
        if (!have_reference) reference = client->bytes - client->reader->ping_bytes;
        have_reference = true;
    }
    if (stats->min_messages == UINT64_MAX) stats->min_messages = 0;
    if (have_reference) compare_drained(load, reference, stats);
    struct timespec cpu;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    stats->cpu_ns = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
    if (request->latency) {
        cload_histogram_reset(request->latency);
        cload_histogram_merge(request->latency, load->latency);
    }
}

void cload_snapshot(cload *load, uint64_t end_sequence, cload_stats *stats, cload_histogram *latency) {
    snapshot_request request = {.end_sequence = end_sequence, .stats = stats, .latency = latency};
    on_drain_thread(load, snapshot, &request);
}
