/* The x86 loop of levels.h, included once per instruction set: CSB_LOOP is its name, CSB_LOOP_TARGET what it may use.
 *
 * Per level: 64 bytes xor the shape's text leave the values of the digits and zeros, or more than the shape allows; then
 * the digits of price and size are shuffled to their places in two lanes and multiplied together. What is asked of all
 * levels (do prices rise, is a price or a size zero) is gathered in vectors and read at the end.
 */

#if CSB_LOOP_512
#  define CSB_BITS(compare, byte) _mm512_##compare##_epu8_mask(text, _mm512_set1_epi8(byte))
#else
#  define CSB_BITS_OF(v0, v1) \
    ((uint32_t)_mm256_movemask_epi8(v0) | (uint64_t)(uint32_t)_mm256_movemask_epi8(v1) << 32)
/* what 32 bytes have above the slack */
#  define CSB_OVER(bytes, at) _mm256_subs_epu8( \
    _mm256_xor_si256(bytes, _mm256_loadu_si256((const __m256i *)(shape->text + at))), \
    _mm256_loadu_si256((const __m256i *)(shape->slack + at)))
#endif

CSB_LOOP_TARGET
static const char *CSB_LOOP(
    csb_shapes *shapes, csb_side *side, const char *p, const char *end, int price_scale, int size_scale)
{
    const __m256i tens = _mm256_set1_epi16(0x010A);                 /* bytes 10, 1 */
    const __m256i hundreds = _mm256_set1_epi32(0x00010064);         /* words 100, 1 */
    const __m256i myriads = _mm256_set1_epi32(0x00012710);          /* words 10000, 1 */
    const __m256i eight_zeros = _mm256_set1_epi64x(100000000);
    const __m256i none = _mm256_setzero_si256();
    const __m256i mask = _mm256_set1_epi64x(side->mask);
    const csb_shape *shape = &shapes->shape[shapes->last];
    const char *begin = p;
    const char *safe = end - CSB_WINDOW;                            /* up to here a whole window may be read */
    int64_t *prices = side->prices, *sizes = side->sizes;
    ptrdiff_t n = side->count;
    ptrdiff_t room = side->room;        /* or where the level ends that has no comma behind it */
    __m256i before = _mm256_set1_epi64x(side->before);              /* element 0 of these is of prices, 2 of sizes */
    __m256i rising = _mm256_set1_epi64x(-1);
    __m256i zeros = none;                                           /* how many, counted downwards */
    int64_t counted[4];
#if !CSB_LOOP_512
    const __m256i zero_char = _mm256_set1_epi8('0');
    char *window = shapes->window;
    const char *from = begin, *to = begin;  /* from where on the payload is read in the window, and the window */
#endif

    if (CSB_UNLIKELY(shape->scales != (price_scale << 8 | size_scale)))
        shape = &shapes->shape[CSB_SHAPES];
    while (n < room) {
        __m256i pair;
#if CSB_LOOP_512
        const __m512i text = CSB_LIKELY(p <= safe)
            ? _mm512_loadu_si512((const void *)p)
            : _mm512_maskz_loadu_epi8(_bzhi_u64(~0ULL, (unsigned)(end > p ? end - p : 0)), (const void *)p);
        __m512i value = _mm512_xor_si512(text, _mm512_loadu_si512((const void *)shape->text));
        __mmask64 wrong = _mm512_cmpgt_epu8_mask(value, _mm512_loadu_si512((const void *)shape->slack));
        if (CSB_UNLIKELY(!_kortestz_mask64_u8(wrong, wrong))) {
#else
        uint64_t wrong;
        __m256i text0, text1, over;
        if (CSB_UNLIKELY(p > safe)) {
            if (to != begin || p >= end)
                break;
            memcpy(window, p, (size_t)(end - p));    /* what lies behind it there no level reaches: a brace is before it */
            from = p;
            to = window;
            safe = window + CSB_WINDOW;
            p = window;
        }
        text0 = _mm256_loadu_si256((const __m256i *)p);
        text1 = _mm256_loadu_si256((const __m256i *)(p + 32));
        over = _mm256_or_si256(CSB_OVER(text0, 0), CSB_OVER(text1, 32));
        if (CSB_UNLIKELY(!_mm256_testz_si256(over, over))) {
#endif
            /* the last level has no comma behind it; else it has another shape */
#if !CSB_LOOP_512
            wrong = ~CSB_BITS_OF(
                _mm256_cmpeq_epi8(CSB_OVER(text0, 0), none), _mm256_cmpeq_epi8(CSB_OVER(text1, 32), none));
#endif
            if ((wrong & shape->span) != 0) {
                uint64_t digits, closing;
                const csb_shape *other;
#if CSB_LOOP_512
                digits = _mm512_cmplt_epu8_mask(_mm512_sub_epi8(text, _mm512_set1_epi8('0')), _mm512_set1_epi8(10));
                closing = _mm512_cmpeq_epi8_mask(text, _mm512_set1_epi8(']'));
#else
                const __m256i nine = _mm256_set1_epi8(9), bracket = _mm256_set1_epi8(']');
                const __m256i digit0 = _mm256_sub_epi8(text0, zero_char), digit1 = _mm256_sub_epi8(text1, zero_char);
                digits = CSB_BITS_OF(
                    _mm256_cmpeq_epi8(_mm256_min_epu8(digit0, nine), digit0),
                    _mm256_cmpeq_epi8(_mm256_min_epu8(digit1, nine), digit1));
                closing = CSB_BITS_OF(_mm256_cmpeq_epi8(text0, bracket), _mm256_cmpeq_epi8(text1, bracket));
#endif
                other = csb_shape_find(shapes, p, digits, closing, price_scale, size_scale);
                if (other == NULL)
                    break;
                shape = other;
#if CSB_LOOP_512
                value = _mm512_xor_si512(text, _mm512_loadu_si512((const void *)shape->text));
                wrong = _mm512_cmpgt_epu8_mask(value, _mm512_loadu_si512((const void *)shape->slack));
#else
                wrong = ~CSB_BITS_OF(
                    _mm256_cmpeq_epi8(CSB_OVER(text0, 0), none), _mm256_cmpeq_epi8(CSB_OVER(text1, 32), none));
#endif
                if ((wrong & shape->span) != 0)
                    break;
            }
            if (wrong != 0)
                room = n + 1;
        }
#if CSB_LOOP_512
        pair = _mm512_castsi512_si256(_mm512_permutexvar_epi8(
            _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)shape->gather)), value));
