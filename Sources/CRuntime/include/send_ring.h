#ifndef PATCHBAY_SEND_RING_H
#define PATCHBAY_SEND_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// liburing for Swift: sends on many sockets by one system call. Its own header brings the system's with it, and Swift would then
/// find their declarations here and no longer in the C library's module.
///
/// Thread: the one that made it.
typedef struct send_ring send_ring;

typedef struct {
    const void *bytes;
    size_t count;
} send_ring_piece;

/// NULL where the kernel has no io_uring, forbids it (sysctl kernel.io_uring_disabled; the system call filters of most container
/// engines), or is older than Linux 6.1, the first with the flags asked for: one thread does everything, and completions
/// wait until it asks.
///
/// capacity: sends of one system call, a power of two. pieces: of all of them together.
send_ring *send_ring_make(uint32_t capacity, uint32_t pieces);

void send_ring_free(send_ring *ring);

/// Adds a send of bytes that stay where they are until `send_ring_submit` returns. False when there is no room.
bool send_ring_add(send_ring *ring, int descriptor, const void *bytes, size_t count);

/// The same of several pieces, one behind the other. `pieces` themselves are copied.
bool send_ring_add_pieces(send_ring *ring, int descriptor, const send_ring_piece *pieces, size_t count);

/// Sends what was added: every send is tried at once and never waited for, so that the kernel is done with all of them when this
/// returns. False when the kernel refused the call: the ring is of no use any more.
bool send_ring_submit(send_ring *ring);

/// Of the send that was added as index-th: bytes that the socket took, 0 when it took none for whatever reason, -1 when the kernel
/// has not told.
int32_t send_ring_taken(const send_ring *ring, uint32_t index);

/// Makes room for the next sends; results are gone.
void send_ring_clear(send_ring *ring);

#endif
