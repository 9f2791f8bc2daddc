/* dwrow_f32 at every level that runs here, to the last bit: every kind of window, row length and tail of channels. */
#include "tests/kernels/guarded.h"
#include "tests/kernels/rows.h"

enum { MAX_PIXELS = 19, MAX_SIDE = 7, MAX_CHANNELS = 40, MAX_STEP = 3, MAX_TAP = 2 };

struct problem {
	size_t pixels, channels;
	size_t rows, columns, all_columns; /* of the window as it is, and before it was cut off */
	size_t stride, dilation;
	bool any_kind; /* of numbers; else plain ones */
	struct zones in, w, bias, residual, out, pointers;
};

static struct problem problem_new(void)
{
	size_t width = (MAX_PIXELS - 1) * MAX_STEP + (MAX_SIDE - 1) * MAX_TAP + 1;
	struct problem p = {0};
	p.in = zones_new(MAX_SIDE, (width + 1) * MAX_CHANNELS);
	p.w = zones_new(1, MAX_SIDE * MAX_SIDE * MAX_CHANNELS);
	p.bias = zones_new(1, MAX_CHANNELS);
	p.residual = zones_new(1, MAX_PIXELS * MAX_CHANNELS);
	p.out = zones_new(1, MAX_PIXELS * MAX_CHANNELS);
	p.pointers = zones_new(1, MAX_SIDE * sizeof(float *) / sizeof(float));
	return p;
}

/* Of any kind: a channel keeps to its own, in all operands. */
static float *numbers(const struct problem *p, const struct zones *z, size_t zone, size_t n,
                      enum flush flush, uint32_t *seed)
{
	float *x = zone_place(z, zone, n * sizeof *x, flush);
	for (size_t i = 0; i < n; i++)
		x[i] = next_of_kind(p->any_kind ? i % p->channels % NUMBER_KINDS : NUMBER_PLAIN,
		                    seed);
	return x;
}

static float expected(const struct problem *p, bool fused, const float *const *in, size_t from,
                      const float *w, size_t pixel, size_t c)
{
	float sum = 0;
	for (size_t y = 0; y < p->rows; y++)
		for (size_t x = 0; x < p->columns; x++) {
			size_t at = (pixel * p->stride + x * p->dilation) * p->channels + c;
			sum = add_product(fused, in[y][from + at],
			                  w[(y * p->all_columns + x) * p->channels + c], sum);
		}
	return sum;
}

static void check_one(const struct dwrow_row *row, const struct problem *p, enum flush flush,
                      bool with_bias, bool with_residual, float lo, float hi)
{
	size_t outputs = p->pixels * p->channels, from = with_bias ? p->channels : 0;
	size_t width = (p->pixels - 1) * p->stride;
	if (p->columns)
		width += (p->columns - 1) * p->dilation + 1;
	uint32_t seed = (uint32_t)(p->channels * 31 + p->pixels);
	const float **in = zone_place(&p->pointers, 0, p->rows * sizeof *in, FLUSH_END);
	for (size_t y = 0; y < p->rows; y++)
		in[y] = numbers(p, &p->in, y, from + width * p->channels, flush, &seed);
	size_t weights = p->rows && p->columns
	                         ? ((p->rows - 1) * p->all_columns + p->columns) * p->channels
	                         : 0;
	const float *w = numbers(p, &p->w, 0, weights, flush, &seed);
	const float *bias = numbers(p, &p->bias, 0, p->channels, flush, &seed);
	const float *residual = numbers(p, &p->residual, 0, outputs, flush, &seed);
	zone_fill(&p->out, 0);
	float *out = zone_place(&p->out, 0, outputs * sizeof *out, flush);
	const struct epilogue ep = {with_bias ? bias : NULL, with_residual ? residual : NULL, lo,
	                            hi};
	const struct dwrow_window window = {p->rows,
	                                    p->columns,
	                                    from,
	                                    p->stride * p->channels,
	                                    p->dilation * p->channels,
	                                    p->all_columns * p->channels};

	row->fn(p->pixels, p->channels, &window, in, w, out, &ep);

	for (size_t i = 0; i < outputs; i++) {
		size_t c = i % p->channels;
		float want =
			expected(p, row->isa != CNN_ISA_PORTABLE, in, from, w, i / p->channels, c);
		want += with_bias ? bias[c] : 0;
		if (with_residual)
			want += residual[i];
		want = clamped(want, lo, hi);
		if (!same_float(out[i], want)) {
			fprintf(stderr,
			        "%s: pixels %zu channels %zu window %zux%zu stride %zu dilation "
			        "%zu: out[%zu] is %.9g, want %.9g\n",
			        row->name, p->pixels, p->channels, p->rows, p->columns, p->stride,
			        p->dilation, i, (double)out[i], (double)want);
			exit(TEST_EXIT_FAILED);
		}
	}
	CHECK_INT(zone_canaries(&p->out, 0), p->out.bytes / sizeof(float) - outputs);
}

