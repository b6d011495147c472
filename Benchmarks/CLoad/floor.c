#define _GNU_SOURCE
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/// Frames in the ring that all connections read from, each at its own position.
#define FRAMES ((uint32_t)CLOAD_FLOOR_MODULUS)

typedef struct {
    int fd;
    /// Byte position in the ring; the next call goes on where the last one was cut off.
    uint64_t position;
} peer;

/// The ring once, and again as much as one call takes, so that a slice never has to wrap.
static uint8_t *make_ring(uint32_t frame_bytes, uint32_t slice_bytes) {
    size_t ring_bytes = (size_t)FRAMES * frame_bytes;
    uint8_t *ring = malloc(ring_bytes + slice_bytes);
    if (!ring) return NULL;
    memset(ring, ' ', ring_bytes);
    for (uint32_t i = 0; i < FRAMES; i++) {
        uint8_t *frame = ring + (size_t)i * frame_bytes;
        size_t header = frame_bytes - 2 <= 125 ? 2 : 4;
        frame[0] = 0x81;
        if (header == 2) {
            frame[1] = (uint8_t)(frame_bytes - 2);
        } else {
            frame[1] = 126;
            frame[2] = (uint8_t)((frame_bytes - 4) >> 8);
            frame[3] = (uint8_t)(frame_bytes - 4);
        }
        memcpy(frame + header, "{" CLOAD_SEQUENCE_KEY, sizeof CLOAD_SEQUENCE_KEY);
        uint8_t *digits = frame + header + sizeof CLOAD_SEQUENCE_KEY;
        cload_put_digits((char *)digits, CLOAD_SEQUENCE_DIGITS, i);
        digits[CLOAD_SEQUENCE_DIGITS] = '"';
        frame[frame_bytes - 1] = '}';
    }
    for (size_t at = ring_bytes; at < ring_bytes + slice_bytes; at++) ring[at] = ring[at - ring_bytes];
    return ring;
}

int cload_floor_listen(uint16_t *port, cload_error *error) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 4096) == 0
        && getsockname(listener, (struct sockaddr *)&address, &length) == 0) {
        *port = ntohs(address.sin_port);
        return listener;
    }
    cload_fail(error, "the floor's sender can't listen on 127.0.0.1: %s", strerror(errno));
    if (listener >= 0) close(listener);
    return -1;
}

static bool accept_all(
    const cload_floor_config *config, peer *peers, uint32_t *accepted, cload_error *error) {
    const int on = 1;
    while (*accepted < config->connections) {
        // A generator that went away must not leave this process behind.
        struct pollfd event = {.fd = config->listener, .events = POLLIN};
        errno = ETIMEDOUT;
        if (poll(&event, 1, 20000) != 1) break;
        int fd = accept4(config->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) break;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        peers[(*accepted)++].fd = fd;
    }
    if (*accepted < config->connections)
        cload_fail(
            error, "the floor's sender accepted %u of %u connections: %s", *accepted, config->connections,
            strerror(errno));
    close(config->listener);
    return *accepted == config->connections;
}

static uint64_t thread_cpu(void) {
    struct timespec cpu;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    return (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
}

static bool send_rounds(
    const cload_floor_config *config, peer *peers, const uint8_t *ring, uint32_t slice, cload_floor_result *result,
    cload_error *error) {
    const uint64_t ring_bytes = (uint64_t)FRAMES * config->frame_bytes;
    const int flags = MSG_NOSIGNAL | (config->blocking ? 0 : MSG_DONTWAIT);
    uint64_t start = cload_now();
    uint64_t end = start + (uint64_t)(config->seconds * 1e9);
    uint64_t cpu = thread_cpu();
    while (cload_now() < end) {
        bool progress = false;
        for (uint32_t i = 0; i < config->connections; i++) {
            peer *peer = &peers[i];
            // Where a call was cut off inside a slice, the next one sends the slice's rest, as a server would.
            uint64_t rest = slice - peer->position % slice;
            uint64_t at = peer->position % ring_bytes;
            ssize_t sent = send(peer->fd, ring + at, rest, flags);
            if (sent > 0) {
                progress = true;
                peer->position += (uint64_t)sent;
                result->calls++;
                result->bytes += (uint64_t)sent;
            } else if (errno == EAGAIN) {
                result->full++;
            } else if (errno != EINTR) {
                cload_fail(error, "the floor's send failed: %s", strerror(errno));
                return false;
            }
        }
        // All are full: leave the core to the receiver for a moment.
        if (!progress) usleep(100);
    }
    result->elapsed_ns = cload_now() - start;
    result->cpu_ns = thread_cpu() - cpu;
    return true;
}

bool cload_floor_send(const cload_floor_config *config, cload_floor_result *result, cload_error *error) {
    memset(result, 0, sizeof *result);
    if (config->frame_bytes < 64 || config->frame_bytes > 65535 || config->connections == 0) {
        cload_fail(error, "the floor needs frames of 64 to 65535 bytes and at least one connection");
        return false;
    }
    uint32_t frames = (config->bytes_per_call + config->frame_bytes / 2) / config->frame_bytes;
    if (frames < 1) frames = 1;
    if (frames > FRAMES) frames = FRAMES;
    uint32_t slice = frames * config->frame_bytes;
    uint8_t *ring = make_ring(config->frame_bytes, slice);
    peer *peers = calloc(config->connections, sizeof *peers);
    uint32_t accepted = 0;
    bool done = false;
    if (ring && peers && accept_all(config, peers, &accepted, error)) {
        // Long enough for the other side to have seen all its connections ready.
        usleep(300000);
        done = send_rounds(config, peers, ring, slice, result, error);
    }
    for (uint32_t i = 0; i < accepted; i++) close(peers[i].fd);
    free(peers);
    free(ring);
    return done;
}
