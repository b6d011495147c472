// The part of a C library that plugins and Embedded Swift need, for WebAssembly without one: memory, and what compilers call by
// themselves. Build it into the plugin.
#include "patchbay_wasm.h"

#include <stdint.h>

#include "patchbay_plugin.h"

// ---- Memory ----------------------------------------------------------------------------------------------------------------
//
// Blocks have sizes of powers of two. What is freed waits in a list for the next of its size; what is new comes from the end of the
// module's memory, which grows until the host says no.

typedef struct block {
    uint32_t size_class;        // of 16 bytes << class
    uint32_t start;             // where the block begins, which may be before this
    struct block *next;         // while it is free
    uint32_t unused;
} block;

enum { CLASSES = 28, PAGE = 65536 };

extern unsigned char __heap_base;
static block *unused[CLASSES];
static uintptr_t fresh, end;

static void *carve(size_t size) {
    if (!fresh) {
        fresh = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
        end = __builtin_wasm_memory_size(0) * PAGE;
    }
    if (size > UINT32_MAX - fresh) return NULL;
    if (fresh + size > end) {
        size_t pages = (fresh + size - end + PAGE - 1) / PAGE;
        if (__builtin_wasm_memory_grow(0, pages) == SIZE_MAX) return NULL;
        end += pages * PAGE;
    }
    fresh += size;
    return (void *)(fresh - size);
}

void *malloc(size_t size) {
    uint32_t class = 0;
    while (class < CLASSES && ((size_t)16 << class) < size) class++;
    if (class == CLASSES) return NULL;
    block *found = unused[class];
    if (found) {
        unused[class] = found->next;
    } else {
        found = carve(sizeof *found + ((size_t)16 << class));
        if (!found) return NULL;
        found->size_class = class;
    }
    found->start = (uint32_t)(uintptr_t)found;
    return found + 1;
}

static block *block_of(void *at) { return (block *)(uintptr_t)((block *)at - 1)->start; }

void free(void *at) {
    if (!at) return;
    block *freed = block_of(at);
    freed->next = unused[freed->size_class];
    unused[freed->size_class] = freed;
}

void *calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    void *at = malloc(bytes);
    return at ? memset(at, 0, bytes) : NULL;
}

void *realloc(void *at, size_t size) {
    if (!at) return malloc(size);
    block *old = block_of(at);
    size_t room = ((size_t)16 << old->size_class) - ((uintptr_t)at - (uintptr_t)(old + 1));
    if (size <= room) return at;
    void *new = malloc(size);
    if (!new) return NULL;
    memcpy(new, at, room);
    free(at);
    return new;
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    if (size > UINT32_MAX / 2 || alignment > PAGE) return 12;
    uintptr_t at = (uintptr_t)malloc(alignment <= 16 ? size : size + alignment);
    if (!at) return 12;
    if (alignment > 16) {
        uintptr_t aligned = (at + alignment - 1) & ~(uintptr_t)(alignment - 1);
        ((block *)aligned - 1)->start = (uint32_t)(at - sizeof(block));
        at = aligned;
    }
    *result = (void *)at;
    return 0;
}

void *patchbay_allocate(uint32_t size) {
    // The place of the call before isn't used any more.
    static void *place;
    free(place);
    return place = malloc(size);
}

// ---- Bytes -----------------------------------------------------------------------------------------------------------------
//
// With -mbulk-memory compilers make one instruction of memcpy and memset themselves, mostly. Loops that are taken for a call of the
// function that they are in would never end.
#define OWN(name) __attribute__((no_builtin(name)))

OWN("memcpy") void *memcpy(void *to, const void *from, size_t count) {
    unsigned char *t = to;
    const unsigned char *f = from;
    while (count--) *t++ = *f++;
    return to;
}

OWN("memmove") void *memmove(void *to, const void *from, size_t count) {
    unsigned char *t = to;
    const unsigned char *f = from;
    if (t <= f) {
        while (count--) *t++ = *f++;
    } else {
        while (count--) t[count] = f[count];
    }
    return to;
}

OWN("memset") void *memset(void *at, int byte, size_t count) {
    unsigned char *t = at;
    while (count--) *t++ = (unsigned char)byte;
    return at;
}

OWN("memcmp") int memcmp(const void *left, const void *right, size_t count) {
    const unsigned char *l = left, *r = right;
    for (; count && *l == *r; count--) l++, r++;
    return count ? *l - *r : 0;
}

OWN("memchr") void *memchr(const void *at, int byte, size_t count) {
    for (const unsigned char *p = at; count; count--, p++)
        if (*p == (unsigned char)byte) return (void *)(uintptr_t)p;
    return NULL;
}

OWN("strlen") size_t strlen(const char *text) {
    size_t count = 0;
    while (text[count]) count++;
    return count;
}

// ---- What Swift asks for ---------------------------------------------------------------------------------------------------

uintptr_t __stack_chk_guard = 0x5bd1e995;
void __stack_chk_fail(void) { __builtin_trap(); }
int putchar(int character) { return character; }

// Seeds of dictionaries. There is no randomness in a module, and its input comes in an order of its own.
void arc4random_buf(void *at, size_t count) { memset(at, 0x5A, count); }
