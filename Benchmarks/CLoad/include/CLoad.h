/// The load generator: many WebSocket clients on one thread, a paced producer with its own mock Kafka, the raw-send
/// floor, and what the operating system knows about another process.
///
/// Every function that can fail returns false, or NULL, and puts one sentence into `error`.
/// All times are nanoseconds of CLOCK_MONOTONIC, which every process of a machine shares.
#ifndef CLOAD_H
#define CLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct {
    char text[512];
} cload_error;

/// Nanoseconds of CLOCK_MONOTONIC.
uint64_t cload_now(void);

// MARK: Histogram

/// Log-bucketed counts of nanosecond values: 128 buckets per power of two, so a percentile is at most 0.8 % above the
/// true value and never below it. Not thread-safe.
typedef struct cload_histogram cload_histogram;

cload_histogram *cload_histogram_create(void);
void cload_histogram_destroy(cload_histogram *histogram);
void cload_histogram_reset(cload_histogram *histogram);
/// Values beyond 2^40 ns (18 minutes) count as 2^40.
void cload_histogram_add(cload_histogram *histogram, uint64_t nanoseconds);
void cload_histogram_merge(cload_histogram *into, const cload_histogram *from);
uint64_t cload_histogram_count(const cload_histogram *histogram);
uint64_t cload_histogram_max(const cload_histogram *histogram);
/// The smallest bucket limit that at least `fraction` (0…1) of the values don't exceed; 0 when empty.
uint64_t cload_histogram_quantile(const cload_histogram *histogram, double fraction);
/// Writes all counts to a file, for another process of the same build.
bool cload_histogram_save(const cload_histogram *histogram, const char *path);
/// Adds the counts of such a file; false when it isn't there or isn't whole.
bool cload_histogram_merge_saved(cload_histogram *into, const char *path);

// MARK: Sparse channels

/// Many channels with a few messages each: records go round all channels, and each client reads a few of them. Off while `channels` is 0.
typedef struct {
    /// Their names are those of `cload_channel_name`.
    uint32_t channels;
    /// Channels of each client, at most CLOAD_MAX_PARTITIONS; spread evenly, so that all channels have as many subscribers.
    uint32_t per_client;
} cload_sparse;

enum { CLOAD_CHANNEL_NAME = 7 };

/// `c` and six digits, ending with NUL: all of one length, so that all frames are.
void cload_channel_name(uint32_t channel, char name[CLOAD_CHANNEL_NAME + 1]);
/// The channel of a record: neighbours in the sequence are far apart, and `channels` records in a row reach each channel once.
uint32_t cload_channel_of(uint64_t sequence, uint32_t channels);

// MARK: Clients

enum {
    CLOAD_MAX_PARTITIONS = 64,
    /// Consecutive records that go to one partition before it is the next one's turn. librdkafka's mock walks a list of
    /// all the batches it keeps for every fetch, so batches of a record or two would slow it down to a crawl.
    CLOAD_PARTITION_BLOCK = 64,
};

/// The partition that a sequence number is produced to.
uint32_t cload_partition(uint64_t sequence, uint32_t partitions);
/// The first sequence number at or after `sequence` that is produced to `partition`.
uint64_t cload_next_in_partition(uint64_t sequence, uint32_t partition, uint32_t partitions);

