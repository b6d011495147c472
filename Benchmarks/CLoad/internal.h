#ifndef CLOAD_INTERNAL_H
#define CLOAD_INTERNAL_H

#include "CLoad.h"

/// Writes one sentence; `error` may be NULL.
void cload_fail(cload_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// The example key of RFC 6455, section 1.3, which all clients send, and the answer it must get.
#define CLOAD_UPGRADE_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define CLOAD_UPGRADE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

/// Keys of the two fixed-width fields the producer adds to a trade, up to the first digit.
#define CLOAD_SEQUENCE_KEY "\"Seq\":\""
#define CLOAD_SENT_KEY "\"SentNs\":\""
enum { CLOAD_SEQUENCE_DIGITS = 12, CLOAD_SENT_DIGITS = 19 };

struct rd_kafka_s;
/// A consumer of the whole topic that belongs to no group, ready to be polled; NULL when there can't be one.
struct rd_kafka_s *cload_make_consumer(const cload_source *source, bool from_end, cload_error *error);

/// Writes exactly `digits` decimal digits, zero-padded.
void cload_put_digits(char *at, int digits, uint64_t value);

#endif
