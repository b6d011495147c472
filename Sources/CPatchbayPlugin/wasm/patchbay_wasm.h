// What a plugin in C needs where there is no C library: for WebAssembly, with patchbay_wasm.c.
#ifndef PATCHBAY_WASM_H
#define PATCHBAY_WASM_H

#include <stddef.h>

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *at, size_t size);
void free(void *at);

void *memcpy(void *to, const void *from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *at, int byte, size_t count);
int memcmp(const void *left, const void *right, size_t count);
void *memchr(const void *at, int byte, size_t count);
size_t strlen(const char *text);

#endif
