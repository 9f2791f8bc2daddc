/* dwconv_u8 at every level that runs here: the same bytes as the formula, in every form and at every tail. */
#include "tests/kernels/guarded.h"
#include "tests/kernels/rows.h"

enum { MAX_PIXELS = 15, MAX_CHANNELS = 70, MAX_POINTERS = 7 * (14 * 3 + 13) };

struct problem {
	struct dwconv_u8_window window;
	size_t pixels;
	bool extreme; /* all factors as large as they get */
	bool signed_output;
	struct zones in, w, bias, scale, out;
	const uint8_t *pointer[MAX_POINTERS];
	struct requantise result;
};

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static int32_t between(uint32_t *seed, int32_t lo, int32_t hi)
{
	return lo + (int32_t)(next(seed) % (uint32_t)(hi - lo + 1));
}

static void fill_result(struct problem *p, enum flush flush, uint32_t *seed)
{
	size_t channels = p->window.channels;
	int32_t *bias = zone_place(&p->bias, 0, channels * sizeof *bias, flush);
	float *scale = zone_place(&p->scale, 0, channels * sizeof *scale, flush);
	for (size_t c = 0; c < channels; c++) {
		bias[c] = p->extreme ? (c % 2 ? INT32_MAX : INT32_MIN) : between(seed, -9000, 9000);
		scale[c] = (float)between(seed, 0, 1000) * 1e-6F;
		if (p->extreme)
			scale[c] = (const float[]){1, 1e30F, INFINITY, NAN, -1, 0}[c % 6];
	}
	int32_t least = p->signed_output ? -128 : 0, zero = least + between(seed, 0, 255);
	p->result = (struct requantise){bias, scale, zero, (float)(least - zero),
	                                (float)(least + 255 - zero)};
}

static const int16_t *fill_weights(struct problem *p, enum flush flush, uint32_t *seed)
{
	const struct dwconv_u8_window *s = &p->window;
	size_t rows = (s->kernel[0] + 1) / 2 * 2, per_row = s->kernel[1] * s->channels;
	int16_t *w = zone_place(&p->w, 0, rows * per_row * sizeof *w, flush);
	for (size_t ky = 0; ky < rows; ky++)
		for (size_t i = 0; i < per_row; i++) {
			int32_t v = p->extreme ? (next(seed) % 2 ? 255 : -255)
			                       : between(seed, -255, 255);
			w[(ky / 2 * per_row + i) * 2 + ky % 2] = ky < s->kernel[0] ? (int16_t)v : 0;
		}
	return w;
}

/* Each pixel of the input ends, or begins, beside a page that cannot be touched. */
static void fill_input(struct problem *p, enum flush flush, uint32_t *seed)
{
	const struct dwconv_u8_window *s = &p->window;
	for (size_t i = 0; i < s->kernel[0] * s->columns; i++) {
		uint8_t *x = zone_place(&p->in, i % p->in.count, s->channels, flush);
		for (size_t c = 0; c < s->channels; c++)
			x[c] = p->extreme ? (s->is_signed ? 128 : 255) : (uint8_t)next(seed);
		p->pointer[i] = x;
	}
}

static uint8_t expected(const struct problem *p, const int16_t *w, size_t pixel, size_t c)
{
	const struct dwconv_u8_window *s = &p->window;
	uint32_t sum = (uint32_t)p->result.bias[c];
	for (size_t ky = 0; ky < s->kernel[0]; ky++)
		for (size_t kx = 0; kx < s->kernel[1]; kx++) {
			uint8_t x = p->pointer[ky * s->columns + pixel * s->stride +
			                       kx * s->dilation][c];
			size_t at = ((ky / 2 * s->kernel[1] + kx) * s->channels + c) * 2 + ky % 2;
			sum += (uint32_t)((s->is_signed ? (int8_t)x : x) * w[at]);
		}
	float v = (float)(int32_t)sum * p->result.scale[c];
	v = v > p->result.lo ? v : p->result.lo;
	v = v < p->result.hi ? v : p->result.hi;
	return (uint8_t)((int32_t)lrintf(v) + p->result.zero);
}

