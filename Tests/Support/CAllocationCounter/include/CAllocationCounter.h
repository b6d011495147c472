// Counts what the current thread allocates, by standing in for malloc in the test executable.
#ifndef PATCHBAY_CALLOCATIONCOUNTER_H
#define PATCHBAY_CALLOCATIONCOUNTER_H
#include <stdbool.h>
#include <stdint.h>

/// Allocations and reallocations of the calling thread so far.
uint64_t allocation_count(void);
/// False under a sanitizer, which needs malloc for itself; the count then stays 0.
bool allocation_count_is_available(void);
/// Lets this many more allocations of the calling thread succeed, and fails all after them.
void allocation_fail_after(uint64_t count);
/// Ends that.
void allocation_fail_never(void);

#endif
