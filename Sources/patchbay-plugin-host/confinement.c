#define _GNU_SOURCE

#include "confinement.h"

#include <asm/sockios.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the list of system calls is written for x86_64 and aarch64"
#endif

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif

#define LENGTH(list) (sizeof(list) / sizeof *(list))
#define ALLOW SECCOMP_RET_ALLOW
#define REFUSE(error) (SECCOMP_RET_ERRNO | (error))

static struct sock_filter program[512];
static unsigned short length;

static void add(unsigned short code, unsigned char if_true, unsigned char if_false, unsigned int value) {
    program[length++] = (struct sock_filter)BPF_JUMP(code, value, if_true, if_false);
}

static void load(size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, 0, 0, (unsigned int)offset); }
static void answer(unsigned int value) { add(BPF_RET | BPF_K, 0, 0, value); }

/// Both architectures are little-endian: the lower half of an argument comes first.
static size_t argument(int number) { return offsetof(struct seccomp_data, args) + 8 * (size_t)number; }

static void begin(void) {
    length = 0;
    load(offsetof(struct seccomp_data, arch));
    add(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCHITECTURE);
    answer(SECCOMP_RET_KILL_PROCESS);
    load(offsetof(struct seccomp_data, nr));
}

static void answer_call(long call, unsigned int value) {
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (unsigned int)call);
    answer(value);
}

/// \returns an error number, or 0.
static int install(void) {
    struct sock_fprog all = {.len = length, .filter = program};
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &all);
    // The number of a thread that has another filter.
    return result == 0 ? 0 : result > 0 ? EBUSY : errno;
}

/// Signals to threads of this process alone, such as those of abort().
static void answer_own_signals(void) {
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, SYS_tgkill);
    load(argument(0));
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (unsigned int)getpid());
    answer(ALLOW);
    answer(REFUSE(EPERM));
}

/// A call whose argument must not be one of these numbers.
static void answer_argument(long call, int number, const unsigned int *values, unsigned char count) {
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, (unsigned char)(2 * count + 2), (unsigned int)call);
    load(argument(number));
    for (unsigned char i = 0; i < count; i++) {
        add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, values[i]);
        answer(REFUSE(EPERM));
    }
    answer(ALLOW);
}

// Of Landlock's header, which may be older than the kernel.
#define WRITE_FILE (1ULL << 1)
#define REMOVE_AND_MAKE (0x1FFULL << 4)
#define REFER (1ULL << 13)
#define TRUNCATE (1ULL << 14)
#define IOCTL_DEVICE (1ULL << 15)
#define SCOPE_ABSTRACT_SOCKETS 1ULL
#define SCOPE_SIGNALS 2ULL

void confine_reach(void) {
    // Those of root: with some of them, Landlock lets a process read another one's memory maps and environment.
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    (void)syscall(SYS_capset, &header, none);
#ifdef SYS_landlock_create_ruleset
    struct {
        uint64_t files, network, scopes;
    } rules = {0};
    struct __attribute__((packed)) {
        uint64_t allowed;
        int32_t parent;
    } device = {0};
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    if (version < 1) return;
    rules.files = WRITE_FILE | REMOVE_AND_MAKE;
    if (version >= 2) rules.files |= REFER;
    if (version >= 3) rules.files |= TRUNCATE;
    if (version >= 5) rules.files |= IOCTL_DEVICE;
    if (version >= 6) rules.scopes = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS;
    // An older kernel knows a shorter structure, and takes no other.
    size_t size = version >= 6 ? sizeof rules : version >= 4 ? 2 * sizeof rules.files : sizeof rules.files;
    int set = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (set < 0) return;
    device.parent = open("/dev/null", O_PATH | O_CLOEXEC);
    device.allowed = rules.files & (WRITE_FILE | TRUNCATE | IOCTL_DEVICE);
    if (device.parent >= 0) {
        (void)syscall(SYS_landlock_add_rule, set, 1, &device, 0);
        close(device.parent);
    }
    (void)syscall(SYS_landlock_restrict_self, set, 0);
    close(set);
#endif
}

