#define _GNU_SOURCE
#include "internal.h"

#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t is_over;

static void end(int signal) {
    (void)signal;
    is_over = 1;
}

/// Sets NAME=VALUE; false when librdkafka refuses it.
static bool set(rd_kafka_conf_t *conf, const char *property, cload_error *error) {
    char name[128];
    char why[256] = "";
    const char *equals = strchr(property, '=');
    if (equals && (size_t)(equals - property) < sizeof name) {
        snprintf(name, sizeof name, "%.*s", (int)(equals - property), property);
        if (rd_kafka_conf_set(conf, name, equals + 1, why, sizeof why) == RD_KAFKA_CONF_OK) return true;
    }
    cload_fail(error, "librdkafka refuses %s: %s", property, why);
    return false;
}

static rd_kafka_t *make_consumer(const cload_bare_config *config, cload_error *error) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char brokers[256];
    snprintf(brokers, sizeof brokers, "bootstrap.servers=%s", config->brokers);
    bool isSet = set(conf, brokers, error) && set(conf, "group.id=bare", error) && set(conf, "log_level=3", error);
    for (const char *const *property = config->properties; isSet && *property; property++) isSet = set(conf, *property, error);
    if (!isSet) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    char why[256] = "";
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!consumer) {
        cload_fail(error, "can't make a consumer: %s", why);
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new((int)config->partitions);
    for (uint32_t i = 0; i < config->partitions; i++)
        rd_kafka_topic_partition_list_add(all, config->topic, (int32_t)i)->offset =
            config->from_end ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(consumer, all);
    rd_kafka_topic_partition_list_destroy(all);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return consumer;
    cload_fail(error, "can't read %s: %s", config->topic, rd_kafka_err2str(code));
    rd_kafka_destroy(consumer);
    return NULL;
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
    rd_kafka_t *consumer = make_consumer(config, error);
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
