/* Eight rows side by side: what one tap of a row needs is one byte, eight rows fill a register with it, and all of them
 * have the same weight. So rows are turned into columns of eight bytes, and back. */
#ifdef __x86_64__
#	include "engine/image/resize.h"

#	include <immintrin.h>

#	define HALF (1 << (RESIZE_PRECISION - 1))

/* Sixteen bytes of each of eight rows into sixteen columns. */
static inline void turn_16(const uint8_t *const row[RESIZE_ROWS], size_t at, uint8_t *out)
{
	__m128i r[8], t[8], u[8];
	for (int i = 0; i < 8; i++)
		r[i] = _mm_loadu_si128((const __m128i *)(const void *)(row[i] + at));
	for (int i = 0; i < 4; i++) {
		t[i] = _mm_unpacklo_epi8(r[2 * i], r[2 * i + 1]);
		t[i + 4] = _mm_unpackhi_epi8(r[2 * i], r[2 * i + 1]);
	}
	for (int i = 0; i < 8; i += 4) {
		u[i] = _mm_unpacklo_epi16(t[i], t[i + 1]);
		u[i + 1] = _mm_unpacklo_epi16(t[i + 2], t[i + 3]);
		u[i + 2] = _mm_unpackhi_epi16(t[i], t[i + 1]);
		u[i + 3] = _mm_unpackhi_epi16(t[i + 2], t[i + 3]);
	}
	__m128i *to = (__m128i *)(void *)(out + at * RESIZE_ROWS);
	for (int i = 0; i < 8; i += 2) {
		_mm_storeu_si128(to + i, _mm_unpacklo_epi32(u[i], u[i + 1]));
		_mm_storeu_si128(to + i + 1, _mm_unpackhi_epi32(u[i], u[i + 1]));
	}
}

/* out[len][RESIZE_ROWS] */
static void turn(const uint8_t *const row[RESIZE_ROWS], size_t len, uint8_t *out)
{
	size_t x = 0;
	for (; x + 16 <= len; x += 16)
		turn_16(row, x, out);
	if (x < len && len >= 16) {
		turn_16(row, len - 16, out);
		return;
	}
	for (; x < len; x++)
		for (size_t i = 0; i < RESIZE_ROWS; i++)
			out[x * RESIZE_ROWS + i] = row[i][x];
}

/* Eight columns at `in` into eight bytes of each row; the last of `rows` also stands for those that are not there. */
static inline void turn_back_8(const uint8_t *in, int32_t rows, uint8_t *out, size_t stride)
{
	__m128i t[4], u[4];
	for (int i = 0; i < 4; i++) {
		__m128i pair = _mm_loadu_si128((const __m128i *)(const void *)(in + 16 * i));
		t[i] = _mm_unpacklo_epi8(pair, _mm_srli_si128(pair, 8));
	}
	for (int i = 0; i < 2; i++) {
		u[i] = _mm_unpacklo_epi16(t[2 * i], t[2 * i + 1]);
		u[i + 2] = _mm_unpackhi_epi16(t[2 * i], t[2 * i + 1]);
	}
	const __m128i both[4] = {_mm_unpacklo_epi32(u[0], u[1]), _mm_unpackhi_epi32(u[0], u[1]),
	                         _mm_unpacklo_epi32(u[2], u[3]), _mm_unpackhi_epi32(u[2], u[3])};
	for (int32_t y = 0; y < rows; y++) {
		__m128i x = y % 2 ? _mm_srli_si128(both[y / 2], 8) : both[y / 2];
		_mm_storel_epi64((__m128i *)(void *)(out + (size_t)y * stride), x);
	}
}

static void turn_back(const uint8_t *in, size_t len, int32_t rows, uint8_t *out, size_t stride)
{
	size_t x = 0;
	for (; x + 8 <= len; x += 8)
		turn_back_8(in + x * RESIZE_ROWS, rows, out + x, stride);
	for (; x < len; x++)
		for (int32_t y = 0; y < rows; y++)
			out[(size_t)y * stride + x] = in[x * RESIZE_ROWS + (size_t)y];
}

static inline __m256i add_tap(__m256i sum, const uint8_t *column, __m256i weight)
{
	__m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)column);
	return _mm256_add_epi32(sum, _mm256_mullo_epi32(_mm256_cvtepu8_epi32(bytes), weight));
}

