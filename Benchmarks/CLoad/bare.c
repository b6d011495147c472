#define _GNU_SOURCE
#include "internal.h"

#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <string.h>

static volatile sig_atomic_t is_over;

static void end(int signal) {
    (void)signal;
    is_over = 1;
}

/// Stamps a record as it is polled: the time since it was due. False when it is one of those before `first_sequence`.
static bool stamp(const cload_bare_config *config, const rd_kafka_message_t *message, uint64_t now) {
    uint64_t sequence = 0, sent = 0;
    if (!cload_value_numbers(message->payload, message->len, &sequence, &sent) || sequence < config->first_sequence) return false;
    cload_histogram_add(config->latency, now > sent ? now - sent : 0);
    return true;
}

bool cload_bare_run(const cload_bare_config *config, cload_bare_result *result, cload_error *error) {
    memset(result, 0, sizeof *result);
    is_over = 0;
    rd_kafka_t *consumer = cload_make_consumer(&config->source, config->from_end, error);
    if (!consumer) return false;
    void (*before)(int) = signal(SIGTERM, end);
    uint64_t first_ns = 0, first_cpu_ns = 0;
    while (!is_over && (config->count == 0 || result->records < config->count)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);
        if (!message) continue;
        if (!message->err && (!config->latency || stamp(config, message, cload_now()))) {
            if (result->records++ == 0) {
                first_ns = cload_now();
                first_cpu_ns = cload_own_cpu_ns();
            }
        }
        rd_kafka_message_destroy(message);
    }
    if (result->records > 0) {
        result->elapsed_ns = cload_now() - first_ns;
        result->cpu_ns = cload_own_cpu_ns() - first_cpu_ns;
    }
    signal(SIGTERM, before);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return true;
}