/* Every choice of bias, residual and clamp. */
static void check_variants(const struct dwrow_row *row, const struct problem *p, enum flush flush)
{
	for (int with = 0; with < 4; with++) {
		check_one(row, p, flush, with & 1, with & 2, -INFINITY, INFINITY);
		check_one(row, p, flush, with & 1, with & 2, 0, 0.5f);
		check_one(row, p, flush, with & 1, with & 2, -0.25f, 0.75f);
	}
}

static void set_window(struct problem *p, size_t rows, size_t columns, size_t all_columns,
                       size_t stride, size_t dilation)
{
	p->rows = rows;
	p->columns = columns;
	p->all_columns = all_columns;
	p->stride = stride;
	p->dilation = dilation;
}

static void every_window(void)
{
	struct problem p = problem_new();
	for (size_t r = 0; r < COUNT(dwrow_rows); r++)
		for (size_t i = 0; i < 8 * 8 * 3 * 2 && level_runs(dwrow_rows[r].isa); i++) {
			size_t columns = i / 8 % 8;
			set_window(&p, i % 8, columns, columns + (columns < MAX_SIDE && i % 3 == 0),
			           1 + i / 64 % 3, 1 + i / 192);
			p.pixels = 1 + i * 5 % MAX_PIXELS;
			p.channels = 1 + i * 7 % MAX_CHANNELS;
			check_one(&dwrow_rows[r], &p, (enum flush)(i % 2), i % 3, i % 5, -0.5f, 2);
		}
}

static void every_tail(void)
{
	struct problem p = problem_new();
	for (size_t r = 0; r < COUNT(dwrow_rows); r++)
		for (size_t c = 1; c <= MAX_CHANNELS && level_runs(dwrow_rows[r].isa); c++)
			for (size_t side = 3; side <= 5; side += 2)
				for (size_t stride = 1; stride <= 2; stride++) {
					set_window(&p, side, side, side, stride, 1);
					p.channels = c;
					p.pixels = 1 + c % MAX_PIXELS;
					check_one(&dwrow_rows[r], &p, FLUSH_END, c % 2, stride % 2,
					          -INFINITY, INFINITY);
				}
}

static void every_row_length(void)
{
	struct problem p = problem_new();
	for (size_t r = 0; r < COUNT(dwrow_rows); r++)
		for (size_t n = 1; n <= MAX_PIXELS && level_runs(dwrow_rows[r].isa); n++)
			for (size_t side = 3; side <= 5; side += 2)
				for (size_t stride = 1; stride <= 2; stride++) {
					set_window(&p, side, side, side, stride, 1);
					p.pixels = n;
					p.channels = 19 + n;
					check_variants(&dwrow_rows[r], &p, (enum flush)(n % 2));
				}
}

/* Subnormals are not flushed, an overflow is an infinity, a NaN stays one: in all operands. */
static void any_numbers(void)
{
	struct problem p = problem_new();
	p.any_kind = true;
	for (size_t r = 0; r < COUNT(dwrow_rows); r++)
		for (size_t c = 1; c <= MAX_CHANNELS && level_runs(dwrow_rows[r].isa); c += 3) {
			set_window(&p, 3, c % 2 ? 3 : 2, 3, 1, 1);
			p.pixels = 5;
			p.channels = c;
			check_variants(&dwrow_rows[r], &p, FLUSH_END);
		}
}

TEST_MAIN({"every_window", every_window}, {"every_tail", every_tail},
          {"every_row_length", every_row_length}, {"any_numbers", any_numbers})