/* Sums of eight rows to bytes; what is over 255 becomes 255. */
static inline void put(__m256i sum, uint8_t *out)
{
	__m256i pixels = _mm256_srai_epi32(sum, RESIZE_PRECISION);
	__m128i words = _mm_packus_epi32(_mm256_castsi256_si128(pixels),
	                                 _mm256_extracti128_si256(pixels, 1));
	_mm_storel_epi64((__m128i *)(void *)out, _mm_packus_epi16(words, words));
}

static void across_rgb(const struct resize_taps *t, const uint8_t *in, uint8_t *out)
{
	for (int32_t i = 0; i < t->n; i++, out += 3 * RESIZE_ROWS) {
		const uint8_t *p = in + (size_t)(t->first[i] - t->first[0]) * 3 * RESIZE_ROWS;
		const int32_t *w = t->weight + (size_t)i * (size_t)t->max_taps;
		__m256i r = _mm256_set1_epi32(HALF), g = r, b = r;
		for (int32_t k = 0; k < t->taps[i]; k++, p += 3 * RESIZE_ROWS) {
			__m256i weight = _mm256_set1_epi32(w[k]);
			r = add_tap(r, p, weight);
			g = add_tap(g, p + RESIZE_ROWS, weight);
			b = add_tap(b, p + 2 * RESIZE_ROWS, weight);
		}
		put(r, out);
		put(g, out + RESIZE_ROWS);
		put(b, out + 2 * RESIZE_ROWS);
	}
}

static void across_gray(const struct resize_taps *t, const uint8_t *in, uint8_t *out)
{
	for (int32_t i = 0; i < t->n; i++, out += RESIZE_ROWS) {
		const uint8_t *p = in + (size_t)(t->first[i] - t->first[0]) * RESIZE_ROWS;
		const int32_t *w = t->weight + (size_t)i * (size_t)t->max_taps;
		__m256i sum = _mm256_set1_epi32(HALF);
		for (int32_t k = 0; k < t->taps[i]; k++, p += RESIZE_ROWS)
			sum = add_tap(sum, p, _mm256_set1_epi32(w[k]));
		put(sum, out);
	}
}

static void rows_avx2(const struct resize_taps *t, const uint8_t *in, size_t in_stride,
                      int32_t rows, int32_t channels, uint8_t *out, size_t out_stride,
                      uint8_t *scratch)
{
	const uint8_t *row[RESIZE_ROWS];
	int32_t last = t->n - 1;
	size_t from = (size_t)t->first[0] * (size_t)channels;
	size_t len = (size_t)(t->first[last] + t->taps[last]) * (size_t)channels - from;
	uint8_t *made = scratch + len * RESIZE_ROWS;
	for (int32_t y = 0; y < RESIZE_ROWS; y++)
		row[y] = in + (size_t)(y < rows ? y : rows - 1) * in_stride + from;
	turn(row, len, scratch);
	if (channels == 3)
		across_rgb(t, scratch, made);
	else
		across_gray(t, scratch, made);
	turn_back(made, (size_t)t->n * (size_t)channels, rows, out, out_stride);
}

/* Sixteen bytes of the sum. */
static inline void column_16(const int32_t *weight, int32_t taps, const uint8_t *in, size_t stride,
                             uint8_t *out)
{
	__m256i low = _mm256_set1_epi32(HALF), high = low;
	for (int32_t k = 0; k < taps; k++, in += stride) {
		__m256i w = _mm256_set1_epi32(weight[k]);
		low = add_tap(low, in, w);
		high = add_tap(high, in + 8, w);
	}
	put(low, out);
	put(high, out + 8);
}

static void column_avx2(const int32_t *weight, int32_t taps, const uint8_t *in, size_t stride,
                        size_t len, uint8_t *out)
{
	size_t x = 0;
	for (; x + 16 <= len; x += 16)
		column_16(weight, taps, in + x, stride, out + x);
	if (x < len && len >= 16) {
		column_16(weight, taps, in + len - 16, stride, out + len - 16);
		return;
	}
	if (x < len)
		resize_kernel_portable.column(weight, taps, in + x, stride, len - x, out + x);
}

const struct resize_kernel resize_kernel_avx2 = {CNN_ISA_AVX2, rows_avx2, column_avx2};
#endif