static void check(struct problem *p, const struct dwconv_u8_row *row, uint32_t seed)
{
	enum flush flush = seed % 2 ? FLUSH_START : FLUSH_END;
	struct dwconv_u8_window *s = &p->window;
	size_t n = p->pixels * s->channels;
	s->columns = (p->pixels - 1) * s->stride + (s->kernel[1] - 1) * s->dilation + 1;
	CHECK(s->kernel[0] * s->columns <= MAX_POINTERS);
	fill_input(p, flush, &seed);
	fill_result(p, flush, &seed);
	const int16_t *w = fill_weights(p, flush, &seed);
	uint8_t *zone = zone_place(&p->out, 0, p->out.bytes, flush);
	memset(zone, 0xa5, p->out.bytes);
	uint8_t *y = zone_place(&p->out, 0, n, flush);
	row->fn(s, p->pixels, p->pointer, w, &p->result, y);
	for (size_t i = 0; i < p->out.bytes; i++)
		if (zone + i < y || zone + i >= y + n)
			CHECK_INT(zone[i], 0xa5);
	for (size_t i = 0; i < n; i++) {
		uint8_t want = expected(p, w, i / s->channels, i % s->channels);
		if (y[i] == want)
			continue;
		fprintf(stderr,
		        "%s: %zux%zu/%zu, %zu pixels of %zu channels: y[%zu] is %d, not %d\n",
		        row->name, s->kernel[0], s->kernel[1], s->stride, p->pixels, s->channels, i,
		        y[i], want);
		exit(TEST_EXIT_FAILED);
	}
}

/* height, width, stride, dilation */
static const size_t forms[][4] = {{3, 3, 1, 1}, {3, 3, 2, 1}, {5, 5, 1, 1}, {5, 5, 2, 1},
                                  {4, 3, 1, 1}, {1, 5, 2, 1}, {1, 1, 1, 1}, {2, 7, 3, 2},
                                  {3, 3, 1, 2}, {7, 7, 1, 1}, {3, 3, 3, 1}, {1, 51, 11, 1}};
static const size_t channels[] = {1, 2, 7, 8, 9, 15, 16, 17, 23, 24, 31, 33, 40, 70};
static const size_t pixels[] = {1, 2, 3, 4, 5, 7, 8, 10, 11, 14, 15};

static void every_form(bool extreme)
{
	struct problem p = {.extreme = extreme};
	p.in = zones_new(61, MAX_CHANNELS);
	p.w = zones_new(1, 64 * MAX_CHANNELS);
	p.bias = zones_new(1, MAX_CHANNELS);
	p.scale = zones_new(1, MAX_CHANNELS);
	p.out = zones_new(1, MAX_PIXELS * MAX_CHANNELS / 4);
	uint32_t seed = 1;
	for (size_t r = 0; r < COUNT(dwconv_u8_rows); r++)
		for (size_t f = 0; f < COUNT(forms) && level_runs(dwconv_u8_rows[r].isa); f++)
			for (size_t c = 0; c < COUNT(channels); c++)
				for (size_t n = 0; n < COUNT(pixels); n++) {
					p.window = (struct dwconv_u8_window){
						.channels = channels[c],
						.kernel = {forms[f][0], forms[f][1]},
						.stride = forms[f][2],
						.dilation = forms[f][3],
						.is_signed = seed / 2 % 2,
					};
					p.signed_output = seed / 4 % 2;
					p.pixels = pixels[n];
					check(&p, &dwconv_u8_rows[r], seed++);
				}
}

static void ordinary(void)
{
	every_form(false);
}

static void extremes(void)
{
	every_form(true);
}

TEST_MAIN({"ordinary", ordinary}, {"extremes", extremes})