typedef struct {
    /// IPv4 address in digits.
    const char *host;
    uint16_t port;
    /// Path of the upgrade request.
    const char *path;
    const char *const *channels;
    uint32_t channel_count;
    /// In their place.
    cload_sparse sparse;
    uint32_t connections;
    /// How many of the connections are read and checked in full, spread evenly over the order of connecting. The others
    /// are drained without copying: only their bytes are counted.
    uint32_t sampled;
    /// Connections that may be between connect() and their last confirmation at any time.
    uint32_t connects_in_flight;
    /// Connections come from 127.0.0.1, 127.0.0.2, … in turn, so that ephemeral ports suffice.
    uint32_t source_addresses;
    /// The drained connections are visited this often; 0 is "as soon as they are readable". Sampled ones never wait.
    uint32_t drain_interval_us;
    /// An unsolicited pong goes out on each connection this often, so that none looks dead; 0 is never.
    uint32_t pong_interval_ms;
    /// Above 0: all connections must be sampled, and together read at most this much, on a 10 ms tick.
    uint64_t read_bytes_per_second;
    /// SO_RCVBUF; 0 leaves it to the kernel.
    uint32_t receive_buffer_bytes;
    /// Of the topic, see `cload_partition`; order is promised per partition only.
    uint32_t partitions;
    /// Above 0: sequence numbers start over at this value and carry no send time (the floor).
    uint64_t sequence_modulus;
    /// No upgrade and no subscription: ready as soon as connected (the floor).
    bool raw;
} cload_config;

typedef struct cload cload;

/// Starts the drain thread, which begins to connect at once. Copies what it needs of `config`.
cload *cload_start(const cload_config *config, cload_error *error);
/// Closes everything and joins the thread.
void cload_destroy(cload *load);

typedef struct {
    uint32_t ready;
    uint32_t failed;
    /// From the first connect() to the last confirmation so far.
    uint64_t elapsed_ns;
    /// Why the first of the failed ones failed; empty when none did.
    char first_failure[256];
} cload_connect_result;

/// Waits until every connection is confirmed or has failed, or the time is up. Whether all are ready.
bool cload_wait_ready(cload *load, uint32_t timeout_ms, cload_connect_result *result);

/// Bytes received since the last mark, over all connections. May lag by one drain pass. Any thread.
uint64_t cload_bytes(const cload *load);
/// Data messages received since the last mark by the connection that is furthest behind, computed from bytes for
/// drained ones. May lag by a few milliseconds. Any thread.
uint64_t cload_min_messages(const cload *load);
/// Data messages parsed since the last mark on all sampled connections together. Any thread.
uint64_t cload_sampled_messages(const cload *load);

/// Waits until nothing has been received for `quiet_ms`; false when the time is up before.
bool cload_wait_quiet(cload *load, uint32_t quiet_ms, uint32_t timeout_ms);

/// Forgets all counts. Must be called while nothing is in flight; the next record is expected to carry `next_sequence`.
void cload_mark(cload *load, uint64_t next_sequence);

/// Changes the slow reader's rate; 0 makes it read as fast as it can from now on.
void cload_set_read_rate(cload *load, uint64_t bytes_per_second);

/// Everything since the last mark.
typedef struct {
    uint32_t connections;
    uint32_t sampled;
    /// Connections the server closed or reset.
    uint32_t closed;
    uint64_t bytes;
    /// Whole WebSocket frame of one data message; 0 before the first one was seen.
    uint32_t frame_bytes;
    /// Whether every data message seen had this length.
    bool frames_equal;

    /// Drained connections that received exactly as many bytes as the first sampled one, not counting pings.
    uint32_t drained_exact;
    /// As above, but only after subtracting up to three pings.
    uint32_t drained_exact_but_pings;
    uint32_t drained_inexact;

    /// Sampled connections for which received + dropped == produced, in order, without duplicates.
    uint32_t sampled_exact;
    uint64_t messages;
    uint64_t min_messages;
    uint64_t max_messages;
    /// A sequence number at or before one already seen of the same partition.
    uint64_t duplicates_or_reordered;
    uint64_t gap_messages;
    uint64_t gap_dropped;
    /// One partition only: jumps in the sequence that differ from what the gap messages just before announced.
    uint64_t gap_mismatches;
    /// Masked, reserved bits, fragments, over-long or otherwise illegal frames.
    uint64_t protocol_errors;
    /// `error` messages of the server.
    uint64_t error_messages;
    uint64_t pings;

    /// CPU time of the drain thread since the start.
    uint64_t cpu_ns;
    /// recv() calls since the start.
    uint64_t receive_calls;
} cload_stats;

