/* gemm_f32 at every level that runs here: the sums are defined to the last bit, so results are
 * compared to the last bit, for every m and n. That also says that a row does not depend on its tile. */
#include "tests/kernels/guarded.h"
#include "tests/kernels/rows.h"

struct shape {
	size_t taps, kc;
	size_t shift; /* floats that odd rows lie lower: rows at equal distances are a case of their own */
	bool padding;  /* some rows are the one of zeros */
	bool any_kind; /* of numbers; else plain ones */
};

/* Operands of one shape, each flush with a forbidden page, and the sums they should give. */
struct problem {
	const struct gemm_f32 *gemm;
	struct shape s;
	struct zones a, b, c, residual, bias, pointers;
	float *panel;
	float sums[GEMM_MAX_MR][64];
};

enum { MAX_LDC = 40 };

/* The zone after those of the rows has the zeros that padding shows. */
static float *row_of(const struct problem *p, size_t tap, size_t i)
{
	size_t zone = tap * p->gemm->mr + i, floats = p->s.kc + (i % 2 ? p->s.shift : 0);
	if (p->s.padding && (tap * 3 + i * 5) % 7 < 3) {
		zone = p->s.taps * p->gemm->mr;
		floats = p->s.kc;
	}
	return zone_place(&p->a, zone, floats * sizeof(float), FLUSH_END);
}

static float number(const struct problem *p, size_t kind, uint32_t *seed)
{
	return next_of_kind(p->s.any_kind ? kind % NUMBER_KINDS : NUMBER_PLAIN, seed);
}

static void expect_sums(struct problem *p, bool fused)
{
	const struct gemm_f32 *g = p->gemm;
	for (size_t i = 0; i < g->mr; i++)
		for (size_t j = 0; j < g->nr; j++) {
			float sum = 0;
			double exact = 0, size = 0;
			for (size_t t = 0; t < p->s.taps; t++)
				for (size_t k = 0; k < p->s.kc; k++) {
					float a = row_of(p, t, i)[k];
					float b = p->panel[(t * p->s.kc + k) * g->nr + j];
					sum = add_product(fused, a, b, sum);
					exact += (double)a * (double)b;
					size += fabs((double)a * (double)b);
				}
			/* The expectation itself against double precision. */
			if (!p->s.any_kind)
				CHECK_NEAR(sum, exact,
				           (double)(p->s.taps * p->s.kc + 1) * 6e-8 * size);
			p->sums[i][j] = sum;
		}
}

static struct problem problem_new(const struct gemm_row *row, struct shape s)
{
	const struct gemm_f32 *g = &row->gemm;
	size_t rows = s.taps * g->mr, panel = s.taps * s.kc * g->nr;
	struct problem p = {.gemm = g, .s = s};
	p.a = zones_new(rows + 1, s.kc + s.shift);
	p.b = zones_new(1, panel);
	p.c = zones_new(1, g->mr * MAX_LDC);
	p.residual = zones_new(1, g->mr * MAX_LDC);
	p.bias = zones_new(1, g->nr);
	p.pointers = zones_new(1, rows * sizeof(float *) / sizeof(float));
	uint32_t seed = (uint32_t)(s.taps * 1000 + s.kc);
	for (size_t t = 0; t < s.taps; t++)
		for (size_t i = 0; i < g->mr; i++)
			for (size_t k = 0; k < s.kc; k++)
				row_of(&p, t, i)[k] = number(&p, i, &seed);
	memset(zone_place(&p.a, rows, p.a.bytes, FLUSH_END), 0, s.padding ? p.a.bytes : 0);
	p.panel = zone_place(&p.b, 0, panel * sizeof(float), FLUSH_END);
	for (size_t i = 0; i < panel; i++)
		p.panel[i] = number(&p, i % g->nr / NUMBER_KINDS, &seed);
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
	size_t used = p->s.taps ? (p->s.taps - 1) * g->mr + m : 0;
	const float **a = zone_place(&p->pointers, 0, used * sizeof *a, FLUSH_END);
	for (size_t t = 0; t < p->s.taps; t++)
		for (size_t i = 0; i < g->mr && t * g->mr + i < used; i++)
			a[t * g->mr + i] = i < m ? row_of(p, t, i) : NULL;
	return a;
}

