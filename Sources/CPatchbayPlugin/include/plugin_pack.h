// Batches on their way into memory that a plugin reads at other addresses: a helper's, or a WebAssembly module's.
#ifndef PATCHBAY_PLUGIN_PACK_H
#define PATCHBAY_PLUGIN_PACK_H

#include <stddef.h>

#include "patchbay_plugin.h"

/// Records of a batch, how many and how many bytes they take.
typedef struct plugin_pack_part {
    uint32_t count;
    uint64_t size;
} plugin_pack_part;

/// How many records from `first` on fit into `room`; none when the first one alone is too large.
plugin_pack_part plugin_pack_measure(const pb_batch *_Nonnull batch, uint32_t first, uint64_t room);

/// Copies that part of a batch to `start`, which is a multiple of 8 and has room for it.
///
/// - shift: what is to be added to an address here for the plugin's address of it.
///
/// \returns the batch as the plugin reads it.
pb_batch plugin_pack(const pb_batch *_Nonnull batch, uint32_t first, plugin_pack_part part, uint8_t *_Nonnull start, uint64_t shift);

#endif
