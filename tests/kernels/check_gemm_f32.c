/* gemm_f32 at every level this CPU has: the sums are defined to the last bit, so results are
 * compared to the last bit, for every m and n. That also says that a row does not depend on its tile. */
#include "engine/base/cpu.h"
#include "tests/kernels/guarded.h"
#include "tests/kernels/rows.h"

/* Operands of one taps x kc, each flush with a forbidden page, and the sums they should give. */
struct problem {
	const struct gemm_f32 *gemm;
	size_t taps, kc;
	size_t shift; /* floats that odd rows lie lower: rows at equal distances are a case of their own */
	struct zones a, b, c, residual, bias, pointers;
	float *panel;
	float sums[GEMM_MAX_MR][64];
};

enum { MAX_LDC = 40 };

static float *row_of(const struct problem *p, size_t tap, size_t i)
{
	size_t floats = p->kc + (i % 2 ? p->shift : 0);
	return zone_place(&p->a, tap * p->gemm->mr + i, floats * sizeof(float), FLUSH_END);
}

static void expect_sums(struct problem *p, bool fused)
{
	const struct gemm_f32 *g = p->gemm;
	for (size_t i = 0; i < g->mr; i++)
		for (size_t j = 0; j < g->nr; j++) {
			float sum = 0;
			double exact = 0, size = 0;
			for (size_t t = 0; t < p->taps; t++)
				for (size_t k = 0; k < p->kc; k++) {
					float a = row_of(p, t, i)[k];
					float b = p->panel[(t * p->kc + k) * g->nr + j];
					sum = add_product(fused, a, b, sum);
					exact += (double)a * (double)b;
					size += fabs((double)a * (double)b);
				}
			/* The expectation itself against double precision. */
			CHECK_NEAR(sum, exact, (double)(p->taps * p->kc + 1) * 6e-8 * size);
			p->sums[i][j] = sum;
		}
}

static struct problem problem_new(const struct gemm_row *row, size_t taps, size_t kc, size_t shift)
{
	const struct gemm_f32 *g = &row->gemm;
	struct problem p = {.gemm = g, .taps = taps, .kc = kc, .shift = shift};
	p.a = zones_new(taps * g->mr, kc + shift);
	p.b = zones_new(1, taps * kc * g->nr);
	p.c = zones_new(1, g->mr * MAX_LDC);
	p.residual = zones_new(1, g->mr * MAX_LDC);
	p.bias = zones_new(1, g->nr);
	p.pointers = zones_new(1, taps * g->mr * sizeof(float *) / sizeof(float));
	uint32_t seed = (uint32_t)(taps * 1000 + kc);
	for (size_t t = 0; t < taps; t++)
		for (size_t i = 0; i < g->mr; i++)
			for (size_t k = 0; k < kc; k++)
				row_of(&p, t, i)[k] = next_number(&seed);
	p.panel = zone_place(&p.b, 0, taps * kc * g->nr * sizeof(float), FLUSH_END);
	for (size_t i = 0; i < taps * kc * g->nr; i++)
		p.panel[i] = next_number(&seed);
	expect_sums(&p, row->isa != CNN_ISA_PORTABLE);
	return p;
}

static void problem_free(struct problem *p)
{
	zones_free(&p->a);
	zones_free(&p->b);
	zones_free(&p->c);
	zones_free(&p->residual);
	zones_free(&p->bias);
	zones_free(&p->pointers);
}

/* The table of row pointers: what is past m points at nothing, and at the end is not there. */
static const float **place_pointers(const struct problem *p, size_t m)
{
	const struct gemm_f32 *g = p->gemm;
	size_t used = (p->taps - 1) * g->mr + m;
	const float **a = zone_place(&p->pointers, 0, used * sizeof *a, FLUSH_END);
	for (size_t t = 0; t < p->taps; t++)
		for (size_t i = 0; i < g->mr && t * g->mr + i < used; i++)
			a[t * g->mr + i] = i < m ? row_of(p, t, i) : NULL;
	return a;
}

struct variant {
	bool bias, residual;
	size_t gap; /* ldc - n */
	float lo, hi;
	enum flush flush;
};

static const struct variant variants[] = {
	{false, false, 0, -INFINITY, INFINITY, FLUSH_END}, {true, false, 3, 0, INFINITY, FLUSH_END},
	{false, true, 0, -0.25f, 0.25f, FLUSH_END},        {true, true, 5, 0, 6, FLUSH_END},
	{true, true, 1, -INFINITY, 0.5f, FLUSH_START},
};

static void check_tile(const struct problem *p, size_t m, size_t n, const struct variant *v)
{
	size_t ldc = n + v->gap, size = ((m - 1) * ldc + n) * sizeof(float);
	zone_fill(&p->c, 0);
	zone_fill(&p->residual, 0);
	zone_fill(&p->bias, 0);
	float *c = zone_place(&p->c, 0, size, v->flush);
	float *residual = zone_place(&p->residual, 0, size, v->flush);
	float *bias = zone_place(&p->bias, 0, n * sizeof(float), v->flush);
	uint32_t seed = (uint32_t)(m * 64 + n);
	for (size_t j = 0; j < n; j++)
		bias[j] = next_number(&seed);
	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < n; j++)
			residual[i * ldc + j] = next_number(&seed);
	struct epilogue ep = {v->bias ? bias : NULL, v->residual ? residual : NULL, v->lo, v->hi};

	p->gemm->fn(m, n, p->taps, p->kc, place_pointers(p, m), p->panel, c, ldc, &ep);

	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < n; j++) {
			float want = p->sums[i][j];
			if (v->bias)
				want += bias[j];
			if (v->residual)
				want += residual[i * ldc + j];
			want = clamped(want, v->lo, v->hi);
			if (c[i * ldc + j] != want) {
				fprintf(stderr, "%s: m %zu n %zu taps %zu kc %zu: c[%zu][%zu]\n",
				        p->gemm->name, m, n, p->taps, p->kc, i, j);
				CHECK_NEAR(c[i * ldc + j], want, 0);
			}
		}
	CHECK_INT(zone_canaries(&p->c, 0), p->c.bytes / sizeof(float) - m * n);
}