/* What follows the sums: every choice of bias, residual and clamp. */
enum { CLAMPS = 4, VARIANTS = 4 * CLAMPS };

static const struct {
	float lo, hi;
} clamps[CLAMPS] = {
	{-INFINITY, INFINITY},
	{0, INFINITY},
	{0, 0.5f},
	{-0.25f, 0.75f}, /* none, ReLU, like ReLU6, any */
};

static void check_tile(const struct problem *p, size_t m, size_t n, size_t variant)
{
	const bool with_bias = variant & 1, with_residual = variant & 2;
	const float lo = clamps[variant / 4].lo, hi = clamps[variant / 4].hi;
	const enum flush flush = (m + n + variant / 4) % 3 ? FLUSH_END : FLUSH_START;
	size_t ldc = n + variant * 5 % 8, size = ((m - 1) * ldc + n) * sizeof(float);
	zone_fill(&p->c, 0);
	zone_fill(&p->residual, 0);
	zone_fill(&p->bias, 0);
	float *c = zone_place(&p->c, 0, size, flush);
	float *residual = zone_place(&p->residual, 0, size, flush);
	float *bias = zone_place(&p->bias, 0, n * sizeof(float), flush);
	uint32_t seed = (uint32_t)(m * 64 + n);
	for (size_t j = 0; j < n; j++)
		bias[j] = number(p, j / 2, &seed);
	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < n; j++)
			residual[i * ldc + j] = number(p, i + j, &seed);
	struct epilogue ep = {with_bias ? bias : NULL, with_residual ? residual : NULL, lo, hi};

	p->gemm->fn(m, n, p->s.taps, p->s.kc, place_pointers(p, m), p->panel, c, ldc, &ep);

	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < n; j++) {
			float want = p->sums[i][j] + (with_bias ? bias[j] : 0);
			if (with_residual)
				want += residual[i * ldc + j];
			want = clamped(want, lo, hi);
			if (!same_float(c[i * ldc + j], want)) {
				fprintf(stderr,
				        "%s: m %zu n %zu taps %zu kc %zu variant %zu: c[%zu][%zu] "
				        "is "
				        "%.9g, want %.9g\n",
				        p->gemm->name, m, n, p->s.taps, p->s.kc, variant, i, j,
				        (double)c[i * ldc + j], (double)want);
				exit(TEST_EXIT_FAILED);
			}
		}
	CHECK_INT(zone_canaries(&p->c, 0), p->c.bytes / sizeof(float) - m * n);
}

/* Every m and n, each with one of the variants or with all. */
static void check_row(const struct gemm_row *row, struct shape s, bool all_variants)
{
	struct problem p = problem_new(row, s);
	for (size_t m = 1; m <= row->gemm.mr; m++)
		for (size_t n = 1; n <= row->gemm.nr; n++)
			for (size_t v = 0; v < VARIANTS; v++)
				if (all_variants || v == (m * 3 + n + s.kc) % VARIANTS)
					check_tile(&p, m, n, v);
	problem_free(&p);
}

static void every_tile(void)
{
	static const size_t taps[] = {1, 2, 9, 25}, kcs[] = {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 64};
	for (size_t r = 0; r < COUNT(gemm_rows); r++)
		for (size_t t = 0; t < COUNT(taps) && level_runs(gemm_rows[r].isa); t++)
			for (size_t k = 0; k < COUNT(kcs); k++)
				check_row(&gemm_rows[r],
				          (struct shape){
						  .taps = taps[t], .kc = kcs[k], .shift = k % 2},
				          taps[t] == 1 && kcs[k] == 3);
}

