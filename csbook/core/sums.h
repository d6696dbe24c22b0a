/* The sum of many sizes: exact as integers, rounded once.
 *
 * Where no size has more than CSB_SUM_BITS bits, CSB_SUM_MOST of them cannot overflow 64 bits and are added as they are;
 * whether that held is seen in passing. Otherwise they are added in halves.
 */
#ifndef CSBOOK_SUMS_H
#define CSBOOK_SUMS_H

#include "levels.h"

#define CSB_SUM_BITS 46
#define CSB_SUM_MOST 131072             /* levels a side, 2^17: 17 + 46 bits */

#define CSB_SUM(name) \
    static uint64_t name(const int64_t *sizes, ptrdiff_t count, uint64_t *all) \
    { \
        uint64_t sum = 0, bits = 0; \
        ptrdiff_t i; \
        for (i = 0; i < count; i++) { \
            sum += (uint64_t)sizes[i]; \
            bits |= (uint64_t)sizes[i]; \
        } \
        *all = bits; \
        return sum; \
    }

CSB_SUM(csb_sum_plain)
#if defined(CSB_HAVE_X86)
CSB_TARGET("avx2") CSB_SUM(csb_sum_avx2)
#endif

static double csb_sum(int variant, const int64_t *sizes, ptrdiff_t count)
{
    uint64_t all, sum, high = 0, low = 0;
    ptrdiff_t i;
#if defined(CSB_HAVE_X86)
    if (variant != CSB_VARIANT_PLAIN)
        sum = csb_sum_avx2(sizes, count, &all);
    else
#endif
        sum = csb_sum_plain(sizes, count, &all);
    (void)variant;
    if (CSB_LIKELY(all >> CSB_SUM_BITS == 0 && count <= CSB_SUM_MOST))
        return (double)(int64_t)sum;
    for (i = 0; i < count; i++) {
        high += (uint64_t)sizes[i] >> 32;
        low += (uint64_t)sizes[i] & 0xFFFFFFFFULL;
    }
    return (double)high * 4294967296.0 + (double)low;
}

#endif
