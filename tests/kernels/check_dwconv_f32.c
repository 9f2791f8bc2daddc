/* dwconv_f32 at every level that runs here, to the last bit, with every tail of channels. */
#include "tests/kernels/guarded.h"
#include "tests/kernels/rows.h"

enum { MAX_PIXELS = 9, MAX_TAPS = 25, MAX_CHANNELS = 200 };

struct problem {
	size_t pixels, channels, taps;
	bool any_kind; /* of numbers; else plain ones */
	struct zones in, w, bias, residual, out, pointers;
};

static struct problem problem_new(void)
{
	struct problem p = {0};
	p.in = zones_new(MAX_TAPS + MAX_PIXELS, MAX_CHANNELS);
	p.w = zones_new(1, MAX_TAPS * MAX_CHANNELS);
	p.bias = zones_new(1, MAX_CHANNELS);
	p.residual = zones_new(1, MAX_PIXELS * MAX_CHANNELS);
	p.out = zones_new(1, MAX_PIXELS * MAX_CHANNELS);
	p.pointers = zones_new(1, MAX_PIXELS * MAX_TAPS * sizeof(float *) / sizeof(float));
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

static float expected(const struct problem *p, bool fused, const float *const *in, const float *w,
                      size_t c)
{
	float sum = 0;
	double exact = 0;
	for (size_t t = 0; t < p->taps; t++) {
		float x = in[t][c], y = w[t * p->channels + c];
		sum = add_product(fused, x, y, sum);
		exact += (double)x * (double)y;
	}
	/* The expectation itself against double precision. */
	if (!p->any_kind)
		CHECK_NEAR(sum, exact, 6e-8 * (double)(p->taps * p->taps));
	return sum;
}

static void check_one(const struct dwconv_row *row, const struct problem *p, enum flush flush,
                      bool with_bias, bool with_residual, float lo, float hi)
{
	size_t outputs = p->pixels * p->channels;
	uint32_t seed = (uint32_t)(p->channels * 31 + p->pixels);
	/* Neighbouring pixels share taps, as windows of stride 1 do. */
	const float **in = zone_place(&p->pointers, 0, p->pixels * p->taps * sizeof *in, FLUSH_END);
	const float *shown[MAX_TAPS + MAX_PIXELS];
	for (size_t i = 0; i < p->taps + p->pixels; i++)
		shown[i] = numbers(p, &p->in, i, p->channels, flush, &seed);
	for (size_t i = 0; i < p->pixels; i++)
		for (size_t t = 0; t < p->taps; t++)
			in[i * p->taps + t] = shown[i + t];
	const float *w = numbers(p, &p->w, 0, p->taps * p->channels, flush, &seed);
	const float *bias = numbers(p, &p->bias, 0, p->channels, flush, &seed);
	const float *residual = numbers(p, &p->residual, 0, outputs, flush, &seed);
	zone_fill(&p->out, 0);
	float *out = zone_place(&p->out, 0, outputs * sizeof *out, flush);
	const struct epilogue ep = {with_bias ? bias : NULL, with_residual ? residual : NULL, lo,
	                            hi};

	row->fn(p->pixels, p->channels, p->taps, in, w, out, &ep);

	for (size_t i = 0; i < outputs; i++) {
		size_t pixel = i / p->channels, c = i % p->channels;
		float want = expected(p, row->isa != CNN_ISA_PORTABLE, in + pixel * p->taps, w, c);
		want += with_bias ? bias[c] : 0;
		if (with_residual)
			want += residual[i];
		want = clamped(want, lo, hi);
		if (!same_float(out[i], want)) {
			fprintf(stderr,
			        "%s: pixels %zu channels %zu taps %zu: out[%zu] is %.9g, want "
			        "%.9g\n",
			        row->name, p->pixels, p->channels, p->taps, i, (double)out[i],
			        (double)want);
			exit(TEST_EXIT_FAILED);
		}
	}
	CHECK_INT(zone_canaries(&p->out, 0), p->out.bytes / sizeof(float) - outputs);
}

/* Every choice of bias, residual and clamp. */
static void check_variants(const struct dwconv_row *row, const struct problem *p, enum flush flush)
{
	for (int with = 0; with < 4; with++) {
		check_one(row, p, flush, with & 1, with & 2, -INFINITY, INFINITY);
		check_one(row, p, flush, with & 1, with & 2, 0, INFINITY);
		check_one(row, p, flush, with & 1, with & 2, 0, 0.5f);
		check_one(row, p, flush, with & 1, with & 2, -0.25f, 0.75f);
	}
}

static void every_tail(void)
{
	static const size_t taps[] = {0, 1, 4, 9, 25}, more_channels[] = {96, 100, 127, 144, 200};
	struct problem p = problem_new();
	for (size_t r = 0; r < COUNT(dwconv_rows); r++)
		for (size_t c = 1; c <= 70 + COUNT(more_channels); c++)
			for (size_t t = 0; t < COUNT(taps) && level_runs(dwconv_rows[r].isa); t++) {
				p.channels = c <= 70 ? c : more_channels[c - 71];
				p.taps = taps[t];
				p.pixels = 1 + c % MAX_PIXELS;
				check_one(&dwconv_rows[r], &p, FLUSH_END, c % 2, t % 2, -INFINITY,
				          INFINITY);
				check_one(&dwconv_rows[r], &p, FLUSH_START, true, c % 2, 0, 0.5f);
			}
}

static void every_row_length(void)
{
	struct problem p = problem_new();
	for (size_t r = 0; r < COUNT(dwconv_rows); r++)
		for (size_t n = 1; n <= MAX_PIXELS && level_runs(dwconv_rows[r].isa); n++) {
			p.pixels = n;
			p.taps = 9;
			p.channels = 72 + n;
			check_variants(&dwconv_rows[r], &p, (enum flush)(n % 2));
		}
}

/* Subnormals are not flushed, an overflow is an infinity, a NaN stays one: in all operands. */
static void any_numbers(void)
{
	struct problem p = problem_new();
	p.any_kind = true;
	for (size_t r = 0; r < COUNT(dwconv_rows); r++)
		for (size_t c = 1; c <= MAX_CHANNELS && level_runs(dwconv_rows[r].isa); c += 11) {
			p.pixels = 4;
			p.taps = c % 2 ? 9 : 2;
			p.channels = c;
			check_variants(&dwconv_rows[r], &p, FLUSH_END);
		}
}

static void nan_stays(void)
{
	float x[19], w[19], out[19];
	for (size_t c = 0; c < 19; c++) {
		x[c] = c % 3 ? 1 : NAN;
		w[c] = 1;
	}
	const float *in[] = {x};
	const struct epilogue ep = {NULL, NULL, 0, 6};
	for (size_t r = 0; r < COUNT(dwconv_rows); r++) {
		if (!level_runs(dwconv_rows[r].isa))
			continue;
		dwconv_rows[r].fn(1, 19, 1, in, w, out, &ep);
		for (size_t c = 0; c < 19; c++)
			CHECK(c % 3 ? out[c] == 1 : isnan(out[c]));
	}
}

TEST_MAIN({"every_tail", every_tail}, {"every_row_length", every_row_length},
          {"any_numbers", any_numbers}, {"nan_stays", nan_stays})
