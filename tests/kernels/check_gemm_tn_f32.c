/* gemm_tn_f32 at every level that runs here, to the last bit: one accumulator an element, in the order of rows and
 * pixels, added to what was there. */
#include "tests/kernels/guarded.h"
#include "tests/kernels/rows.h"

enum { MAX_ROWS = 5, MAX_PIXELS = 9, MAX_STEP = 48, MAX_LDC = 40 };

struct problem {
	size_t m, n, rows, pixels, a_gap, b_gap, ldc;
	bool any_kind; /* of numbers; else plain ones */
	struct zones a, b, c, pointers;
};

static struct problem problem_new(void)
{
	struct problem p = {0};
	p.a = zones_new(MAX_ROWS, MAX_PIXELS * MAX_STEP);
	p.b = zones_new(MAX_ROWS, MAX_PIXELS * MAX_STEP);
	p.c = zones_new(1, GEMM_MAX_MR * MAX_LDC);
	p.pointers = zones_new(2, MAX_ROWS * sizeof(float *) / sizeof(float));
	return p;
}

static void problem_free(struct problem *p)
{
	zones_free(&p->a);
	zones_free(&p->b);
	zones_free(&p->c);
	zones_free(&p->pointers);
}

static float number(const struct problem *p, size_t kind, uint32_t *seed)
{
	return next_of_kind(p->any_kind ? kind % NUMBER_KINDS : NUMBER_PLAIN, seed);
}

/* Pointers to rows of `width` numbers a pixel, the last pixel's at the end of the row, unreadable ones between them:
 * a NaN that is read reaches the result. */
static const float **place_rows(const struct problem *p, const struct zones *z, size_t list,
                                size_t width, size_t step, enum flush flush, uint32_t *seed)
{
	const float **row = zone_place(&p->pointers, list, p->rows * sizeof *row, FLUSH_END);
	for (size_t r = 0; r < p->rows; r++) {
		size_t floats = p->pixels ? (p->pixels - 1) * step + width : 0;
		zone_fill(z, r);
		float *x = zone_place(z, r, floats * sizeof *x, flush);
		row[r] = x;
		for (size_t i = 0; i < p->pixels * width; i++)
			x[i / width * step + i % width] = number(p, i % width, seed);
	}
	return row;
}

static void check_one(const struct gemm_tn_row *row, const struct problem *p, enum flush flush)
{
	uint32_t seed = (uint32_t)(p->m * 64 + p->n);
	struct outer_rows rows = {.n = p->rows, .pixels = p->pixels};
	rows.a_step = p->m + p->a_gap;
	rows.b_step = p->n + p->b_gap;
	rows.a = place_rows(p, &p->a, 0, p->m, rows.a_step, flush, &seed);
	rows.b = place_rows(p, &p->b, 1, p->n, rows.b_step, flush, &seed);
	zone_fill(&p->c, 0);
	float was[GEMM_MAX_MR][MAX_LDC];
	float *c = zone_place(&p->c, 0, ((p->m - 1) * p->ldc + p->n) * sizeof *c, flush);
	for (size_t i = 0; i < p->m; i++)
		for (size_t j = 0; j < p->n; j++)
			c[i * p->ldc + j] = was[i][j] = number(p, i + j, &seed);

	row->gemm.fn(p->m, p->n, &rows, c, p->ldc);

	for (size_t i = 0; i < p->m; i++)
		for (size_t j = 0; j < p->n; j++) {
			float sum = 0;
			double exact = 0, size = 0;
			for (size_t k = 0; k < p->rows * p->pixels; k++) {
				size_t r = k / p->pixels, pixel = k % p->pixels;
				float a = rows.a[r][pixel * rows.a_step + i],
				      b = rows.b[r][pixel * rows.b_step + j];
				sum = add_product(row->isa != CNN_ISA_PORTABLE, a, b, sum);
				exact += (double)a * (double)b;
				size += fabs((double)a * (double)b);
			}
			/* The expectation itself against double precision. */
			if (!p->any_kind)
				CHECK_NEAR(sum, exact, (double)(p->rows * p->pixels) * 6e-8 * size);
			float want = was[i][j] + sum, got = c[i * p->ldc + j];
			if (same_float(got, want))
				continue;
			fprintf(stderr,
			        "%s: m %zu n %zu rows %zu pixels %zu: c[%zu][%zu] is %.9g, want "
			        "%.9g\n",
			        row->gemm.name, p->m, p->n, p->rows, p->pixels, i, j, (double)got,
			        (double)want);
			exit(TEST_EXIT_FAILED);
		}
	CHECK_INT(zone_canaries(&p->c, 0), p->c.bytes / sizeof *c - p->m * p->n);
}

/* Every m and n. */
static void check_row(const struct gemm_tn_row *row, struct problem *p, size_t rows, size_t pixels)
{
	p->rows = rows;
	p->pixels = pixels;
	for (p->m = 1; p->m <= row->gemm.mr; p->m++)
		for (p->n = 1; p->n <= row->gemm.nr; p->n++) {
			p->a_gap = p->n % 3;
			p->b_gap = p->m % 4;
			p->ldc = p->n + p->m % 2 * 7;
			check_one(row, p, (enum flush)((p->m + p->n + pixels) % 2));
		}
}

static void check_sizes(bool any_kind)
{
	static const size_t pixels[] = {0, 1, 2, 9};
	struct problem p = problem_new();
	p.any_kind = any_kind;
	for (size_t r = 0; r < COUNT(gemm_tn_rows); r++)
		for (size_t i = 0; i < COUNT(pixels) && level_runs(gemm_tn_rows[r].isa); i++)
			for (size_t rows = 0; rows <= MAX_ROWS; rows += 1 + rows)
				check_row(&gemm_tn_rows[r], &p, rows, pixels[i]);
	problem_free(&p);
}

static void every_tile(void)
{
	check_sizes(false);
}

/* Subnormals are not flushed, an overflow is an infinity, a NaN stays one: in all operands. */
static void any_numbers(void)
{
	check_sizes(true);
}

/* All pixels may be one: a step of 0. */
static void repeated_pixels(void)
{
	float a[] = {2, 3}, b[] = {5, 7, 11};
	const float *at_a[] = {a}, *at_b[] = {b};
	const struct outer_rows rows = {1, at_a, at_b, 4, 0, 0};
	for (size_t r = 0; r < COUNT(gemm_tn_rows); r++) {
		float c[2][3] = {{1, 1, 1}, {1, 1, 1}};
		if (!level_runs(gemm_tn_rows[r].isa))
			continue;
		gemm_tn_rows[r].gemm.fn(2, 3, &rows, c[0], 3);
		for (size_t i = 0; i < 6; i++)
			CHECK(c[i / 3][i % 3] == 1 + 4 * a[i / 3] * b[i % 3]);
	}
}

TEST_MAIN({"every_tile", every_tile}, {"any_numbers", any_numbers},
          {"repeated_pixels", repeated_pixels})
