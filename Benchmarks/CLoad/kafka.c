#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

struct cload_kafka {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *cluster;
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    uint32_t partitions;

    bool running;
    pthread_t thread;
    cload_pace pace;
    cload_produced result;
    _Atomic uint64_t produced;
    _Atomic uint64_t undelivered;
    _Atomic bool interrupted;
};

/// A trade as the protocol describes it, with two fields of fixed width added and three places that vary.
static const char TEMPLATE[] =
    "{\"Token\":\"0x0000000000000000000000000000000000000001\",\"Wallet\":\"0x0000000000000000000000000000000000000400\","
    "\"SellBuy\":\"buy\",\"NativeAmount\":\"1000.000000\",\"TokenAmount\":\"2500.500000\",\"PriceUsd\":\"0.400000\","
    "\"TransTime\":\"2024-01-01T12:00:00Z\",\"TxHash\":\"0x1234567890abcdef1234567890abcdef12345678\","
    CLOAD_SEQUENCE_KEY "000000000000\"," CLOAD_SENT_KEY "0000000000000000000\"}";

enum { VALUE_BYTES = sizeof TEMPLATE - 1 };

/// Where the places to fill in are; found once per run.
typedef struct {
    char bytes[VALUE_BYTES + 1];
    char *price;
    char *hash;
    char *sequence;
    char *sent;
} value_template;

static void prepare(value_template *value) {
    memcpy(value->bytes, TEMPLATE, sizeof TEMPLATE);
    value->price = strstr(value->bytes, "\"0.400000\"") + 3;
    value->hash = strstr(value->bytes, "\"0x1234567890abcdef") + 3;
    value->sequence = strstr(value->bytes, CLOAD_SEQUENCE_KEY) + sizeof CLOAD_SEQUENCE_KEY - 1;
    value->sent = strstr(value->bytes, CLOAD_SENT_KEY) + sizeof CLOAD_SENT_KEY - 1;
}

static void fill(value_template *value, uint64_t sequence, uint64_t due_ns) {
    cload_put_digits(value->price, 6, sequence * 7919 % 1000000);
    cload_put_digits(value->hash, 16, sequence * 2654435761u % 10000000000000000u);
    cload_put_digits(value->sequence, CLOAD_SEQUENCE_DIGITS, sequence);
    cload_put_digits(value->sent, CLOAD_SENT_DIGITS, due_ns);
}

uint32_t cload_kafka_value_bytes(void) { return VALUE_BYTES; }

uint32_t cload_kafka_value(uint64_t sequence, uint64_t due_ns, char *buffer, uint32_t capacity) {
    value_template value;
    prepare(&value);
    fill(&value, sequence, due_ns);
    if (capacity >= VALUE_BYTES) memcpy(buffer, value.bytes, VALUE_BYTES);
    return VALUE_BYTES;
}

/// The digits after `key`, if it is at that place of the value.
static bool number_at(const char *value, size_t at, const char *key, int digits, uint64_t *number) {
    size_t length = strlen(key);
    if (memcmp(value + at - length, key, length) != 0) return false;
    *number = 0;
    for (int i = 0; i < digits; i++) *number = *number * 10 + (uint64_t)(value[at + (size_t)i] - '0');
    return true;
}

bool cload_value_numbers(const void *value, size_t length, uint64_t *sequence, uint64_t *due_ns) {
    // All values have one length, and with it the two numbers one place.
    enum { SENT_AT = VALUE_BYTES - 2 - CLOAD_SENT_DIGITS, SEQUENCE_AT = SENT_AT - (int)sizeof CLOAD_SENT_KEY - 1 - CLOAD_SEQUENCE_DIGITS };
    return length == VALUE_BYTES && number_at(value, SEQUENCE_AT, CLOAD_SEQUENCE_KEY, CLOAD_SEQUENCE_DIGITS, sequence)
        && number_at(value, SENT_AT, CLOAD_SENT_KEY, CLOAD_SENT_DIGITS, due_ns);
}

