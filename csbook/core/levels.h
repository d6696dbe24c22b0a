/* Levels as venues really write them - ["60000.10","1.25"],["60000.00","0.5"],... - read several bytes at a time.
 *
 * Owns: the run-time choice of instruction set, and one loop per set behind csb_levels_run. A loop takes levels while
 * they look compact (no blanks, quoted, plain decimals, nothing that might not fit) and stops in front of the first one
 * that does not; scan.pxi reads that one by the exact way and comes back. So nothing is decided here that the exact way
 * would decide otherwise: a loop only ever accepts, and what it accepts has one meaning.
 *
 * The idea: neighbouring levels mostly have their digits in the same places. What follows from those places (which bytes
 * must be what, the length, where to shuffle the digits) is kept as a Shape. A level is taken to have the shape of the
 * one before it, so the next level's place is known before this level's bytes are, and one comparison of 64 bytes tells
 * whether that was right. If not, the digits' bit pattern finds the shape that it does have, or one is learnt. No byte at
 * or past `end` is read: the last levels of a payload are copied into a padded window first, or loaded under a mask.
 */
#ifndef CSBOOK_LEVELS_H
#define CSBOOK_LEVELS_H

#include "port.h"

#define CSB_SHAPES_LOG 6
#define CSB_SHAPES (1 << CSB_SHAPES_LOG)
#define CSB_WINDOW 64                   /* bytes that a level and the comma behind it may span */

typedef struct {
    uint8_t text[CSB_WINDOW];           /* what stands where: '0' for any digit, the comma behind it included */
    uint8_t slack[CSB_WINDOW];          /* text xor payload may be so much: 9 for a digit, 0, and 255 behind the comma */
    uint8_t shuffle[32];                /* price digits to their places in lane 0, size digits in lane 1; 0x80: zero */
    uint8_t gather[32];                 /* the same, from the level's begin on; 0, where the bracket stands: zero */
    uint64_t digits;                    /* where digits are, `span` bits of it */
    uint64_t span;                      /* a one for each byte of the level */
    uint64_t price_factor;              /* 10^(scale - decimals) where `scaled`, for what does not fit in sixteen digits */
    uint64_t size_factor;
    int64_t step;                       /* bytes to the next level: brackets and comma included */
    int64_t size_at;                    /* first byte of the size */
    int32_t scales;                     /* price scale << 8 | size scale, or -1: free */
    int32_t scaled;
    uint64_t spare;                     /* to four cache lines */
} csb_shape;

typedef struct {
    csb_shape shape[CSB_SHAPES + 1];    /* the last is of no level */
    int last;                           /* index of the shape that was used last */
    char window[2 * CSB_WINDOW];        /* the last levels of a payload, and what was there before */
} csb_shapes;

typedef struct {                        /* one side being read */
    int64_t *prices;
    int64_t *sizes;
    ptrdiff_t count;
    ptrdiff_t room;
    int64_t mask;                       /* 0: asks, -1: bids */
    int64_t before;                     /* last price xor mask */
    int64_t zeros;
    int ordered;
    int doubtful;                       /* nothing for a loop, for a reason that only shows behind its levels */
} csb_side;

static inline void csb_shapes_init(csb_shapes *shapes)
{
    int i;
    memset(shapes, 0, sizeof *shapes);
    for (i = 0; i < CSB_SHAPES; i++)
        shapes->shape[i].scales = -1;
    memset(shapes->shape[CSB_SHAPES].text, 0xFF, CSB_WINDOW);
    shapes->shape[CSB_SHAPES].span = ~0ULL;
}

static inline int csb_digits_at(const char *p, int at, int limit)
{
    int n = 0;
    while (at + n < limit && (unsigned char)(p[at + n] - '0') <= 9)
        n++;
    return n;
}

