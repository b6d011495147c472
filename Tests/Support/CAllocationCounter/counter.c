#include "CAllocationCounter.h"

#include <errno.h>
#include <stddef.h>

static _Thread_local uint64_t allocations;
static _Thread_local uint64_t first_to_fail = UINT64_MAX;

void allocation_fail_after(uint64_t count) { first_to_fail = allocations + count; }
void allocation_fail_never(void) { first_to_fail = UINT64_MAX; }

uint64_t allocation_count(void) { return allocations; }

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

#if defined(HAS_SANITIZER) || !defined(__GLIBC__)

bool allocation_count_is_available(void) { return false; }

#else

// glibc's own names for what the functions below replace; `free` needs no replacement.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

bool allocation_count_is_available(void) { return true; }

static bool fails(void) { return allocations++ >= first_to_fail; }

void *malloc(size_t size) {
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    return fails() ? NULL : __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return fails() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    *memory = fails() ? NULL : __libc_memalign(alignment, size);
    return *memory == NULL ? ENOMEM : 0;
}

#endif
