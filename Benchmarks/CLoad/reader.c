#define _GNU_SOURCE
#include "clients.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

reader *cload_reader_create(const cload *load) {
    reader *made = calloc(1, sizeof *made);
    if (made) cload_reader_mark(made, load);
    return made;
}

void cload_reader_destroy(reader *reader) {
    if (!reader) return;
    free(reader->carry);
    free(reader);
}

void cload_reader_mark(reader *reader, const cload *load) {
    uint32_t partitions = load->config.partitions;
    for (uint32_t i = 0; i < partitions; i++)
        reader->next[i] = cload_next_in_partition(load->base_sequence, i, partitions);
    for (uint32_t i = 0; i < load->config.sparse.per_client; i++) reader->next[i] = load->base_sequence;
    reader->any_sequence = false;
    reader->messages = 0;
    reader->duplicates_or_reordered = 0;
    reader->gap_messages = 0;
    reader->gap_dropped = 0;
    reader->pending_gap = 0;
    reader->gap_mismatches = 0;
    reader->ping_bytes = 0;
}

bool cload_carry(reader *reader, const uint8_t *bytes, size_t length) {
    if (length > CARRY_BYTES) return false;
    if (length > reader->carry_capacity) {
        uint8_t *grown = realloc(reader->carry, length);
        if (!grown) return false;
        reader->carry = grown;
        reader->carry_capacity = (uint32_t)length;
    }
    if (length > 0) memcpy(reader->carry, bytes, length);
    reader->carry_length = (uint32_t)length;
    return true;
}

void cload_uncarry(reader *reader, uint8_t **bytes, size_t *length) {
    uint32_t carried = reader->carry_length;
    if (carried == 0) return;
    *bytes -= carried;
    *length += carried;
    memcpy(*bytes, reader->carry, carried);
    reader->carry_length = 0;
}

bool cload_send_frame(int fd, uint8_t opcode, const void *payload, size_t length) {
    uint8_t frame[6 + 125];
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    if (length > 125) return false;
    frame[0] = 0x80 | opcode;
    frame[1] = 0x80 | (uint8_t)length;
    memcpy(frame + 2, mask, 4);
    for (size_t i = 0; i < length; i++) frame[6 + i] = ((const uint8_t *)payload)[i] ^ mask[i % 4];
    return send(fd, frame, 6 + length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)(6 + length);
}