int confine_loading(void) {
    static const long refused[] = {
        SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kill, SYS_tkill, SYS_rt_sigqueueinfo,
        SYS_rt_tgsigqueueinfo, SYS_setrlimit, SYS_setsid,
        SYS_setpgid, SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_bpf, SYS_keyctl, SYS_add_key,
        SYS_request_key, SYS_userfaultfd, SYS_perf_event_open, SYS_init_module, SYS_finit_module, SYS_reboot,
        // What other processes may use of the machine.
        SYS_setpriority, SYS_sched_setparam, SYS_sched_setscheduler, SYS_sched_setattr, SYS_sched_setaffinity, SYS_ioprio_set,
        SYS_migrate_pages, SYS_move_pages,
        // Memory that the limit on address space doesn't count.
        SYS_memfd_create, SYS_shmget,
#ifdef SYS_fork
        SYS_fork, SYS_vfork,
#endif
#ifdef SYS_pidfd_getfd
        SYS_pidfd_getfd,
#endif
#ifdef SYS_pidfd_send_signal
        SYS_pidfd_send_signal,
#endif
#ifdef SYS_io_uring_setup
        SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
#endif
    };
    begin();
#ifdef __x86_64__
    // Calls of the x32 interface, which have numbers of their own.
    add(BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000U);
    answer(REFUSE(EPERM));
#endif
    for (size_t i = 0; i < LENGTH(refused); i++) answer_call(refused[i], REFUSE(EPERM));
#ifdef SYS_clone3
    // Its arguments lie in memory, where no filter sees them. Libraries fall back to clone.
    answer_call(SYS_clone3, REFUSE(ENOSYS));
#endif
    answer_own_signals();
    // A file that has news sends a signal to whom it is told to.
    static const unsigned int owners[] = {F_SETOWN, F_SETSIG, F_SETOWN_EX};
    static const unsigned int device_owners[] = {FIOSETOWN, SIOCSPGRP};
    static const unsigned int death_signal[] = {PR_SET_PDEATHSIG};
    answer_argument(SYS_fcntl, 1, owners, LENGTH(owners));
    answer_argument(SYS_ioctl, 1, device_owners, LENGTH(device_owners));
    answer_argument(SYS_prctl, 0, death_signal, LENGTH(death_signal));
    // Threads, but no processes.
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, SYS_clone);
    load(argument(0));
    add(BPF_JMP | BPF_JSET | BPF_K, 0, 1, CLONE_THREAD);
    answer(ALLOW);
    answer(REFUSE(EPERM));
    // Limits may be asked for, not set: the new ones are the third argument.
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 6, SYS_prlimit64);
    load(argument(2));
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0);
    load(argument(2) + 4);
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
    answer(ALLOW);
    answer(REFUSE(EPERM));
    answer(ALLOW);
    return install();
}

int confine_processing(void) {
    static const long allowed[] = {
        // The way to the router, and files that are open.
        SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_lseek, SYS_fstat, SYS_close,
        // Memory.
        SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk,
        // Threads that are there.
        SYS_futex, SYS_sched_yield, SYS_sched_getaffinity, SYS_membarrier, SYS_gettid, SYS_getpid, SYS_set_robust_list,
#ifdef SYS_rseq
        SYS_rseq,
#endif
        // Time and chance.
        SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getrandom,
#ifdef SYS_time
        SYS_time,
#endif
        // The end.
        SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_sigaltstack, SYS_restart_syscall, SYS_exit, SYS_exit_group,
    };
    begin();
    for (size_t i = 0; i < LENGTH(allowed); i++) answer_call(allowed[i], ALLOW);
    // Memory may be had, but not run: no code comes in from now on.
    static const long mapping[] = {SYS_mmap, SYS_mprotect};
    for (size_t i = 0; i < LENGTH(mapping); i++) {
        add(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (unsigned int)mapping[i]);
        load(argument(2));
        add(BPF_JMP | BPF_JSET | BPF_K, 1, 0, PROT_EXEC);
        answer(ALLOW);
        answer(REFUSE(EPERM));
    }
    answer_own_signals();
    answer(REFUSE(EPERM));
    return install();
}
