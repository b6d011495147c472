#include "internal.h"

uint32_t cload_partition(uint64_t sequence, uint32_t partitions) {
    return (uint32_t)(sequence / CLOAD_PARTITION_BLOCK % partitions);
}

uint64_t cload_next_in_partition(uint64_t sequence, uint32_t partition, uint32_t partitions) {
    uint32_t own = cload_partition(sequence, partitions);
    if (own == partition) return sequence;
    uint64_t blocks_ahead = (partition + partitions - own) % partitions;
    return (sequence / CLOAD_PARTITION_BLOCK + blocks_ahead) * CLOAD_PARTITION_BLOCK;
}

void cload_channel_name(uint32_t channel, char name[CLOAD_CHANNEL_NAME + 1]) {
    name[0] = 'c';
    cload_put_digits(name + 1, CLOAD_CHANNEL_NAME - 1, channel);
    name[CLOAD_CHANNEL_NAME] = 0;
}

uint32_t cload_channel_of(uint64_t sequence, uint32_t channels) {
    // A prime that divides neither a thousand nor ten thousand: every residue comes once before one comes again.
    return (uint32_t)(sequence * 7919 % channels);
}