/// Thread: the one that polls the producer, which is the pacing thread or `cload_kafka_finish`.
static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
    (void)producer;
    cload_kafka *kafka = opaque;
    if (message->err) atomic_fetch_add(&kafka->undelivered, 1);
}

static rd_kafka_t *make_producer(const char *brokers, double linger_ms, cload_kafka *opaque, cload_error *error) {
    char linger[32];
    snprintf(linger, sizeof linger, "%g", linger_ms);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256] = "";
    const char *settings[][2] = {
        {"bootstrap.servers", brokers},
        {"linger.ms", linger},
        {"acks", "1"},
        {"queue.buffering.max.messages", "500000"},
        {"delivery.report.only.error", "true"},
        {"log_level", "3"},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (!settings[i][1]) continue;
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why) != RD_KAFKA_CONF_OK) {
            cload_fail(error, "librdkafka refuses %s=%s: %s", settings[i][0], settings[i][1], why);
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    }
    rd_kafka_conf_set_opaque(conf, opaque);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_t *made = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!made) {
        cload_fail(error, "can't make a producer: %s", why);
        rd_kafka_conf_destroy(conf);
    }
    return made;
}

cload_kafka *cload_kafka_create(const char *topic, uint32_t partitions, double linger_ms, cload_error *error) {
    cload_kafka *kafka = calloc(1, sizeof *kafka);
    if (!kafka) {
        cload_fail(error, "out of memory");
        return NULL;
    }
    kafka->partitions = partitions;
    kafka->host = make_producer(NULL, linger_ms, kafka, error);
    if (!kafka->host) goto failed;
    kafka->cluster = rd_kafka_mock_cluster_new(kafka->host, 1);
    if (!kafka->cluster) {
        cload_fail(error, "can't start the mock cluster");
        goto failed;
    }
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(kafka->cluster, topic, (int)partitions, 1);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        cload_fail(error, "can't create topic %s: %s", topic, rd_kafka_err2str(code));
        goto failed;
    }
    kafka->producer = make_producer(cload_kafka_brokers(kafka), linger_ms, kafka, error);
    if (!kafka->producer) goto failed;
    kafka->topic = rd_kafka_topic_new(kafka->producer, topic, NULL);
    if (!kafka->topic) {
        cload_fail(error, "can't open topic %s: %s", topic, rd_kafka_err2str(rd_kafka_last_error()));
        goto failed;
    }
    return kafka;
failed:
    cload_kafka_destroy(kafka);
    return NULL;
}

void cload_kafka_destroy(cload_kafka *kafka) {
    if (!kafka) return;
    if (kafka->running) {
        cload_kafka_interrupt(kafka);
        cload_produced ignored;
        cload_kafka_finish(kafka, &ignored, NULL);
    }
    if (kafka->topic) rd_kafka_topic_destroy(kafka->topic);
    if (kafka->producer) rd_kafka_destroy(kafka->producer);
    if (kafka->cluster) rd_kafka_mock_cluster_destroy(kafka->cluster);
    if (kafka->host) rd_kafka_destroy(kafka->host);
    free(kafka);
}

const char *cload_kafka_brokers(const cload_kafka *kafka) { return rd_kafka_mock_cluster_bootstraps(kafka->cluster); }

