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