#else
        pair = _mm256_inserti128_si256(
            _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(p + 2))),
            _mm_loadu_si128((const __m128i *)(p + shape->size_at)), 1);
        pair = _mm256_shuffle_epi8(
            _mm256_sub_epi8(pair, zero_char), _mm256_loadu_si256((const __m256i *)shape->shuffle));
#endif
        pair = _mm256_maddubs_epi16(pair, tens);
        pair = _mm256_madd_epi16(pair, hundreds);
        pair = _mm256_packus_epi32(pair, pair);
        pair = _mm256_madd_epi16(pair, myriads);
        /* in each lane now: eight high digits, eight low digits, twice */
        pair = _mm256_add_epi64(_mm256_mul_epu32(pair, eight_zeros), _mm256_srli_epi64(pair, 32));
        if (CSB_UNLIKELY(shape->scaled)) {
            _mm256_storeu_si256((__m256i *)counted, pair);
            pair = _mm256_setr_epi64x(
                counted[0] * shape->price_factor, 0, counted[2] * shape->size_factor, 0);
        }
        _mm_storel_epi64((__m128i *)(prices + n), _mm256_castsi256_si128(pair));
        _mm_storel_epi64((__m128i *)(sizes + n), _mm256_extracti128_si256(pair, 1));
        n++;
        zeros = _mm256_add_epi64(zeros, _mm256_cmpeq_epi64(pair, none));
        pair = _mm256_xor_si256(pair, mask);
        rising = _mm256_and_si256(rising, _mm256_cmpgt_epi64(pair, before));
        before = pair;
        p += shape->step;
    }
    _mm256_storeu_si256((__m256i *)counted, zeros);
    if (CSB_UNLIKELY(counted[0] != 0)) {
        side->doubtful = 1;             /* a price of zero: the exact way says of which level, and what that means */
        return begin;
    }
    side->zeros -= counted[2];
    side->ordered &= (int)_mm256_movemask_pd(_mm256_castsi256_pd(rising)) & 1;
    side->before = _mm_cvtsi128_si64(_mm256_castsi256_si128(before));
    side->count = n;
    shapes->last = (int)(shape - shapes->shape);
#if !CSB_LOOP_512
    p = from + (p - to);
#endif
    /* where the comma is the last thing that was taken, what follows is no level: the comma is not ours to take */
    if (p != begin && (n == room || p[0] != '['))
        p--;
    return p;
}
#undef CSB_BITS
#undef CSB_BITS_OF
#undef CSB_OVER