/* Nothing to add up leaves the bias and the residual. */
static void empty_sums(void)
{
	static const struct shape shapes[] = {{.taps = 0, .kc = 5}, {.taps = 3, .kc = 0}, {0}};
	for (size_t r = 0; r < COUNT(gemm_rows); r++)
		for (size_t s = 0; s < COUNT(shapes) && level_runs(gemm_rows[r].isa); s++)
			check_row(&gemm_rows[r], shapes[s], false);
}

static void long_sums(void)
{
	static const struct shape shapes[] = {
		{9, 512, 0, 0, 0},  {9, 512, 1, 0, 0},  {1, 1024, 0, 0, 0}, {1, 1024, 1, 0, 0},
		{1, 2053, 0, 0, 0}, {1, 2053, 1, 0, 0}, {2, 65, 0, 0, 0},   {2, 65, 1, 0, 0},
		{1, 79, 0, 0, 0},   {25, 80, 0, 0, 0},  {1, 81, 0, 0, 0},   {3, 127, 0, 0, 0},
		{3, 127, 1, 0, 0},  {49, 3, 0, 0, 0},   {9, 70, 0, 1, 0},   {9, 70, 1, 1, 0}};
	for (size_t r = 0; r < COUNT(gemm_rows); r++)
		for (size_t s = 0; s < COUNT(shapes) && level_runs(gemm_rows[r].isa); s++) {
			const struct gemm_f32 *g = &gemm_rows[r].gemm;
			struct problem p = problem_new(&gemm_rows[r], shapes[s]);
			for (size_t v = 0; v < VARIANTS; v++) {
				check_tile(&p, g->mr, g->nr, v);
				check_tile(&p, g->mr - 1u, g->nr - 1u, v);
			}
			problem_free(&p);
		}
}

/* Windows over the border of a picture: taps that share one row of zeros. */
static void padding_rows(void)
{
	static const size_t kcs[] = {3, 16, 65};
	for (size_t r = 0; r < COUNT(gemm_rows); r++)
		for (size_t k = 0; k < COUNT(kcs) && level_runs(gemm_rows[r].isa); k++)
			check_row(&gemm_rows[r],
			          (struct shape){.taps = 9, .kc = kcs[k], .padding = true}, false);
}

/* Subnormals are not flushed, an overflow is an infinity, a NaN stays one: in all operands. */
static void any_numbers(void)
{
	static const size_t kcs[] = {1, 2, 9, 64};
	for (size_t r = 0; r < COUNT(gemm_rows); r++)
		for (size_t k = 0; k < COUNT(kcs) && level_runs(gemm_rows[r].isa); k++)
			check_row(&gemm_rows[r],
			          (struct shape){.taps = 1, .kc = kcs[k], .any_kind = true},
			          kcs[k] == 2);
}

/* Output rows so far apart that 32 bits do not hold the distance. */
static void far_rows(void)
{
	const size_t ldc = ((size_t)1 << 31) + 5, bytes = ldc * sizeof(float) * GEMM_MAX_MR;
	char *map =
		mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		SKIP("no 128 GiB of addresses");
	for (size_t r = 0; r < COUNT(gemm_rows); r++) {
		const struct gemm_f32 *g = &gemm_rows[r].gemm;
		if (!level_runs(gemm_rows[r].isa))
			continue;
		struct problem p = problem_new(&gemm_rows[r], (struct shape){.taps = 1, .kc = 5});
		float *c = (float *)(void *)map;
		for (size_t i = 0; i < g->mr; i++) {
			size_t page = i * ldc * sizeof *c / GUARD_PAGE * GUARD_PAGE;
			CHECK(mprotect(map + page, 2 * GUARD_PAGE, PROT_READ | PROT_WRITE) == 0);
			for (size_t j = 0; j < g->nr; j++)
				c[i * ldc + j] = (float)(i + j);
		}
		/* The residual is what the output replaces. */
		const struct epilogue ep = {NULL, c, -INFINITY, INFINITY};
		g->fn(g->mr, g->nr, 1, p.s.kc, place_pointers(&p, g->mr), p.panel, c, ldc, &ep);
		for (size_t i = 0; i < g->mr; i++)
			for (size_t j = 0; j < g->nr; j++)
				CHECK(c[i * ldc + j] == p.sums[i][j] + (float)(i + j));
		problem_free(&p);
	}
	munmap(map, bytes);
}

