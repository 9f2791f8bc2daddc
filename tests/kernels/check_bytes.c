/* Products of quantised tensors at every level that runs here: the same bytes as the formula, at every tail. */
#include "tests/kernels/guarded.h"
#include "tests/kernels/rows.h"

#include <math.h>

enum { MAX_M = 16, MAX_N = 32, MAX_PAIRS = 40, MAX_QUADS = 20 };

struct result {
	int32_t bias[MAX_N];
	float scale[MAX_N];
	struct requantise r;
};

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void fill_result(struct result *x, bool is_signed, uint32_t *seed)
{
	for (size_t j = 0; j < COUNT(x->bias); j++) {
		x->bias[j] = (int32_t)(next(seed) % 2000) - 1000;
		x->scale[j] = (float)(next(seed) % 1000) * 1e-5F;
	}
	int32_t zero = is_signed ? -7 : 120, least = is_signed ? -128 : 0;
	x->r = (struct requantise){x->bias, x->scale, zero, (float)(least - zero),
	                           (float)(least + 255 - zero)};
}

static uint8_t expected(const struct result *x, int64_t sum, size_t j)
{
	float v = (float)(int32_t)(sum + x->bias[j]) * x->scale[j];
	v = fminf(fmaxf(v, x->r.lo), x->r.hi);
	return (uint8_t)((int32_t)lrintf(v) + x->r.zero);
}

static void check_gemm(const struct gemm_s16 *k, size_t m, size_t n, size_t pairs, uint32_t seed)
{
	static int16_t a[MAX_M * MAX_PAIRS * 2], b[MAX_PAIRS * MAX_N * 2];
	static struct result x;
	size_t nr = k->nr, lda = 2 * pairs, ldy = n + 3;
	uint8_t y[MAX_M * (MAX_N + 3)];
	fill_result(&x, seed % 2, &seed);
	memset(y, 0xa5, sizeof y);
	for (size_t i = 0; i < COUNT(a); i++)
		a[i] = (int16_t)(next(&seed) % 511 - 255);
	for (size_t p = 0; p < pairs; p++)
		for (size_t j = 0; j < nr; j++)
			for (size_t h = 0; h < 2; h++)
				b[(p * nr + j) * 2 + h] =
					j < n ? (int16_t)(next(&seed) % 511 - 255) : 0;
	k->fn(m, n, pairs, a, lda, b, &x.r, y, ldy);
	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < ldy; j++) {
			int64_t sum = 0;
			for (size_t q = 0; q < 2 * pairs && j < n; q++)
				sum += (int64_t)a[i * lda + q] * b[(q / 2 * nr + j) * 2 + q % 2];
			CHECK_INT(y[i * ldy + j], j < n ? expected(&x, sum, j) : 0xa5);
		}
}

static void products(void)
{
	for (int isa = 0; isa < CNN_ISA_COUNT; isa++) {
		const struct gemm_s16 *k = &kernels_for((enum cnn_isa)isa)->gemm_s16;
		for (size_t m = 1; m <= k->mr; m++)
			for (size_t n = 1; n <= k->nr; n++)
				for (size_t pairs = 0; pairs <= MAX_PAIRS; pairs += 13)
					check_gemm(k, m, n, pairs, (uint32_t)(m * 100 + n));
	}
}

/* Bytes of any value, and now and then nothing but the most extreme. */
static void check_bytes_gemm(const struct gemm_u8s8 *k, size_t m, size_t n, size_t quads,
                             uint32_t seed)
{
	static struct result x;
	struct zones panel = zones_new(1, quads * k->nr + 1);
	size_t bytes = 4 * quads, nr = k->nr, ldy = n + 3;
	bool extreme = seed % 5 == 0;
	uint8_t y[MAX_M * (MAX_N + 3)];
	fill_result(&x, seed % 2, &seed);
	memset(y, 0xa5, sizeof y);
	uint8_t *a = malloc(m * bytes + 1);
	int8_t *b = zone_place(&panel, 0, bytes * nr, FLUSH_END);
	CHECK(a != NULL);
	for (size_t i = 0; i < m * bytes; i++)
		a[i] = (uint8_t)(extreme ? 255 : next(&seed));
	for (size_t q = 0; q < bytes * nr; q++)
		b[q] = (int8_t)(q / 4 % nr >= n ? 0 : extreme ? -128 : (int8_t)next(&seed));
	k->fn(m, n, quads, a, bytes, b, &x.r, y, ldy);
	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < ldy; j++) {
			int64_t sum = 0;
			for (size_t q = 0; q < bytes && j < n; q++)
				sum += (int64_t)a[i * bytes + q] * b[(q / 4 * nr + j) * 4 + q % 4];
			CHECK_INT(y[i * ldy + j], j < n ? expected(&x, sum, j) : 0xa5);
		}
	free(a);
	zones_free(&panel);
}

static void products_of_bytes(void)
{
	for (size_t i = 0; i < COUNT(gemm_u8s8_rows); i++) {
		const struct gemm_u8s8 *k = &gemm_u8s8_rows[i].gemm;
		CHECK(k->mr <= MAX_M && k->nr <= MAX_N);
		for (size_t m = 1; m <= k->mr && level_runs(gemm_u8s8_rows[i].isa); m++)
			for (size_t n = 1; n <= k->nr; n++)
				for (size_t quads = 0; quads <= MAX_QUADS; quads += 5)
					check_bytes_gemm(k, m, n, quads,
					                 (uint32_t)(m * 100 + n + quads));
	}
}

TEST_MAIN({"products", products}, {"products_of_bytes", products_of_bytes})
