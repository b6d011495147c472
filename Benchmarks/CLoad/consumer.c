#include "internal.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

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

rd_kafka_t *cload_make_consumer(const cload_source *source, bool from_end, cload_error *error) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char brokers[256];
    snprintf(brokers, sizeof brokers, "bootstrap.servers=%s", source->brokers);
    bool is_set = set(conf, brokers, error) && set(conf, "group.id=bench", error) && set(conf, "log_level=3", error)
        && set(conf, "enable.auto.commit=false", error);
    for (const char *const *property = source->properties; is_set && *property; property++) is_set = set(conf, *property, error);
    if (!is_set) {
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
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new((int)source->partitions);
    for (uint32_t i = 0; i < source->partitions; i++)
        rd_kafka_topic_partition_list_add(all, source->topic, (int32_t)i)->offset =
            from_end ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(consumer, all);
    rd_kafka_topic_partition_list_destroy(all);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return consumer;
    cload_fail(error, "can't read %s: %s", source->topic, rd_kafka_err2str(code));
    rd_kafka_destroy(consumer);
    return NULL;
}
