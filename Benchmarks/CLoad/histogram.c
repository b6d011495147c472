#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// 128 buckets per power of two: the width of a bucket is at most 1/128 of its lower limit.
enum { SUB_BITS = 7, SUB = 1 << SUB_BITS, MAX_BITS = 40, BUCKETS = (MAX_BITS - SUB_BITS + 1) * SUB };

struct cload_histogram {
    uint64_t count;
    uint64_t max;
    uint64_t buckets[BUCKETS];
};

cload_histogram *cload_histogram_create(void) { return calloc(1, sizeof(cload_histogram)); }

void cload_histogram_destroy(cload_histogram *histogram) { free(histogram); }

void cload_histogram_reset(cload_histogram *histogram) { memset(histogram, 0, sizeof *histogram); }

static uint32_t bucket_of(uint64_t value) {
    if (value < SUB) return (uint32_t)value;
    int exponent = 63 - __builtin_clzll(value);
    return (uint32_t)((exponent - SUB_BITS + 1) * SUB) + (uint32_t)((value >> (exponent - SUB_BITS)) & (SUB - 1));
}

/// The largest value that falls into the bucket.
static uint64_t upper_limit(uint32_t bucket) {
    if (bucket < SUB) return bucket;
    int shift = (int)(bucket / SUB) - 1;
    uint64_t lower = (uint64_t)(SUB + bucket % SUB) << shift;
    return lower + ((uint64_t)1 << shift) - 1;
}

void cload_histogram_add(cload_histogram *histogram, uint64_t value) {
    const uint64_t limit = ((uint64_t)1 << MAX_BITS) - 1;
    if (value > limit) value = limit;
    histogram->buckets[bucket_of(value)]++;
    histogram->count++;
    if (value > histogram->max) histogram->max = value;
}

void cload_histogram_merge(cload_histogram *into, const cload_histogram *from) {
    for (uint32_t i = 0; i < BUCKETS; i++) into->buckets[i] += from->buckets[i];
    into->count += from->count;
    if (from->max > into->max) into->max = from->max;
}

uint64_t cload_histogram_count(const cload_histogram *histogram) { return histogram->count; }

uint64_t cload_histogram_max(const cload_histogram *histogram) { return histogram->max; }

uint64_t cload_histogram_quantile(const cload_histogram *histogram, double fraction) {
    if (histogram->count == 0) return 0;
    double exact = fraction * (double)histogram->count;
    uint64_t rank = (uint64_t)exact;
    if ((double)rank < exact) rank++;
    if (rank < 1) rank = 1;
    if (rank > histogram->count) rank = histogram->count;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= rank) {
            uint64_t limit = upper_limit(i);
            return limit < histogram->max ? limit : histogram->max;
        }
    }
    return histogram->max;
}

bool cload_histogram_save(const cload_histogram *histogram, const char *path) {
    FILE *file = fopen(path, "we");
    if (!file) return false;
    bool is_written = fwrite(histogram, sizeof *histogram, 1, file) == 1;
    return fclose(file) == 0 && is_written;
}

bool cload_histogram_merge_saved(cload_histogram *into, const char *path) {
    FILE *file = fopen(path, "re");
    if (!file) return false;
    cload_histogram *from = cload_histogram_create();
    bool is_whole = from && fread(from, sizeof *from, 1, file) == 1;
    fclose(file);
    if (is_whole) cload_histogram_merge(into, from);
    cload_histogram_destroy(from);
    return is_whole;
}