/* Describe the level at p; 0 when it is nothing for a loop. 64 bytes from p on may be read. */
static CSB_NOINLINE int csb_shape_learn(csb_shape *shape, const char *p, uint64_t digits, int price_scale, int size_scale)
{
    static const uint64_t power[19] = {
        1ULL, 10ULL, 100ULL, 1000ULL, 10000ULL, 100000ULL, 1000000ULL, 10000000ULL, 100000000ULL, 1000000000ULL,
        10000000000ULL, 100000000000ULL, 1000000000000ULL, 10000000000000ULL, 100000000000000ULL,
        1000000000000000ULL, 10000000000000000ULL, 100000000000000000ULL, 1000000000000000000ULL};
    int at = 2, part, i, whole, places, scale, start, slot;
    uint64_t noughts = 0;               /* zeros behind the last place that the scale has: no digits */
    csb_shape found;
    memset(&found, 0, sizeof found);
    memset(found.shuffle, 0x80, sizeof found.shuffle);
    memset(found.slack, 0xFF, sizeof found.slack);
    if (p[0] != '[' || p[1] != '"')
        return 0;
    found.price_factor = found.size_factor = 1;
    for (part = 0; part < 2; part++) {
        scale = part ? size_scale : price_scale;
        start = at;
        whole = csb_digits_at(p, at, CSB_WINDOW - 4);
        places = 0;
        at += whole;
        if (whole == 0)
            return 0;
        if (p[at] == '.') {
            places = csb_digits_at(p, at + 1, CSB_WINDOW - 4);
            at += 1 + places;
            if (places == 0)
                return 0;
        }
        for (; places > scale && at < CSB_WINDOW && p[start + whole + places] == '0'; places--)
            noughts |= 1ULL << (start + whole + places);
        if (places > scale || whole + places > 15 || whole + scale > 18 || at > CSB_WINDOW - 4)
            return 0;
        /* the last digit to where the scale wants it among sixteen, or to the right end and multiplied */
        slot = 15 - (scale - places);
        if (whole + scale > 16) {
            slot = 15;
            *(part ? &found.size_factor : &found.price_factor) = power[scale - places];
            found.scaled = 1;
        }
        for (i = start + whole + places; i >= start; i--) {
            if (i == start + whole)     /* the point, or the quote where there is none */
                continue;
            found.gather[16 * part + slot] = (uint8_t)i;
            found.shuffle[16 * part + slot--] = (uint8_t)(i - start);
        }
        if (part == 0) {
            if (p[at] != '"' || p[at + 1] != ',' || p[at + 2] != '"')
                return 0;
            at += 3;
            found.size_at = at;
        } else {
            if (p[at] != '"' || p[at + 1] != ']')
                return 0;
            at += 2;
        }
    }
    /* lane 0 is loaded from byte 2 on and lane 1 from the size on; both loads must stay inside the window */
    if (found.size_at + 16 > CSB_WINDOW)
        return 0;
    found.step = at + 1;
    found.span = (1ULL << at) - 1;
    found.digits = digits & found.span;
    memcpy(found.text, p, (size_t)at);
    found.text[at] = ',';
    memset(found.slack, 0, (size_t)at + 1);
    for (i = 0; i < at; i++)
        if (found.digits >> i & 1) {
            found.text[i] = '0';
            found.slack[i] = noughts >> i & 1 ? 0 : 9;
        }
    found.scales = price_scale << 8 | size_scale;
    *shape = found;
    return 1;
}

/* The shape of the level at p, whose digits and closing brackets are these; NULL when it is nothing for a loop. */
static inline const csb_shape *csb_shape_find(
    csb_shapes *shapes, const char *p, uint64_t digits, uint64_t closing, int price_scale, int size_scale)
{
    const uint64_t pattern = digits & (closing ^ (closing - 1));
    csb_shape *shape = &shapes->shape[(pattern * 0x9E3779B97F4A7C15ULL) >> (64 - CSB_SHAPES_LOG)];
    if (closing == 0)
        return NULL;
    if ((digits & shape->span) == shape->digits && shape->scales == (price_scale << 8 | size_scale))
        return shape;
    return csb_shape_learn(shape, p, digits, price_scale, size_scale) ? shape : NULL;
}

/* The loops. Each returns where it stopped: in front of a level that it leaves, or after the last one it took. */

#if defined(CSB_HAVE_X86)
#  define CSB_LOOP csb_levels_avx2
#  define CSB_LOOP_TARGET CSB_TARGET("avx2,bmi")
#  define CSB_LOOP_512 0
#  include "levels_x86.h"
#  undef CSB_LOOP
#  undef CSB_LOOP_TARGET
#  undef CSB_LOOP_512
#  define CSB_LOOP csb_levels_avx512
#  define CSB_LOOP_TARGET CSB_TARGET("avx2,bmi,bmi2,avx512f,avx512bw,avx512vl,avx512vbmi")
#  define CSB_LOOP_512 1
#  include "levels_x86.h"
#  undef CSB_LOOP
#  undef CSB_LOOP_TARGET
#  undef CSB_LOOP_512
#endif

enum { CSB_VARIANT_PLAIN = 0, CSB_VARIANT_AVX2 = 1, CSB_VARIANT_AVX512 = 2 };

/* The best variant that this processor and operating system can run. The processor is asked, not the compiler's runtime:
 * not every toolchain fills in what __builtin_cpu_supports reads. */
#if defined(CSB_HAVE_X86)
CSB_TARGET("xsave")
static int csb_variant_best(void)
{
    unsigned int r[4];
    unsigned long long enabled;
    csb_cpuid(0, r);
    if (r[0] < 7)
        return CSB_VARIANT_PLAIN;
    csb_cpuid(1, r);
    if (!(r[2] & (1U << 27)))           /* OSXSAVE */
        return CSB_VARIANT_PLAIN;
    enabled = _xgetbv(0);
    csb_cpuid(7, r);
    if ((enabled & 0xE6) == 0xE6 && (r[1] & (1U << 8)) && (r[1] & (1U << 16)) && (r[1] & (1U << 30)) && (r[1] & (1U << 31))
        && (r[2] & (1U << 1)))
        return CSB_VARIANT_AVX512;
    if ((enabled & 6) == 6 && (r[1] & (1U << 5)) && (r[1] & (1U << 3)))
        return CSB_VARIANT_AVX2;
    return CSB_VARIANT_PLAIN;
}
#else
static int csb_variant_best(void) { return CSB_VARIANT_PLAIN; }
#endif

static inline const char *csb_levels_run(
    int variant, csb_shapes *shapes, csb_side *side, const char *p, const char *end, int price_scale, int size_scale)
{
#if defined(CSB_HAVE_X86)
    if (variant == CSB_VARIANT_AVX512)
        return csb_levels_avx512(shapes, side, p, end, price_scale, size_scale);
    if (variant == CSB_VARIANT_AVX2)
        return csb_levels_avx2(shapes, side, p, end, price_scale, size_scale);
#endif
    (void)variant; (void)shapes; (void)side; (void)end; (void)price_scale; (void)size_scale;
    return p;
}

#endif
