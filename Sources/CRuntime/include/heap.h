#ifndef PATCHBAY_HEAP_H
#define PATCHBAY_HEAP_H

/// Gives pages of the heap that hold nothing back to the system, where the C library can. Takes some milliseconds, in which other
/// threads may wait for memory.
void heap_trim(void);

#endif