/// Reads exactly `digits` decimal digits; false when one isn't.
static bool read_digits(const uint8_t *at, int digits, uint64_t *value) {
    uint64_t sum = 0;
    for (int i = 0; i < digits; i++) {
        uint8_t digit = (uint8_t)(at[i] - '0');
        if (digit > 9) return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

/// Where `key` and `digits` digits after it stand in the payload: at the usual place, or else searched for.
/// NULL when nowhere.
static const uint8_t *find_field(
    const uint8_t *payload, size_t length, const char *key, size_t key_length, size_t digits, uint32_t *usual) {
    if (*usual + key_length + digits <= length && memcmp(payload + *usual, key, key_length) == 0)
        return payload + *usual + key_length;
    const uint8_t *found = memmem(payload, length, key, key_length);
    if (!found || (size_t)(payload + length - found) < key_length + digits) return NULL;
    *usual = (uint32_t)(found - payload);
    return found + key_length;
}

/// The text after `"key":` and blanks; NULL when the key isn't there.
static const uint8_t *value_of(const uint8_t *payload, size_t length, const char *quoted_key, size_t *rest) {
    size_t key_length = strlen(quoted_key);
    const uint8_t *found = memmem(payload, length, quoted_key, key_length);
    if (!found) return NULL;
    const uint8_t *end = payload + length;
    const uint8_t *at = found + key_length;
    while (at < end && (*at == ' ' || *at == ':')) at++;
    *rest = (size_t)(end - at);
    return at;
}

static bool has_value(const uint8_t *payload, size_t length, const char *quoted_key, const char *value) {
    size_t rest = 0;
    const uint8_t *at = value_of(payload, length, quoted_key, &rest);
    size_t value_length = strlen(value);
    return at && rest >= value_length && memcmp(at, value, value_length) == 0;
}

static void read_gap(cload *load, reader *reader, const uint8_t *payload, size_t length) {
    size_t rest = 0;
    const uint8_t *at = value_of(payload, length, "\"dropped\"", &rest);
    uint64_t dropped = 0;
    int digits = 0;
    while (at && (size_t)digits < rest && at[digits] >= '0' && at[digits] <= '9' && digits < 18)
        dropped = dropped * 10 + (uint64_t)(at[digits++] - '0');
    if (digits == 0) {
        load->protocol_errors++;
        return;
    }
    reader->gap_messages++;
    reader->gap_dropped += dropped;
    reader->pending_gap += dropped;
}

/// The order of the floor's frames, which count up to the modulus and start over.
static void check_cyclic(cload *load, reader *reader, uint64_t sequence) {
    uint64_t modulus = load->config.sequence_modulus;
    if (reader->any_sequence && sequence != reader->next[0]) reader->duplicates_or_reordered++;
    reader->next[0] = (sequence + 1) % modulus;
    reader->any_sequence = true;
}

static void check_sequence(cload *load, reader *reader, uint64_t sequence) {
    uint32_t partitions = load->config.partitions;
    uint32_t partition = cload_partition(sequence, partitions);
    uint64_t *next = &reader->next[partition];
    if (sequence < *next) {
        reader->duplicates_or_reordered++;
        return;
    }
    // With several partitions one gap covers records of all of them; then only the sums at the end can be compared.
    if (partitions == 1 && sequence - *next != reader->pending_gap) reader->gap_mismatches++;
    reader->pending_gap = 0;
    *next = cload_next_in_partition(sequence + 1, partition, partitions);
}

/// Each channel is in order by itself.
static void check_sparse(const cload *load, uint32_t index, reader *reader, uint64_t sequence) {
    uint32_t channel = cload_channel_of(sequence, load->config.sparse.channels);
    for (uint32_t i = 0; i < load->config.sparse.per_client; i++) {
        if (cload_client_channel(load, index, i) != channel) continue;
        if (sequence < reader->next[i]) reader->duplicates_or_reordered++;
        reader->next[i] = sequence + 1;
        return;
    }
    // Of a channel that it doesn't read.
    reader->duplicates_or_reordered++;
}

static void read_text(
    cload *load, uint32_t index, const uint8_t *payload, size_t length, size_t frame_length, uint64_t now) {
    client *client = &load->clients[index];
    reader *reader = client->reader;
    uint64_t sequence = 0;
    const uint8_t *digits = find_field(
        payload, length, CLOAD_SEQUENCE_KEY, sizeof CLOAD_SEQUENCE_KEY - 1, CLOAD_SEQUENCE_DIGITS, &load->sequence_at);
    if (digits && read_digits(digits, CLOAD_SEQUENCE_DIGITS, &sequence)) {
        if (load->frame_bytes == 0) load->frame_bytes = (uint32_t)frame_length;
        if (load->frame_bytes != frame_length) load->frames_differ = true;
        if (client->state != CLIENT_READY) return;
        reader->messages++;
        load->sampled_messages++;
        if (load->config.sequence_modulus > 0) return check_cyclic(load, reader, sequence);
        if (load->config.sparse.channels > 0) check_sparse(load, index, reader, sequence);
        else check_sequence(load, reader, sequence);
        uint64_t sent = 0;
        digits = find_field(
            payload, length, CLOAD_SENT_KEY, sizeof CLOAD_SENT_KEY - 1, CLOAD_SENT_DIGITS, &load->sent_at);
        if (!digits || !read_digits(digits, CLOAD_SENT_DIGITS, &sent)) load->protocol_errors++;
        else cload_histogram_add(load->latency, now > sent ? now - sent : 0);
        return;
    }
    if (has_value(payload, length, "\"type\"", "\"gap\"")) return read_gap(load, reader, payload, length);
    if (has_value(payload, length, "\"type\"", "\"subscription_confirmed\"")) {
        reader->confirmations++;
        if (client->state == CLIENT_SUBSCRIBING && reader->confirmations == load->config.channel_count)
            cload_client_ready(load, index);
        return;
    }
    if (has_value(payload, length, "\"type\"", "\"error\"")) {
        load->error_messages++;
        if (client->state == CLIENT_SUBSCRIBING) {
            char why[200];
            size_t shown = length < sizeof why - 1 ? length : sizeof why - 1;
            memcpy(why, payload, shown);
            why[shown] = 0;
            cload_client_failed(load, index, why);
        }
    }
}

void cload_read_frames(cload *load, uint32_t index, uint8_t *bytes, size_t length, uint64_t now) {
    client *client = &load->clients[index];
    cload_uncarry(client->reader, &bytes, &length);
    size_t at = 0;
    while (length - at >= 2) {
        const uint8_t *header = bytes + at;
        size_t header_length = 2;
        uint64_t payload_length = header[1] & 0x7f;
        if (payload_length == 126) {
            header_length = 4;
            if (length - at < header_length) break;
            payload_length = (uint64_t)header[2] << 8 | header[3];
        } else if (payload_length == 127) {
            header_length = 10;
            if (length - at < header_length) break;
            payload_length = 0;
            for (int i = 2; i < 10; i++) payload_length = payload_length << 8 | header[i];
        }
        uint8_t opcode = header[0] & 0x0f;
        // Whole, unmasked, without extensions; RFC 6455 5.2 and 5.5. Anything else means that the position is lost.
        bool legal = (header[0] & 0xf0) == 0x80 && (header[1] & 0x80) == 0
            && (opcode == 1 || opcode == 8 || opcode == 9 || opcode == 10) && payload_length <= CARRY_BYTES - 16
            && (opcode == 1 || payload_length <= 125);
        if (!legal) {
            load->protocol_errors++;
            cload_client_failed(load, index, "the server sent an illegal frame");
            return;
        }
        size_t frame_length = header_length + (size_t)payload_length;
        if (length - at < frame_length) break;
        const uint8_t *payload = header + header_length;
        if (opcode == 1) {
            read_text(load, index, payload, (size_t)payload_length, frame_length, now);
        } else if (opcode == 9) {
            load->pings++;
            load->ping_frame_bytes = (uint32_t)frame_length;
            client->reader->ping_bytes += frame_length;
            cload_send_frame(client->fd, 10, payload, (size_t)payload_length);
        }
        // Becoming ready hands a drained connection's reader back, and a failure closes it: what is left is not parsed.
        if (!client->reader || client->fd < 0) return;
        at += frame_length;
    }
    if (!cload_carry(client->reader, bytes + at, length - at)) {
        load->protocol_errors++;
        cload_client_failed(load, index, "the server sent a frame longer than this reader keeps");
    }
}
