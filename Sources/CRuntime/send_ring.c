#include "send_ring.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/socket.h>

/// The kernel has not told of a send.
enum { UNKNOWN = INT32_MIN };

/// Not waited for: what a socket doesn't take is not the ring's to keep.
enum { FLAGS = MSG_NOSIGNAL | MSG_DONTWAIT };

struct send_ring {
    struct io_uring uring;
    uint32_t capacity;
    uint32_t count;
    uint32_t most_pieces;
    uint32_t piece_count;
    int32_t *results;
    struct msghdr *headers;
    struct iovec *pieces;
    struct io_uring_cqe **completions;
};

static void free_memory(send_ring *ring) {
    free(ring->results);
    free(ring->headers);
    free(ring->pieces);
    free(ring->completions);
    free(ring);
}

send_ring *send_ring_make(uint32_t capacity, uint32_t pieces) {
    send_ring *ring = calloc(1, sizeof *ring);
    if (!ring) return NULL;
    ring->capacity = capacity;
    ring->most_pieces = pieces;
    ring->results = calloc(capacity, sizeof *ring->results);
    ring->headers = calloc(capacity, sizeof *ring->headers);
    ring->pieces = calloc(pieces, sizeof *ring->pieces);
    ring->completions = calloc(capacity, sizeof *ring->completions);
    const unsigned flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    if (ring->results && ring->headers && ring->pieces && ring->completions
        && io_uring_queue_init(capacity, &ring->uring, flags) == 0)
        return ring;
    free_memory(ring);
    return NULL;
}

void send_ring_free(send_ring *ring) {
    io_uring_queue_exit(&ring->uring);
    free_memory(ring);
}

static struct io_uring_sqe *next_entry(send_ring *ring) {
    return ring->count < ring->capacity ? io_uring_get_sqe(&ring->uring) : NULL;
}

static void number(send_ring *ring, struct io_uring_sqe *entry) {
    io_uring_sqe_set_data64(entry, ring->count);
    ring->results[ring->count++] = UNKNOWN;
}

bool send_ring_add(send_ring *ring, int descriptor, const void *bytes, size_t count) {
    struct io_uring_sqe *entry = next_entry(ring);
    if (!entry) return false;
    io_uring_prep_send(entry, descriptor, bytes, count, FLAGS);
    number(ring, entry);
    return true;
}

bool send_ring_add_pieces(send_ring *ring, int descriptor, const send_ring_piece *pieces, size_t count) {
    if (count > ring->most_pieces - ring->piece_count) return false;
    struct io_uring_sqe *entry = next_entry(ring);
    if (!entry) return false;
    struct iovec *first = ring->pieces + ring->piece_count;
    for (size_t i = 0; i < count; i++) first[i] = (struct iovec){(void *)pieces[i].bytes, pieces[i].count};
    ring->piece_count += (uint32_t)count;
    struct msghdr *header = ring->headers + ring->count;
    *header = (struct msghdr){.msg_iov = first, .msg_iovlen = count};
    io_uring_prep_sendmsg(entry, descriptor, header, FLAGS);
    number(ring, entry);
    return true;
}

bool send_ring_submit(send_ring *ring) {
    uint32_t left = ring->count;
    while (left > 0) {
        int answer = io_uring_submit_and_wait(&ring->uring, left);
        unsigned done = io_uring_peek_batch_cqe(&ring->uring, ring->completions, ring->capacity);
        for (unsigned i = 0; i < done; i++) ring->results[ring->completions[i]->user_data] = ring->completions[i]->res;
        io_uring_cq_advance(&ring->uring, done);
        left -= done;
        if (answer < 0 && answer != -EINTR && done == 0) return false;
    }
    return true;
}

int32_t send_ring_taken(const send_ring *ring, uint32_t index) {
    if (index >= ring->count || ring->results[index] == UNKNOWN) return -1;
    return ring->results[index] > 0 ? ring->results[index] : 0;
}

void send_ring_clear(send_ring *ring) {
    ring->count = 0;
    ring->piece_count = 0;
}
