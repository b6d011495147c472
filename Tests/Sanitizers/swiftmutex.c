// Tells ThreadSanitizer what a contended Mutex of Swift's standard library puts in order.
//
// The quick half of Mutex is compiled into its user, where its atomics are seen. The slow half sleeps on a futex inside
// libswiftSynchronization, which nobody instruments: without this, whatever a lock that two threads wanted protects
// looks like a race (Swift 6.3; stdlib/public/Synchronization/Mutex/LinuxImpl.swift). run.sh loads this before that library.
//
// Needs Swift's clang for its calling convention: the mutex is in the context register.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

// ThreadSanitizer's own, in the program; absent in programs that it doesn't watch.
extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

static void *original(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) abort();
    return found;
}

SWIFT void lock_slow(uint32_t thread, SELF void *mutex) __asm__(LOCK);
SWIFT void lock_slow(uint32_t thread, SELF void *mutex) {
    ((SWIFT void (*)(uint32_t, SELF void *))original(LOCK))(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

SWIFT void unlock_slow(SELF void *mutex) __asm__(UNLOCK);
SWIFT void unlock_slow(SELF void *mutex) {
    if (__tsan_release) __tsan_release(mutex);
    ((SWIFT void (*)(SELF void *))original(UNLOCK))(mutex);
}
