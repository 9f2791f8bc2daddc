/* What training does to feature maps, at every level that runs here, to the last bit: each kernel against its formula,
 * with every tail of channels, between pages that cannot be touched. */
#include "tests/kernels/guarded.h"
#include "tests/kernels/rows.h"

enum { MAX_PIXELS = 7, MAX_TAPS = 9, MAX_CHANNELS = 144, VECTORS = 6 };

struct problem {
	const struct learn_row *row;
	size_t pixels, channels;
	bool any_kind; /* of numbers; else plain ones */
	bool fused;
	enum flush flush;
	uint32_t seed;
	struct zones maps, vectors, taps, pointers;
};

static struct problem problem_new(void)
{
	struct problem p = {0};
	p.maps = zones_new(4, MAX_PIXELS * MAX_CHANNELS);
	p.vectors = zones_new(VECTORS, MAX_TAPS * MAX_CHANNELS);
	p.taps = zones_new(MAX_PIXELS * MAX_TAPS, MAX_CHANNELS);
	p.pointers = zones_new(1, MAX_PIXELS * MAX_TAPS * sizeof(float *) / sizeof(float));
	return p;
}

/* A channel keeps to its own kind of numbers, in all operands. */
static float *numbers(struct problem *p, const struct zones *z, size_t zone, size_t n)
{
	zone_fill(z, zone);
	float *x = zone_place(z, zone, n * sizeof *x, p->flush);
	for (size_t i = 0; i < n; i++)
		x[i] = next_of_kind(p->any_kind ? i % p->channels % NUMBER_KINDS : NUMBER_PLAIN,
		                    &p->seed);
	return x;
}

static float *map(struct problem *p, size_t zone)
{
	return numbers(p, &p->maps, zone, p->pixels * p->channels);
}

static float *vector(struct problem *p, size_t zone)
{
	return numbers(p, &p->vectors, zone, p->channels);
}

static float *copy(const float *x, size_t n)
{
	float *to = malloc((n + 1) * sizeof *to);
	CHECK(to != NULL);
	memcpy(to, x, n * sizeof *to);
	return to;
}

static void expect(const struct problem *p, const char *what, const float *got, const float *want,
                   size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!same_float(got[i], want[i])) {
			fprintf(stderr,
			        "%s, %s: pixels %zu channels %zu: [%zu] is %.9g, want %.9g\n",
			        p->row->name, what, p->pixels, p->channels, i, (double)got[i],
			        (double)want[i]);
			exit(TEST_EXIT_FAILED);
		}
}

static void expect_canaries(const struct zones *z, size_t zone, size_t written)
{
	CHECK_INT(zone_canaries(z, zone), z->bytes / sizeof(float) - written);
}

/* --- each kernel ------------------------------------------------------------------------------------ */

static void check_moments(struct problem *p)
{
	size_t channels = p->channels;
	const float *x = map(p, 0);
	float *sum = vector(p, 0), *square = vector(p, 1);
	float *want_sum = copy(sum, channels), *want_square = copy(square, channels);
	for (size_t c = 0; c < channels; c++) {
		float s = 0, q = 0;
		for (size_t i = c; i < p->pixels * channels; i += channels) {
			s += x[i];
			q = add_product(p->fused, x[i], x[i], q);
		}
		want_sum[c] += s;
		want_square[c] += q;
	}
	p->row->moments(p->pixels, channels, x, sum, square);
	expect(p, "sum", sum, want_sum, channels);
	expect(p, "square", square, want_square, channels);
	expect_canaries(&p->vectors, 0, channels);
	expect_canaries(&p->vectors, 1, channels);
	free(want_sum);
	free(want_square);
}

static void check_affine(struct problem *p, bool with_residual, bool in_place, float lo, float hi)
{
	size_t n = p->pixels * p->channels;
	float *x = map(p, 0), *y = in_place ? x : map(p, 1);
	const float *residual = with_residual ? map(p, 2) : NULL;
	const float *scale = vector(p, 0), *shift = vector(p, 1);
	float *want = copy(x, n);
	for (size_t i = 0; i < n; i++) {
		size_t c = i % p->channels;
		float v = add_product(p->fused, x[i], scale[c], shift[c]);
		if (residual)
			v += residual[i];
		want[i] = clamped(v, lo, hi);
	}
	p->row->affine(p->pixels, p->channels, x, scale, shift, residual, lo, hi, y);
	expect(p, "affine", y, want, n);
	expect_canaries(&p->maps, !in_place, n);
	free(want);
}

