/* The physical limit: the levels of a message as int64 at 10^-8, and nothing else.
 *
 * No key is looked at, no order verified, no book kept, and whatever is no level ends the reading: this is not how one
 * reads a venue, it is what no reader can beat. Two ways: byte by byte, and with AVX2 for levels that are laid out as the
 * level before them: price and size in the two lanes, moved by a table to eight digits before and eight after the point,
 * then multiplied and added pairwise. No byte at or past the end is read.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const uint64_t POWER[9] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

typedef struct {
    int whole, places; /* digits before and after the point */
} Form;

typedef struct {
    int64_t *prices, *sizes;
    long count;
} Side;

/* Digits from p on; where they end, or NULL. The caller vouches for a byte that is no digit. */
static inline const char *number(const char *p, int64_t *out, Form *form)
{
    const char *start = p;
    uint64_t value = 0;
    unsigned digit;
    while ((digit = (unsigned char)*p - '0') <= 9) {
        value = value * 10 + digit;
        p++;
    }
    form->whole = (int)(p - start);
    form->places = 0;
    if (*p == '.') {
        start = ++p;
        while ((digit = (unsigned char)*p - '0') <= 9) {
            value = value * 10 + digit;
            p++;
        }
        form->places = (int)(p - start);
    }
    if (form->whole == 0 || form->whole > 10 || form->places > 8)
        return NULL;
    *out = (int64_t)(value * POWER[8 - form->places]);
    return p;
}

/* ["price","size"] from its bracket on; the place after, or NULL. */
static inline const char *level(const char *p, const char *end, int64_t *price, int64_t *size, Form *forms)
{
    if (end - p < 10 || p[0] != '[' || p[1] != '"')
        return NULL;
    p = number(p + 2, price, &forms[0]);
    if (p == NULL || p[0] != '"' || p[1] != ',' || p[2] != '"')
        return NULL;
    p = number(p + 3, size, &forms[1]);
    if (p == NULL || p[0] != '"' || p[1] != ']')
        return NULL;
    return p + 2;
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAS_AVX2 1

typedef struct {
    __m256i shuffle, expected;
    uint32_t breaks; /* which bytes are no digits: point and closing quote of both */
    uint32_t window; /* which bytes matter */
    int price_size, size_size;
} Layout;

__attribute__((target("avx2"))) static int layout_of(const Form *forms, Layout *out)
{
    unsigned char shuffle[32], expected[32];
    memset(shuffle, 0x80, sizeof shuffle);
    memset(expected, 0, sizeof expected);
    out->breaks = out->window = 0;
    for (int lane = 0; lane < 2; lane++) {
        int whole = forms[lane].whole, places = forms[lane].places, base = 16 * lane;
        int size = whole + places + (places > 0);
        if (size > 15 || whole > 8)
            return 0;
        for (int i = 0; i < whole; i++)
            shuffle[base + 8 - whole + i] = (unsigned char)i;
        for (int i = 0; i < places; i++)
            shuffle[base + 8 + i] = (unsigned char)(whole + 1 + i);
        if (places > 0) {
            expected[base + whole] = '.';
            out->breaks |= 1u << (base + whole);
        }
        expected[base + size] = '"';
        out->breaks |= 1u << (base + size);
        out->window |= ((2u << size) - 1) << base;
        if (lane == 0)
            out->price_size = size;
        else
            out->size_size = size;
    }
    out->shuffle = _mm256_loadu_si256((const __m256i *)shuffle);
    out->expected = _mm256_loadu_si256((const __m256i *)expected);
    return 1;
}

/* `layout` and `known` outlive a side and a message: the next one is mostly laid out in the same way. */
__attribute__((target("avx2"))) static const char *side_avx2(const char *p, const char *end, Side *side,
                                                             Layout *kept, int *known)
{
    Layout layout = *kept;
    const __m256i zero = _mm256_set1_epi8('0'), nine = _mm256_set1_epi8(9);
    const __m256i tens = _mm256_set1_epi16(0x010A), hundreds = _mm256_set1_epi32(0x00010064);
    const __m256i myriads = _mm256_set1_epi32(0x00012710), whole = _mm256_set1_epi64x(100000000);
    Form forms[2];
    long n = 0;
    for (;;) {
        const char *q = NULL;
        if (*known && end - p > 64) {
            const char *second = p + 5 + layout.price_size;
            __m256i text = _mm256_inserti128_si256(
                _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(p + 2))),
                _mm_loadu_si128((const __m128i *)second), 1);
            __m256i digits = _mm256_sub_epi8(text, zero);
            uint32_t is_digit = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(digits, nine), digits));
            uint32_t is_mark = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, layout.expected));
            const char *after = second + layout.size_size;
            if ((~is_digit & layout.window) == layout.breaks && (is_mark & layout.breaks) == layout.breaks
                && memcmp(p, "[\"", 2) == 0 && memcmp(second - 2, ",\"", 2) == 0 && after[1] == ']') {
                __m256i v = _mm256_shuffle_epi8(digits, layout.shuffle);
                v = _mm256_maddubs_epi16(v, tens);
                v = _mm256_madd_epi16(v, hundreds);
                v = _mm256_packus_epi32(v, v);
                v = _mm256_madd_epi16(v, myriads);
                v = _mm256_add_epi64(_mm256_mul_epu32(v, whole), _mm256_srli_epi64(v, 32));
                side->prices[n] = _mm256_extract_epi64(v, 0);
                side->sizes[n] = _mm256_extract_epi64(v, 2);
                q = after + 2;
            }
        }
        if (q == NULL) {
            q = level(p, end, &side->prices[n], &side->sizes[n], forms);
            if (q == NULL)
                return NULL;
            *known = layout_of(forms, &layout);
        }
        n++;
        p = q;
        if (p[0] != ',')
            break;
        p++;
    }
    side->count = n;
    *kept = layout;
    return p;
}
#else
#define HAS_AVX2 0
typedef int Layout;
#endif