static void check_row(const struct gemm_row *row, size_t taps, size_t kc, size_t shift)
{
	struct problem p = problem_new(row, taps, kc, shift);
	for (size_t m = 1; m <= row->gemm.mr; m++)
		for (size_t n = 1; n <= row->gemm.nr; n++)
			for (size_t v = 0; v < COUNT(variants); v++)
				if (v == (m + n + kc) % COUNT(variants) || kc == 3)
					check_tile(&p, m, n, &variants[v]);
	problem_free(&p);
}

static bool runs_here(const struct gemm_row *row)
{
	return row->isa <= cpu_isa();
}

static void every_tile(void)
{
	static const size_t taps[] = {1, 2, 9, 25}, kcs[] = {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 64};
	for (size_t r = 0; r < COUNT(gemm_rows); r++)
		for (size_t t = 0; t < COUNT(taps) && runs_here(&gemm_rows[r]); t++)
			for (size_t k = 0; k < COUNT(kcs); k++)
				check_row(&gemm_rows[r], taps[t], kcs[k], k % 2);
}

static void long_sums(void)
{
	static const struct {
		size_t taps, kc, shift;
	} shapes[] = {{9, 512, 0},  {9, 512, 1}, {1, 1024, 0}, {1, 1024, 1}, {1, 2053, 0},
	              {1, 2053, 1}, {2, 65, 0},  {2, 65, 1},   {1, 79, 0},   {25, 80, 0},
	              {1, 81, 0},   {3, 127, 0}, {3, 127, 1},  {49, 3, 0}};
	for (size_t r = 0; r < COUNT(gemm_rows); r++)
		for (size_t s = 0; s < COUNT(shapes) && runs_here(&gemm_rows[r]); s++) {
			const struct gemm_f32 *g = &gemm_rows[r].gemm;
			struct problem p = problem_new(&gemm_rows[r], shapes[s].taps, shapes[s].kc,
			                               shapes[s].shift);
			for (size_t v = 0; v < COUNT(variants); v++) {
				check_tile(&p, g->mr, g->nr, &variants[v]);
				check_tile(&p, g->mr - 1u, g->nr - 1u, &variants[v]);
			}
			problem_free(&p);
		}
}

/* The levels round differently, by no more than the sums' length allows. */
static void near_portable_twin(void)
{
	enum { TAPS = 9, KC = 48, N = 8, M = 4 };
	static float rows[TAPS * M * KC], weights[TAPS * KC * N], packed[TAPS * KC * 64 + 16];
	uint32_t seed = 7;
	for (size_t i = 0; i < COUNT(rows); i++)
		rows[i] = next_number(&seed);
	for (size_t i = 0; i < COUNT(weights); i++)
		weights[i] = next_number(&seed);
	const struct epilogue ep = {NULL, NULL, -INFINITY, INFINITY};
	float twin[M][N] = {{0}};
	for (int isa = 0; isa <= (int)cpu_isa(); isa++) {
		const struct gemm_f32 *g = &kernels_for((enum cnn_isa)isa)->gemm_f32;
		const float *a[TAPS * GEMM_MAX_MR] = {NULL};
		for (size_t t = 0; t < TAPS; t++)
			for (size_t i = 0; i < M; i++)
				a[t * g->mr + i] = rows + (t * M + i) * KC;
		float *b = (float *)(void *)(((uintptr_t)packed + 63) & ~(uintptr_t)63), c[M][N];
		gemm_f32_pack(g, N, TAPS * KC, weights, N, 1, b);
		g->fn(M, N, TAPS, KC, a, b, c[0], N, &ep);
		if (isa == CNN_ISA_PORTABLE)
			memcpy(twin, c, sizeof twin);
		for (size_t i = 0; i < M; i++)
			for (size_t j = 0; j < N; j++)
				CHECK_NEAR(c[i][j], twin[i][j], 6e-8 * TAPS * KC);
	}
}

/* A NaN or an infinity in a row reaches that row's outputs, through the clamp, and no other row. */
static void nan_and_infinity(void)
{
	for (size_t r = 0; r < COUNT(gemm_rows); r++) {
		const struct gemm_f32 *g = &gemm_rows[r].gemm;
		if (!runs_here(&gemm_rows[r]))
			continue;
		struct problem p = problem_new(&gemm_rows[r], 1, 8, 0);
		for (size_t k = 0; k < p.kc * g->nr; k++)
			p.panel[k] = 1;
		size_t bad = g->mr / 2u;
		row_of(&p, 0, bad)[2] = NAN;
		row_of(&p, 0, 0)[2] = INFINITY;
		float c[GEMM_MAX_MR][64];
		const struct epilogue ep = {NULL, NULL, 0, 6};
		g->fn(g->mr, g->nr, 1, p.kc, place_pointers(&p, g->mr), p.panel, c[0], 64, &ep);
		for (size_t i = 0; i < g->mr; i++)
			for (size_t j = 0; j < g->nr; j++)
				CHECK(i == bad ? isnan(c[i][j])
				               : c[i][j] >= 0 && c[i][j] <= 6 &&
				                         (i != 0 || c[i][j] == 6));
		problem_free(&p);
	}
}

TEST_MAIN({"every_tile", every_tile}, {"long_sums", long_sums},
          {"near_portable_twin", near_portable_twin}, {"nan_and_infinity", nan_and_infinity})
