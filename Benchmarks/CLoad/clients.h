/// What the parts of the client engine share. Everything here belongs to the drain thread, except where said.
#ifndef CLOAD_CLIENTS_H
#define CLOAD_CLIENTS_H

#include "internal.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    /// One read of a sampled connection.
    READ_BYTES = 256 * 1024,
    /// The longest frame that may be cut in two by a read.
    CARRY_BYTES = 256 * 1024,
    MAX_CHANNELS = 256,
};

typedef enum {
    CLIENT_UNUSED,
    CLIENT_CONNECTING,
    CLIENT_UPGRADING,
    CLIENT_SUBSCRIBING,
    CLIENT_READY,
    CLIENT_CLOSED,
    CLIENT_FAILED,
} client_state;

/// What only connections need that are read in full: all during their handshake, the sampled ones ever after.
typedef struct {
    /// The beginning of a frame, or of the upgrade's answer, whose end hasn't arrived yet.
    uint8_t *carry;
    uint32_t carry_length;
    uint32_t carry_capacity;
    uint32_t confirmations;

    /// Per partition, the sequence number that must come next; of sparse channels per channel, the least that may.
    uint64_t next[CLOAD_MAX_PARTITIONS];
    bool any_sequence;
    uint64_t messages;
    uint64_t duplicates_or_reordered;
    uint64_t gap_messages;
    uint64_t gap_dropped;
    /// Dropped according to gap messages since the last data message.
    uint64_t pending_gap;
    uint64_t gap_mismatches;
    /// Bytes of pings, which don't hit every connection at the same time.
    uint64_t ping_bytes;
} reader;

typedef struct {
    int fd;
    uint8_t state;
    bool sampled;
    /// NULL once a drained connection is ready.
    reader *reader;
    /// Received since the mark.
    uint64_t bytes;
} client;

struct cload {
    cload_config config;
    char host[64];
    char path[256];
    char *channels[MAX_CHANNELS];

    pthread_t thread;
    int wake_fd;
    /// Sampled connections, connections in their handshake, and the wake-up.
    int prompt_epoll;
    /// Drained connections, visited on their interval.
    int drain_epoll;
    client *clients;

    uint32_t next_to_connect;
    uint32_t in_flight;
    uint32_t drained_ready;
    uint64_t first_connect_ns;

    uint8_t *buffer;
    cload_histogram *latency;
    uint64_t base_sequence;
    uint32_t frame_bytes;
    uint32_t sequence_at;
    uint32_t sent_at;
    bool frames_differ;
    uint32_t ping_frame_bytes;
    uint64_t protocol_errors;
    uint64_t error_messages;
    uint64_t pings;
    uint32_t closed;
    uint64_t bytes;
    uint64_t sampled_messages;
    uint64_t receive_calls;

    uint64_t read_rate;
    uint64_t read_allowed;
    uint64_t read_tick_ns;
    uint64_t next_drain_ns;
    uint64_t next_publish_ns;
    uint64_t pong_start_ns;
    uint64_t pongs_sent;

    // Read by any thread.
    _Atomic uint32_t ready;
    _Atomic uint32_t failed;
    _Atomic uint64_t last_ready_ns;
    _Atomic uint64_t published_bytes;
    _Atomic uint64_t published_min_messages;
    _Atomic uint64_t published_sampled_messages;
    _Atomic bool stopping;

    /// Guards the request below, which other threads post and the drain thread runs between two events,
    /// and `first_failure`.
    pthread_mutex_t lock;
    pthread_cond_t request_done;
    void (*request)(cload *, void *);
    void *request_argument;
    char first_failure[256];
};

/// The number of a client's n-th channel, of sparse ones.
static inline uint32_t cload_client_channel(const cload *load, uint32_t index, uint32_t n) {
    const cload_sparse *sparse = &load->config.sparse;
    return (index + n * (sparse->channels / sparse->per_client)) % sparse->channels;
}

// connect.c
void cload_connect_more(cload *load);
/// Something happened on a connection that isn't ready yet.
void cload_handshake_event(cload *load, uint32_t index, uint32_t events);
/// `length` bytes at `bytes`, which has CARRY_BYTES of room in front. Takes the answer to the upgrade off the front.
void cload_handshake_bytes(cload *load, uint32_t index, uint8_t *bytes, size_t length);
void cload_client_failed(cload *load, uint32_t index, const char *why);
void cload_client_ready(cload *load, uint32_t index);

// reader.c
reader *cload_reader_create(const cload *load);
void cload_reader_destroy(reader *reader);
void cload_reader_mark(reader *reader, const cload *load);
/// Parses what has arrived; a frame cut in two is carried over. `bytes` has CARRY_BYTES of room in front.
void cload_read_frames(cload *load, uint32_t index, uint8_t *bytes, size_t length, uint64_t now);
/// Keeps these bytes until more arrive; false when they are too many.
bool cload_carry(reader *reader, const uint8_t *bytes, size_t length);
/// Moves what was carried in front of `*bytes`.
void cload_uncarry(reader *reader, uint8_t **bytes, size_t *length);
/// Sends one masked frame of at most 125 bytes of payload; false when the socket doesn't take it whole.
bool cload_send_frame(int fd, uint8_t opcode, const void *payload, size_t length);

#endif