/// Takes the figures; `end_sequence` is one past the last record produced. `latency` may be NULL.
void cload_snapshot(cload *load, uint64_t end_sequence, cload_stats *stats, cload_histogram *latency);

// MARK: Kafka

/// A mock cluster with one broker and one topic, and a producer for it.
typedef struct cload_kafka cload_kafka;

/// `linger_ms` is librdkafka's `linger.ms` for the producer.
cload_kafka *cload_kafka_create(const char *topic, uint32_t partitions, double linger_ms, cload_error *error);
void cload_kafka_destroy(cload_kafka *kafka);
/// `host:port`, valid as long as `kafka`.
const char *cload_kafka_brokers(const cload_kafka *kafka);

typedef struct {
    uint64_t first_sequence;
    uint64_t count;
    /// Records per second; record i is due at start + i / rate, and carries that moment, however late it is produced.
    double rate;
    /// Wake up at most this often, 0 for once per record. Records due within a tick are produced, late, at its end.
    uint32_t tick_us;
    /// Above 0: never more than this many records ahead of the slowest client of `clients`. A record that had to wait
    /// carries the time at which it was really produced: latency then says nothing about the pace.
    uint64_t window;
    const cload *clients;
    /// Above 0: the key of each record names one of so many channels, see `cload_sparse`.
    uint32_t channels;
    /// Stop after this long even if `count` is not reached; 0 for no limit.
    uint64_t time_limit_ns;
} cload_pace;

typedef struct {
    uint64_t produced;
    uint64_t failed;
    uint64_t elapsed_ns;
    /// The furthest any record was behind its due time when handed to librdkafka.
    uint64_t max_late_ns;
    /// Times the producer's queue was full.
    uint64_t queue_full;
} cload_produced;

/// Starts a thread that produces trade records; one run at a time. Join with `cload_kafka_finish`.
bool cload_kafka_begin(cload_kafka *kafka, const cload_pace *pace, cload_error *error);
/// Records handed over so far in this run. Any thread.
uint64_t cload_kafka_produced(const cload_kafka *kafka);
/// Asks the run to stop before its count is reached.
void cload_kafka_interrupt(cload_kafka *kafka);
/// Waits for the run and flushes; false when records were not delivered to the broker.
bool cload_kafka_finish(cload_kafka *kafka, cload_produced *result, cload_error *error);

/// Length of every record's value, in bytes.
uint32_t cload_kafka_value_bytes(void);

/// One record's value as the producer would make it, without a terminator. Returns its length;
/// writes only when `capacity` suffices.
uint32_t cload_kafka_value(uint64_t sequence, uint64_t due_ns, char *buffer, uint32_t capacity);

/// The sequence number and the time that such a value carries; false when it carries none.
bool cload_value_numbers(const void *value, size_t length, uint64_t *sequence, uint64_t *due_ns);

// MARK: Floor

/// The `sequence_modulus` of clients that drain the floor.
enum { CLOAD_FLOOR_MODULUS = 4096 };

typedef struct {
    /// From `cload_floor_listen`; closed when all connections are there.
    int listener;
    uint32_t connections;
    /// Rounded to whole frames, at least one.
    uint32_t bytes_per_call;
    /// Whole frame, header included; at least 64.
    uint32_t frame_bytes;
    double seconds;
    /// Wait in send() when a socket is full instead of going on to the next one.
    bool blocking;
} cload_floor_config;

typedef struct {
    uint64_t bytes;
    /// send() calls that took at least one byte.
    uint64_t calls;
    /// send() calls that found the socket full.
    uint64_t full;
    uint64_t elapsed_ns;
    uint64_t cpu_ns;
} cload_floor_result;

/// Listens on a free port of 127.0.0.1. Returns the listener, -1 when that isn't possible.
int cload_floor_listen(uint16_t *port, cload_error *error);

/// Accepts that many connections, then sends ready-made frames to each in turn. Blocks for about `seconds`.
bool cload_floor_send(const cload_floor_config *config, cload_floor_result *result, cload_error *error);

// MARK: Reference