static void sleep_until(uint64_t deadline) {
    struct timespec at = {.tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {}
}

static void *produce(void *argument) {
    cload_kafka *kafka = argument;
    const cload_pace *pace = &kafka->pace;
    cload_produced *result = &kafka->result;
    value_template value;
    prepare(&value);
    prctl(PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul);

    const double interval = 1e9 / pace->rate;
    const uint64_t start = cload_now();
    const uint64_t end = pace->time_limit_ns > 0 ? start + pace->time_limit_ns : UINT64_MAX;
    uint64_t now = start;
    bool waited = false;
    uint64_t i = 0;
    while (i < pace->count && now < end && !atomic_load_explicit(&kafka->interrupted, memory_order_relaxed)) {
        uint64_t due = start + (uint64_t)((double)i * interval);
        if (due > now) {
            uint64_t wake = pace->tick_us > 0 ? now + (uint64_t)pace->tick_us * 1000u : due;
            rd_kafka_poll(kafka->producer, 0);
            sleep_until(wake > due ? wake : due);
            now = cload_now();
            waited = false;
            continue;
        }
        if (pace->window > 0 && i >= cload_min_messages(pace->clients) + pace->window) {
            rd_kafka_poll(kafka->producer, 0);
            sleep_until(cload_now() + 200000);
            now = cload_now();
            waited = true;
            continue;
        }
        if (waited || pace->window > 0) due = now;
        else if (now - due > result->max_late_ns) result->max_late_ns = now - due;
        uint64_t sequence = pace->first_sequence + i;
        fill(&value, sequence, due);
        char key[CLOAD_CHANNEL_NAME + 1];
        if (pace->channels > 0) cload_channel_name(cload_channel_of(sequence, pace->channels), key);
        // In turns of many, keys or not: the next record of a channel is so much later that they stay in order all the same.
        uint32_t partition = cload_partition(sequence, kafka->partitions);
        int code = rd_kafka_produce(
            kafka->topic, (int32_t)partition, RD_KAFKA_MSG_F_COPY, value.bytes, VALUE_BYTES,
            pace->channels > 0 ? key : NULL, pace->channels > 0 ? CLOAD_CHANNEL_NAME : 0, NULL);
        if (code == 0) {
            i++;
            atomic_store_explicit(&kafka->produced, i, memory_order_relaxed);
        } else if (rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            result->queue_full++;
            rd_kafka_poll(kafka->producer, 1);
            now = cload_now();
        } else {
            // The sequence has a hole now, which every reader will report.
            result->failed++;
            i++;
        }
        // Behind by many records, the clock is read now and then only.
        if (i % 32 == 0) now = cload_now();
    }
    result->produced = i;
    result->elapsed_ns = cload_now() - start;
    return NULL;
}

bool cload_kafka_begin(cload_kafka *kafka, const cload_pace *pace, cload_error *error) {
    if (kafka->running || !(pace->rate > 0) || (pace->window > 0 && !pace->clients)) {
        cload_fail(error, "a run needs a rate above 0, clients when it has a window, and no other run beside it");
        return false;
    }
    kafka->pace = *pace;
    memset(&kafka->result, 0, sizeof kafka->result);
    atomic_store(&kafka->produced, 0);
    atomic_store(&kafka->undelivered, 0);
    atomic_store(&kafka->interrupted, false);
    int code = pthread_create(&kafka->thread, NULL, produce, kafka);
    kafka->running = code == 0;
    if (code != 0) cload_fail(error, "can't start the producer's thread: %s", strerror(code));
    return code == 0;
}

uint64_t cload_kafka_produced(const cload_kafka *kafka) {
    return atomic_load_explicit(&kafka->produced, memory_order_relaxed);
}

void cload_kafka_interrupt(cload_kafka *kafka) { atomic_store(&kafka->interrupted, true); }

bool cload_kafka_finish(cload_kafka *kafka, cload_produced *result, cload_error *error) {
    if (!kafka->running) {
        cload_fail(error, "no run to finish");
        return false;
    }
    pthread_join(kafka->thread, NULL);
    kafka->running = false;
    rd_kafka_resp_err_t code = rd_kafka_flush(kafka->producer, 10000);
    kafka->result.failed += atomic_load(&kafka->undelivered);
    *result = kafka->result;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || result->failed > 0) {
        cload_fail(
            error, "%llu records were not delivered to the mock broker (%s)", (unsigned long long)result->failed,
            rd_kafka_err2str(code));
        return false;
    }
    return true;
}
