/* What Cython cannot say about compilers and machines, and nothing of the book.
 *
 * Owns: atomics for the sequence lock, one-at-a-time doors, the clocks and the counter, aligned memory, overflow-checked
 * products.
 * Every function is static inline, has the same meaning on gcc, clang and MSVC, and allocates nothing
 * except csb_alloc. A construct that one of the compilers lacks (__int128, C11 atomics, target
 * attributes) is spelled here once and used by name elsewhere.
 */
#ifndef CSBOOK_PORT_H
#define CSBOOK_PORT_H

#include <stdint.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(_MSC_VER)
#  include <windows.h>
#  include <intrin.h>
#  include <malloc.h>
#  define CSB_LIKELY(x) (x)
#  define CSB_UNLIKELY(x) (x)
#  define CSB_NOINLINE __declspec(noinline)
#else
#  include <time.h>
#  define CSB_LIKELY(x) __builtin_expect(!!(x), 1)
#  define CSB_UNLIKELY(x) __builtin_expect(!!(x), 0)
#  define CSB_NOINLINE __attribute__((noinline))
#endif

#if defined(_MSC_VER) || (defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#  define CSB_LITTLE_ENDIAN 1
#else
#  define CSB_LITTLE_ENDIAN 0
#endif

/* Whether Python threads run at the same time. Python.h comes before this file, or there is no Python at all. */
#if defined(Py_GIL_DISABLED)
#  define CSB_FREE_THREADED 1
#else
#  define CSB_FREE_THREADED 0
#endif

/* One function for one instruction set, in a file for all of them; chosen at run time. */
#if (defined(__x86_64__) || defined(_M_X64)) && !defined(CSB_PLAIN)
#  include <immintrin.h>
#  define CSB_HAVE_X86 1
#  if defined(_MSC_VER) && !defined(__clang__)
#    define CSB_TARGET(x)
#  else
#    define CSB_TARGET(x) __attribute__((target(x)))
#  endif
#  if defined(_MSC_VER) && !defined(__clang__)
#    define csb_cpuid(leaf, r) __cpuidex((int *)(r), (leaf), 0)
#  else
#    include <cpuid.h>
#    define csb_cpuid(leaf, r) __cpuid_count((leaf), 0, (r)[0], (r)[1], (r)[2], (r)[3])
#  endif
#endif

/* ---- memory ------------------------------------------------------------------------------------ */

#define CSB_CACHE_LINE 64

static inline void *csb_alloc(size_t size)
{
    void *block = NULL;
#if defined(_MSC_VER)
    block = _aligned_malloc(size, CSB_CACHE_LINE);
#else
    if (posix_memalign(&block, CSB_CACHE_LINE, size) != 0)
        block = NULL;
#endif
    if (block != NULL)
        memset(block, 0, size);
    return block;
}

static inline void csb_free(void *block)
{
#if defined(_MSC_VER)
    _aligned_free(block);
#else
    free(block);
#endif
}

/* ---- sequence lock -------------------------------------------------------------------------------
 * Writer: store odd, release fence, data, store even with release.
 * Reader: acquire load, relaxed loads, acquire fence, reload.
 */

#if defined(_MSC_VER)
static inline uint64_t csb_load_acquire(const uint64_t *p)
{
    uint64_t v = *(const volatile uint64_t *)p;
#  if defined(_M_ARM64)
    __dmb(_ARM64_BARRIER_ISHLD);
#  else
    _ReadWriteBarrier();
#  endif
    return v;
}
static inline uint64_t csb_load_relaxed(const uint64_t *p) { return *(const volatile uint64_t *)p; }
static inline void csb_store_relaxed(uint64_t *p, uint64_t v) { *(volatile uint64_t *)p = v; }
static inline void csb_fence_release(void)
{
#  if defined(_M_ARM64)
    __dmb(_ARM64_BARRIER_ISH);
#  else
    _ReadWriteBarrier();
#  endif
}
static inline void csb_fence_acquire(void)
{
#  if defined(_M_ARM64)
    __dmb(_ARM64_BARRIER_ISHLD);
#  else
    _ReadWriteBarrier();
#  endif
}
static inline void csb_store_release(uint64_t *p, uint64_t v)
{
    csb_fence_release();
    *(volatile uint64_t *)p = v;
}
#else
static inline uint64_t csb_load_acquire(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline uint64_t csb_load_relaxed(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline void csb_store_relaxed(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
static inline void csb_fence_release(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }
static inline void csb_fence_acquire(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
static inline void csb_store_release(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
#endif

static inline int64_t csb_load_i64(const int64_t *p)
{
    return (int64_t)csb_load_relaxed((const uint64_t *)p);
}

/* ---- a door ----------------------------------------------------------------------------------------
 * 1 for whoever finds it open, and then it is shut. Threads that hold the GIL cannot pass each other between the look
 * and the store; where there is no GIL it takes an exchange.
 */

static inline int csb_enter(uint64_t *door)
{
#if !CSB_FREE_THREADED
    if (*door != 0)
        return 0;
    *door = 1;
    return 1;
#elif defined(_MSC_VER)
    return _InterlockedExchange64((volatile int64_t *)door, 1) == 0;
#else
    return __atomic_exchange_n(door, 1, __ATOMIC_ACQUIRE) == 0;
#endif
}

static inline void csb_leave(uint64_t *door)
{
    csb_store_release(door, 0);
}

/* ---- arithmetic ---------------------------------------------------------------------------------- */

/* a * b into *out; returns 1 if the product does not fit into 64 bits. */
static inline int csb_mul_overflow(uint64_t a, uint64_t b, uint64_t *out)
{
#if defined(_MSC_VER)
    if (a != 0 && b > UINT64_MAX / a)
        return 1;
    *out = a * b;
    return 0;
#else
    return __builtin_mul_overflow(a, b, out);
#endif
}

/* The index of the lowest bit that is set; v is not 0. */
static inline int csb_low_bit(uint64_t v)
{
#if defined(_MSC_VER)
    unsigned long index;
    _BitScanForward64(&index, v);
    return (int)index;
#else
    return __builtin_ctzll(v);
#endif
}

/* ---- clocks, both in ns --------------------------------------------------------------------------- */

static inline int64_t csb_monotonic_ns(void)
{
#if defined(_MSC_VER)
    LARGE_INTEGER frequency, count;
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&count);
    return (int64_t)(count.QuadPart / frequency.QuadPart) * 1000000000LL
         + (int64_t)(count.QuadPart % frequency.QuadPart) * 1000000000LL / frequency.QuadPart;
#else
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000LL + t.tv_nsec;
#endif
}

static inline int64_t csb_realtime_ns(void)
{
#if defined(_MSC_VER)
    FILETIME t;
    GetSystemTimePreciseAsFileTime(&t);
    return ((((int64_t)t.dwHighDateTime << 32) | t.dwLowDateTime) - 116444736000000000LL) * 100;
#else
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000LL + t.tv_nsec;
#endif
}

/* ---- the processor's counter, and whether it runs at one rate whatever the processor does ---------- */

#if defined(CSB_HAVE_X86)
static inline uint64_t csb_counter(void) { return __rdtsc(); }

static inline int csb_counter_steady(void)
{
    unsigned int r[4];
    csb_cpuid(0x80000000U, r);
    if (r[0] < 0x80000007U)
        return 0;
    csb_cpuid(0x80000007U, r);
    return (r[3] & (1U << 8)) != 0;     /* invariant */
}
#else
static inline uint64_t csb_counter(void) { return 0; }
static inline int csb_counter_steady(void) { return 0; }
#endif

#endif