enum { TWIN_TAPS = 9, TWIN_KC = 48, TWIN_M = 4, TWIN_N = 8 };

static void multiply(const struct gemm_f32 *g, const float *rows, const float *weights, float *c)
{
	static float packed[TWIN_TAPS * TWIN_KC * 64 + 16];
	const struct epilogue ep = {NULL, NULL, -INFINITY, INFINITY};
	const float *a[TWIN_TAPS * GEMM_MAX_MR] = {NULL};
	for (size_t t = 0; t < TWIN_TAPS; t++)
		for (size_t i = 0; i < TWIN_M; i++)
			a[t * g->mr + i] = rows + (t * TWIN_M + i) * TWIN_KC;
	float *b = (float *)(void *)(((uintptr_t)packed + 63) & ~(uintptr_t)63);
	gemm_f32_pack(g, TWIN_N, TWIN_TAPS * TWIN_KC, weights, TWIN_N, 1, b);
	g->fn(TWIN_M, TWIN_N, TWIN_TAPS, TWIN_KC, a, b, c, TWIN_N, &ep);
}

/* The levels round differently, by no more than the sums' length allows. */
static void near_portable_twin(void)
{
	enum { K = TWIN_TAPS * TWIN_KC };
	static float rows[K * TWIN_M], weights[K * TWIN_N];
	float twin[TWIN_M * TWIN_N], c[TWIN_M * TWIN_N];
	uint32_t seed = 7;
	for (size_t i = 0; i < COUNT(rows); i++)
		rows[i] = next_number(&seed);
	for (size_t i = 0; i < COUNT(weights); i++)
		weights[i] = next_number(&seed);
	multiply(&kernels_for(CNN_ISA_PORTABLE)->gemm_f32, rows, weights, twin);
	for (size_t r = 0; r < COUNT(gemm_rows); r++) {
		if (!level_runs(gemm_rows[r].isa))
			continue;
		multiply(&gemm_rows[r].gemm, rows, weights, c);
		for (size_t i = 0; i < COUNT(c); i++)
			CHECK_NEAR(c[i], twin[i], 6e-8 * K);
	}
}

/* A NaN or an infinity in a row reaches that row's outputs, through the clamp, and no other row. */
static void nan_and_infinity(void)
{
	for (size_t r = 0; r < COUNT(gemm_rows); r++) {
		const struct gemm_f32 *g = &gemm_rows[r].gemm;
		if (!level_runs(gemm_rows[r].isa))
			continue;
		struct problem p = problem_new(&gemm_rows[r], (struct shape){.taps = 1, .kc = 8});
		for (size_t k = 0; k < p.s.kc * g->nr; k++)
			p.panel[k] = 1;
		size_t bad = g->mr / 2u;
		row_of(&p, 0, bad)[2] = NAN;
		row_of(&p, 0, 0)[2] = INFINITY;
		float c[GEMM_MAX_MR][64];
		const struct epilogue ep = {NULL, NULL, 0, 6};
		g->fn(g->mr, g->nr, 1, p.s.kc, place_pointers(&p, g->mr), p.panel, c[0], 64, &ep);
		for (size_t i = 0; i < g->mr; i++)
			for (size_t j = 0; j < g->nr; j++)
				CHECK(i == bad ? isnan(c[i][j])
				               : c[i][j] >= 0 && c[i][j] <= 6 &&
				                         (i != 0 || c[i][j] == 6));
		problem_free(&p);
	}
}

TEST_MAIN({"every_tile", every_tile}, {"empty_sums", empty_sums}, {"long_sums", long_sums},
          {"padding_rows", padding_rows}, {"any_numbers", any_numbers}, {"far_rows", far_rows},
          {"near_portable_twin", near_portable_twin}, {"nan_and_infinity", nan_and_infinity})