static void check_clamp_grad(struct problem *p, bool with_x, float lo, float hi)
{
	size_t channels = p->channels, n = p->pixels * channels;
	float *y = map(p, 0), *g = map(p, 1), *sum_g = vector(p, 0), *sum_gx = vector(p, 1);
	const float *x = with_x ? map(p, 2) : NULL;
	/* As the clamp left it. */
	for (size_t i = 0; i < n; i++)
		y[i] = clamped(y[i], lo, hi);
	float *want = copy(g, n), *want_g = copy(sum_g, channels),
	      *want_gx = copy(sum_gx, channels);
	for (size_t c = 0; c < channels; c++) {
		float s = 0, sx = 0;
		for (size_t i = c; i < n; i += channels) {
			want[i] = y[i] > lo && y[i] < hi ? g[i] : 0;
			s += want[i];
			if (with_x)
				sx = add_product(p->fused, want[i], x[i], sx);
		}
		want_g[c] += s;
		if (with_x)
			want_gx[c] += sx;
	}
	p->row->clamp_grad(p->pixels, channels, y, lo, hi, x, g, sum_g, with_x ? sum_gx : NULL);
	expect(p, "gradient", g, want, n);
	expect(p, "sum of gradients", sum_g, want_g, channels);
	expect(p, "sum of products", sum_gx, want_gx, channels);
	expect_canaries(&p->maps, 1, n);
	expect_canaries(&p->vectors, 0, channels);
	expect_canaries(&p->vectors, 1, channels);
	free(want);
	free(want_g);
	free(want_gx);
}

static void check_combine(struct problem *p, bool in_place)
{
	size_t n = p->pixels * p->channels;
	float *g = map(p, 0), *out = in_place ? g : map(p, 1);
	const float *x = map(p, 2), *a = vector(p, 0), *b = vector(p, 1), *shift = vector(p, 2);
	float *want = copy(g, n);
	for (size_t i = 0; i < n; i++) {
		size_t c = i % p->channels;
		float v = add_product(p->fused, x[i], b[c], shift[c]);
		want[i] = add_product(p->fused, g[i], a[c], v);
	}
	p->row->combine(p->pixels, p->channels, g, x, a, b, shift, out);
	expect(p, "combine", out, want, n);
	expect_canaries(&p->maps, !in_place, n);
	free(want);
}

static void check_dwconv_grad(struct problem *p, size_t taps)
{
	size_t channels = p->channels;
	const float **in = zone_place(&p->pointers, 0, p->pixels * taps * sizeof *in, FLUSH_END);
	for (size_t i = 0; i < p->pixels * taps; i++)
		in[i] = numbers(p, &p->taps, i, channels);
	const float *g = map(p, 0);
	float *dw = numbers(p, &p->vectors, 0, taps * channels);
	float *want = copy(dw, taps * channels);
	for (size_t t = 0; t < taps; t++)
		for (size_t c = 0; c < channels; c++)
			for (size_t i = 0; i < p->pixels; i++)
				want[t * channels + c] =
					add_product(p->fused, in[i * taps + t][c],
				                    g[i * channels + c], want[t * channels + c]);
	p->row->dwconv_grad(p->pixels, channels, taps, in, g, dw);
	expect(p, "dwconv_grad", dw, want, taps * channels);
	expect_canaries(&p->vectors, 0, taps * channels);
	free(want);
}

/* --- all of them at all sizes ------------------------------------------------------------------------ */

static void each_size(void (*check)(struct problem *p))
{
	static const size_t more[] = {96, 100, 127, 128, MAX_CHANNELS};
	struct problem p = problem_new();
	for (size_t r = 0; r < COUNT(learn_rows); r++)
		for (size_t i = 0; i < 2 * (70 + COUNT(more)); i++) {
			if (!level_runs(learn_rows[r].isa))
				continue;
			p.row = &learn_rows[r];
			p.fused = p.row->isa != CNN_ISA_PORTABLE;
			p.any_kind = i % 2;
			p.channels = i / 2 < 70 ? i / 2 + 1 : more[i / 2 - 70];
			p.pixels = p.channels * 5 % (MAX_PIXELS + 1);
			p.seed = (uint32_t)i;
			for (int flush = 0; flush < 2; flush++) {
				p.flush = (enum flush)flush;
				check(&p);
			}
		}
	zones_free(&p.maps);
	zones_free(&p.vectors);
	zones_free(&p.taps);
	zones_free(&p.pointers);
}

static void moments(void)
{
	each_size(check_moments);
}

static void every_affine(struct problem *p)
{
	for (int with = 0; with < 4; with++) {
		check_affine(p, with & 1, with & 2, -INFINITY, INFINITY);
		check_affine(p, with & 1, with & 2, 0, INFINITY);
		check_affine(p, with & 1, with & 2, -0.25f, 0.75f);
	}
}

static void affine(void)
{
	each_size(every_affine);
}

static void every_clamp_grad(struct problem *p)
{
	for (int with = 0; with < 2; with++) {
		check_clamp_grad(p, with, -INFINITY, INFINITY);
		check_clamp_grad(p, with, 0, INFINITY);
		check_clamp_grad(p, with, -0.25f, 0.75f);
	}
}

static void clamp_grad(void)
{
	each_size(every_clamp_grad);
}

static void every_combine(struct problem *p)
{
	check_combine(p, false);
	check_combine(p, true);
}

static void combine(void)
{
	each_size(every_combine);
}

static void every_dwconv_grad(struct problem *p)
{
	static const size_t taps[] = {0, 1, 4, MAX_TAPS};
	for (size_t t = 0; t < COUNT(taps); t++)
		check_dwconv_grad(p, taps[t]);
}

static void dwconv_grad(void)
{
	each_size(every_dwconv_grad);
}

TEST_MAIN({"moments", moments}, {"affine", affine}, {"clamp_grad", clamp_grad},
          {"combine", combine}, {"dwconv_grad", dwconv_grad})
