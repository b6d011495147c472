#include "plugin_pack.h"

#include <string.h>

static uint64_t aligned(uint64_t size) { return (size + 7) & ~(uint64_t)7; }

static uint64_t size_of(const pb_record *record, uint32_t record_size) {
    uint64_t size = (uint64_t)record_size + record->key.length + record->value.length + 8 + (uint64_t)record->header_count * sizeof(pb_header);
    const pb_header *headers = (const pb_header *)(const void *)record->headers.at;
    for (uint32_t i = 0; i < record->header_count; i++) size += (uint64_t)headers[i].name.length + headers[i].value.length;
    return size;
}

plugin_pack_part plugin_pack_measure(const pb_batch *batch, uint32_t first, uint64_t room) {
    plugin_pack_part part = {.size = aligned(batch->topic.length)};
    for (; first + part.count < batch->count; part.count++) {
        uint64_t size = part.size + size_of(pb_record_at(batch, first + part.count), batch->record_size);
        if (size > room) break;
        part.size = size;
    }
    return part;
}

/// The next free byte here, and what has to be added for the plugin's address of it.
typedef struct {
    uint8_t *at;
    uint64_t shift;
} packing;

static pb_bytes copied(packing *place, pb_bytes bytes) {
    if (!bytes.present) return (pb_bytes){.present = 0};
    pb_bytes result = {.length = bytes.length, .present = 1};
    result.data.bits = (uint64_t)(uintptr_t)place->at + place->shift;
    if (bytes.length) memcpy(place->at, bytes.data.at, bytes.length);
    place->at += bytes.length;
    return result;
}

pb_batch plugin_pack(const pb_batch *batch, uint32_t first, plugin_pack_part part, uint8_t *start, uint64_t shift) {
    packing place = {.at = start + (uint64_t)part.count * batch->record_size, .shift = shift};
    for (uint32_t i = 0; i < part.count; i++) {
        const pb_record *source = pb_record_at(batch, first + i);
        uint8_t *target = start + (uint64_t)i * batch->record_size;
        // What a newer host appends to a record goes along.
        memcpy(target, source, batch->record_size);
        pb_record record = *source;
        record.headers.bits = 0;
        if (record.header_count) {
            const pb_header *from = (const pb_header *)(const void *)source->headers.at;
            place.at = start + aligned((uint64_t)(place.at - start));
            pb_header *to = (pb_header *)(void *)place.at;
            record.headers.bits = (uint64_t)(uintptr_t)to + shift;
            place.at += record.header_count * sizeof *to;
            for (uint32_t n = 0; n < record.header_count; n++) {
                to[n].name = copied(&place, from[n].name);
                to[n].value = copied(&place, from[n].value);
            }
        }
        record.key = copied(&place, source->key);
        record.value = copied(&place, source->value);
        memcpy(target, &record, sizeof record);
    }
    pb_batch own = {.record_size = batch->record_size, .count = part.count, .topic = copied(&place, batch->topic)};
    own.records.bits = (uint64_t)(uintptr_t)start + shift;
    return own;
}