/// A topic that a program in C reads.
typedef struct {
    const char *brokers;
    const char *topic;
    uint32_t partitions;
    /// librdkafka's, as NAME=VALUE; the list ends with NULL.
    const char *const *properties;
} cload_source;

typedef struct {
    /// From `cload_floor_listen`.
    int listener;
    uint32_t max_clients;
    cload_source source;
} cload_reference_config;

/// What a router costs at the least: one thread with epoll and librdkafka, a table of channels by name, and one send() for each
/// subscriber and message. It reads the topic from its end, and sends what the server sends: an envelope around the value, to the
/// subscribers of the channel that the key names. Only for this generator's clients on loopback: it knows their upgrade request,
/// and closes anyone who doesn't keep up.
///
/// Runs until SIGTERM; false when something failed.
bool cload_reference_run(const cload_reference_config *config, cload_error *error);

// MARK: Bare consumer

typedef struct {
    cload_source source;
    /// From the end of the topic on, and not from its beginning.
    bool from_end;
    /// Ends after so many records; 0: at SIGTERM.
    uint64_t count;
    /// NULL: records are polled and freed. Otherwise each is stamped as it is polled, and gets the time since it was due in here.
    cload_histogram *latency;
    /// Only with `latency`: earlier records don't count.
    uint64_t first_sequence;
} cload_bare_config;

typedef struct {
    uint64_t records;
    /// From the first record to the last one, or to SIGTERM.
    uint64_t elapsed_ns;
    /// CPU time of the process meanwhile.
    uint64_t cpu_ns;
} cload_bare_result;

/// What reading a topic costs at the least: one thread that polls a record, looks at the clock or doesn't, and frees it. Its
/// partitions are assigned, so that no group is waited for. To be run in a process of its own.
bool cload_bare_run(const cload_bare_config *config, cload_bare_result *result, cload_error *error);

// MARK: Processes

/// A TCP port of 127.0.0.1 that was free a moment ago; 0 when there is none.
uint16_t cload_free_port(void);
/// Raises the limit of open files to at least `count`, the hard limit too where allowed.
bool cload_raise_open_files(uint64_t count, cload_error *error);
/// How many processors this process may use.
uint32_t cload_processors(void);
/// Starts a program that receives SIGTERM when the caller's thread ends; its output goes to `log_path`.
/// `arguments` and `environment` end with NULL. The program is found by path, not by PATH.
/// With `is_pinned` it may use one processor only, the last of those that this process may use.
pid_t cload_spawn(
    const char *const *arguments, const char *const *environment, const char *log_path, bool is_pinned, cload_error *error);
/// Waits for a child. 1: it ended, `status` is its exit code, or 128 + signal. 0: the time is up. -1: no such child.
int cload_wait_exit(pid_t pid, uint32_t timeout_ms, int *status);

typedef struct {
    uint64_t cpu_ns;
    uint64_t rss_bytes;
    /// Private memory plus this process's part of shared memory; 0 when not readable.
    uint64_t pss_bytes;
    uint32_t threads;
    /// write() and writev() calls and their bytes, as /proc/PID/io counts them; 0 when not readable.
    uint64_t write_calls;
    uint64_t write_bytes;
} cload_usage;

bool cload_process_usage(pid_t pid, cload_usage *usage);
/// The CPU time alone, which costs the other process nothing; 0 when not readable.
uint64_t cload_process_cpu_ns(pid_t pid);
/// This process's variables as NAME=VALUE, ending with NULL.
const char *const *cload_environment(void);
/// CPU time of everything on the machine since it started, time stolen from it included, in ticks of 10 ms.
uint64_t cload_machine_cpu_ns(void);
/// CPU time of the calling process, all threads.
uint64_t cload_own_cpu_ns(void);

/// GET over HTTP/1.1 from 127.0.0.1. The body, terminated by NUL and cut at `capacity`, goes to `body`.
/// Returns the status, 0 when there was no answer in time.
int cload_http_get(uint16_t port, const char *path, uint32_t timeout_ms, char *body, size_t capacity);

#endif
