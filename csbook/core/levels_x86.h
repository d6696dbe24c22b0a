/* The x86 loop of levels.h, included once per instruction set: CSB_LOOP is its name, CSB_LOOP_TARGET what it may use.
 *
 * Per level: 64 bytes against '0'..'9' give the digits' bit pattern; a Shape with that pattern says the rest; its other
 * bytes must be the same; then price and size are shuffled to the right ends of two lanes and multiplied together.
 */

CSB_LOOP_TARGET
static const char *CSB_LOOP(
    csb_shapes *shapes, csb_side *side, const char *p, const char *end, int price_scale, int size_scale)
{
    const __m256i tens = _mm256_set1_epi16(0x010A);                 /* bytes 10, 1 */
    const __m256i hundreds = _mm256_set1_epi32(0x00010064);         /* words 100, 1 */
    const __m256i myriads = _mm256_set1_epi32(0x00012710);          /* words 10000, 1 */
    const __m256i zero_char = _mm256_set1_epi8('0');
#if !CSB_LOOP_512
    const __m256i nine = _mm256_set1_epi8(9);
#endif
    const int scales = price_scale << 8 | size_scale;
    char window[2 * CSB_WINDOW];
    const char *at = p;                 /* the place in the payload, while p may be in the window */
    const char *stop = end;             /* so much may be read */
    csb_shape *shape = &shapes->shape[shapes->last];
    int64_t before = side->before;
    int64_t zeros = side->zeros;
    int ordered = side->ordered;
    ptrdiff_t n = side->count;

    for (;;) {
        uint64_t digits, same;
        uint64_t high, low;
        int64_t price, size;
        __m256i pair;
        __m128i folded;
        if (CSB_UNLIKELY(stop - p < CSB_WINDOW)) {
            ptrdiff_t left = end - p;
            if (at != p || left <= 0)
                break;
            memcpy(window, p, (size_t)left);
            memset(window + left, 0, sizeof window - (size_t)left);
            stop = window + sizeof window;
            p = window;
        }
#if CSB_LOOP_512
        const __m512i text = _mm512_loadu_si512((const void *)p);
        digits = _mm512_cmplt_epu8_mask(_mm512_sub_epi8(text, _mm512_set1_epi8('0')), _mm512_set1_epi8(10));
#else
        const __m256i text0 = _mm256_loadu_si256((const __m256i *)p);
        const __m256i text1 = _mm256_loadu_si256((const __m256i *)(p + 32));
        {
            const __m256i d0 = _mm256_sub_epi8(text0, zero_char);
            const __m256i d1 = _mm256_sub_epi8(text1, zero_char);
            digits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(d0, nine), d0));
            digits |= (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(d1, nine), d1)) << 32;
        }
#endif
        if (CSB_UNLIKELY((digits & shape->span) != shape->digits || shape->scales != scales)) {
            /* another shape: look it up by the digits up to the closing bracket, or learn it */
            uint64_t closing;
            int place;
#if CSB_LOOP_512
            closing = _mm512_cmpeq_epi8_mask(text, _mm512_set1_epi8(']'));
#else
            closing = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(text0, _mm256_set1_epi8(']')));
            closing |= (uint64_t)(uint32_t)_mm256_movemask_epi8(
                _mm256_cmpeq_epi8(text1, _mm256_set1_epi8(']'))) << 32;
#endif
            if (closing == 0)
                break;
            place = (int)(((digits & (closing ^ (closing - 1))) * 0x9E3779B97F4A7C15ULL) >> 59) & (CSB_SHAPES - 1);
            shape = &shapes->shape[place];
            if ((digits & shape->span) != shape->digits || shape->scales != scales) {
                if (!csb_shape_learn(shape, p, digits, price_scale, size_scale)) {
                    shape = &shapes->shape[shapes->last];
                    break;
                }
            }
            shapes->last = place;
        }
#if CSB_LOOP_512
        same = _mm512_cmpeq_epi8_mask(text, _mm512_loadu_si512((const void *)shape->text));
#else
        same = (uint32_t)_mm256_movemask_epi8(
            _mm256_cmpeq_epi8(text0, _mm256_loadu_si256((const __m256i *)shape->text)));
        same |= (uint64_t)(uint32_t)_mm256_movemask_epi8(
            _mm256_cmpeq_epi8(text1, _mm256_loadu_si256((const __m256i *)(shape->text + 32)))) << 32;
#endif
        if (CSB_UNLIKELY(((same | digits) & shape->span) != shape->span))
            break;
        if (CSB_UNLIKELY(n == side->room))
            break;
        pair = _mm256_inserti128_si256(
            _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(p + 2))),
            _mm_loadu_si128((const __m128i *)(p + shape->size_at)), 1);
        pair = _mm256_sub_epi8(pair, zero_char);
        pair = _mm256_shuffle_epi8(pair, _mm256_loadu_si256((const __m256i *)shape->shuffle));
        pair = _mm256_maddubs_epi16(pair, tens);
        pair = _mm256_madd_epi16(pair, hundreds);
        pair = _mm256_packus_epi32(pair, pair);
        pair = _mm256_madd_epi16(pair, myriads);
        /* each lane: eight high digits, eight low digits, twice */
        folded = _mm256_castsi256_si128(pair);
        high = (uint64_t)_mm_cvtsi128_si64(folded);
        low = (uint64_t)_mm_cvtsi128_si64(_mm256_extracti128_si256(pair, 1));
        price = (int64_t)(((high & 0xFFFFFFFFULL) * 100000000ULL + (high >> 32)) * shape->price_factor);
        size = (int64_t)(((low & 0xFFFFFFFFULL) * 100000000ULL + (low >> 32)) * shape->size_factor);
        if (CSB_UNLIKELY(price == 0))
            break;                      /* the exact way says what that means */
        side->prices[n] = price;
        side->sizes[n] = size;
        n++;
        zeros += size == 0;
        ordered &= (price ^ side->mask) > before;
        before = price ^ side->mask;
        p += shape->length;
        at += shape->length;
        if (CSB_UNLIKELY(p[0] != ',' || p[1] != '['))
            break;
        p++;
        at++;
    }
    side->before = before;
    side->zeros = zeros;
    side->ordered = ordered;
    side->count = n;
    return at;
}