static const char *side_plain(const char *p, const char *end, Side *side)
{
    Form forms[2];
    long n = 0;
    for (;;) {
        p = level(p, end, &side->prices[n], &side->sizes[n], forms);
        if (p == NULL)
            return NULL;
        n++;
        if (p[0] != ',')
            break;
        p++;
    }
    side->count = n;
    return p;
}

static const char *side_of(const char *p, const char *end, Side *side, Layout *kept, int *known, int vector)
{
#if HAS_AVX2
    if (vector)
        return side_avx2(p, end, side, kept, known);
#endif
    (void)kept, (void)known, (void)vector;
    return side_plain(p, end, side);
}

int limit_has_avx2(void)
{
#if HAS_AVX2
    return __builtin_cpu_supports("avx2");
#else
    return 0;
#endif
}

/* Many messages; the best bid and ask of each into `touch` where it is given. The first that cannot be read, or -1. */
long limit_run(const char *const *messages, const size_t *sizes, long count, int64_t *scratch, long room, int vector,
               int64_t *touch)
{
    Side sides[2] = {{scratch, scratch + room, 0}, {scratch + 2 * room, scratch + 3 * room, 0}};
    Layout layout;
    int known = 0;
    memset(&layout, 0, sizeof layout);
    for (long i = 0; i < count; i++) {
        const char *p = messages[i], *end = p + sizes[i];
        for (int which = 0; which < 2; which++) {
            p = memchr(p, '[', (size_t)(end - p));
            if (p == NULL || end - p < 4)
                return i;
            p++;
            sides[which].count = 0;
            if (*p != ']')
                p = side_of(p, end, &sides[which], &layout, &known, vector);
            if (p == NULL)
                return i;
        }
        if (touch != NULL) {
            touch[2 * i] = sides[0].count ? sides[0].prices[0] : 0;
            touch[2 * i + 1] = sides[1].count ? sides[1].prices[0] : 0;
        }
    }
    return -1;
}
