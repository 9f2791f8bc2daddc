/* kernel_rates - how near each kernel comes to the peak of its instruction set, on one core.
 *
 *	kernel_rates [ISA]      prints GFLOP/s and the share of the peak, one line a shape
 *
 * Operands fit in L2 and are warm. The share is that of peak_f32's rate. */
#include "engine/base/cpu.h"
#include "engine/kernels/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 150 };

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *must_alloc(size_t count, size_t size)
{
	void *p = aligned_alloc(64, (count * size + 63) / 64 * 64);
	if (!p) {
		fprintf(stderr, "kernel_rates: out of memory\n");
		exit(1);
	}
	return p;
}

static float *numbers(size_t count)
{
	float *x = must_alloc(count, sizeof *x);
	for (size_t i = 0; i < count; i++)
		x[i] = (float)(i * 2654435761u % 1024) / 1024 - 0.5f;
	return x;
}

/* One measured thing: do the work `times` times and return its operations. */
typedef double work_fn(const void *args, size_t times);

static double gflops(work_fn *run, const void *args, size_t times)
{
	double start = seconds(), flops = run(args, times);
	return flops / (seconds() - start) * 1e-9;
}

/* How often the work must be done to last long enough for the clock. */
static size_t enough(work_fn *run, const void *args)
{
	size_t times = 1;
	for (double spent = 0; spent < 2e-4; times *= 2) {
		double start = seconds();
		run(args, times);
		spent = seconds() - start;
	}
	return times;
}

static double run_peak(const void *args, size_t times)
{
	float sink;
	return ((const struct kernels *)args)->peak_f32(times * 1000, &sink);
}

/* On a shared machine the best of many short runs is what the kernel can do; the peak is
 * measured in between, so that both see the same clock. */
static void rate(const struct kernels *k, const char *what, work_fn *run, const void *args)
{
	size_t times = enough(run, args), peak_times = enough(run_peak, k);
	double best = 0, peak = 0;
	for (int i = 0; i < RUNS; i++) {
		best = fmax(best, gflops(run, args, times));
		peak = fmax(peak, gflops(run_peak, k, peak_times));
	}
	printf("%-9s %-34s %8.1f GFLOP/s %6.1f %%\n", cpu_isa_name(k->isa), what, best,
	       100 * best / peak);
}

struct gemm_shape {
	const struct gemm_f32 *gemm;
	size_t tiles, m, n, taps, kc; /* tiles of m x n */
	const float **rows;           /* [tiles][taps][mr] */
	float *b, *c;
};

static double run_gemm(const void *args, size_t times)
{
	const struct gemm_shape *s = args;
	const struct epilogue ep = {.lo = 0, .hi = INFINITY};
	for (size_t i = 0; i < times; i++)
		for (size_t t = 0; t < s->tiles; t++)
			s->gemm->fn(s->m, s->n, s->taps, s->kc, s->rows + t * s->taps * s->gemm->mr,
			            s->b, s->c + t * s->m * s->n, s->n, &ep);
	return 2.0 * (double)(times * s->tiles * s->m * s->n * s->taps * s->kc);
}

static void rate_gemm(const struct kernels *k, size_t m, size_t n, size_t taps, size_t kc)
{
	const struct gemm_f32 *gemm = &k->gemm_f32;
	struct gemm_shape s = {gemm, 4, m, n, taps, kc, NULL, NULL, NULL};
	size_t mr = gemm->mr, pixels = s.tiles * mr + taps;
	float *a = numbers(pixels * kc), *b = numbers(taps * kc * gemm->nr);
	s.rows = must_alloc(s.tiles * taps * mr, sizeof *s.rows);
	for (size_t t = 0; t < s.tiles; t++)
		for (size_t tap = 0; tap < taps; tap++)
			for (size_t i = 0; i < mr; i++)
				s.rows[(t * taps + tap) * mr + i] = a + (t * mr + i + tap) * kc;
	s.b = b;
	s.c = must_alloc(s.tiles * m * n, sizeof *s.c);
	char what[64];
	snprintf(what, sizeof what, "gemm %zux%zu taps %zu kc %zu", m, n, taps, kc);
	rate(k, what, run_gemm, &s);
	free(a);
	free(b);
	free(s.rows);
	free(s.c);
}

struct window_shape {
	const struct kernels *k;
	size_t pixels, channels, taps;
	const float **rows; /* [pixels][taps] */
	float *w, *out, *scale;
};

static double window_flops(const struct window_shape *s, size_t times)
{
	return (double)(times * s->pixels * s->channels * s->taps);
}

static double run_dwconv(const void *args, size_t times)
{
	const struct window_shape *s = args;
	const struct epilogue ep = {.lo = 0, .hi = 6};
	for (size_t i = 0; i < times; i++)
		s->k->dwconv_f32(s->pixels, s->channels, s->taps, s->rows, s->w, s->out, &ep);
	return 2 * window_flops(s, times);
}

/* The same windows, by rows. */
static double run_dwrow(const void *args, size_t times)
{
	const struct window_shape *s = args;
	const struct epilogue ep = {.lo = 0, .hi = 6};
	size_t side = 1;
	while (side * side < s->taps)
		side++;
	const size_t c = s->channels;
	const struct dwrow_window window = {side, side, 0, c, c, side * c};
	const float **in = must_alloc(side, sizeof *in);
	for (size_t y = 0; y < side; y++)
		in[y] = s->rows[y * side];
	for (size_t i = 0; i < times; i++)
		s->k->dwrow_f32(s->pixels, c, &window, in, s->w, s->out, &ep);
	free(in);
	return 2 * window_flops(s, times);
}

static double run_maxpool(const void *args, size_t times)
{
	const struct window_shape *s = args;
	for (size_t i = 0; i < times; i++)
		s->k->maxpool_f32(s->pixels, s->channels, s->taps, s->rows, s->out);
	return window_flops(s, times);
}

static double run_avgpool(const void *args, size_t times)
{
	const struct window_shape *s = args;
	for (size_t i = 0; i < times; i++)
		s->k->avgpool_f32(s->pixels, s->channels, s->taps, s->rows, s->scale, s->out);
	return window_flops(s, times);
}

/* A row of output pixels of a side x side window, stride 1. */
static void rate_windows(const struct kernels *k, size_t pixels, size_t channels, size_t side)
{
	size_t width = pixels + side - 1, taps = side * side;
	float *in = numbers(side * width * channels), *scale = numbers(pixels);
	struct window_shape s = {k, pixels, channels, taps, NULL, NULL, NULL, scale};
	s.rows = must_alloc(pixels * taps, sizeof *s.rows);
	for (size_t p = 0; p < pixels; p++)
		for (size_t t = 0; t < taps; t++)
			s.rows[p * taps + t] = in + (t / side * width + p + t % side) * channels;
	s.w = numbers(taps * channels);
	s.out = numbers(pixels * channels);
	static const struct {
		const char *name;
		work_fn *run;
	} kinds[] = {{"dwconv", run_dwconv},
	             {"dwrow", run_dwrow},
	             {"maxpool", run_maxpool},
	             {"avgpool", run_avgpool}};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		char what[64];
		snprintf(what, sizeof what, "%s %zux%zu channels %zu pixels %zu", kinds[i].name,
		         side, side, channels, pixels);
		rate(k, what, kinds[i].run, &s);
	}
	free(in);
	free(scale);
	free(s.rows);
	free(s.w);
	free(s.out);
}

struct bytes_shape {
	const struct kernels *k;
	struct dwconv_u8_window window;
	size_t pixels;
	const uint8_t **in; /* [kernel[0]][columns] */
	int16_t *w;
	struct requantise result;
	uint8_t *y;
};

static double run_dwconv_u8(const void *args, size_t times)
{
	const struct bytes_shape *s = args;
	for (size_t i = 0; i < times; i++)
		s->k->dwconv_u8(&s->window, s->pixels, s->in, s->w, &s->result, s->y);
	return 2.0 * (double)(times * s->pixels * s->window.channels * s->window.kernel[0] *
	                      s->window.kernel[1]);
}

static void rate_bytes(const struct kernels *k, size_t pixels, size_t channels, size_t side,
                       size_t stride)
{
	size_t columns = (pixels - 1) * stride + side, pairs = (side + 1) / 2 * side * channels;
	struct bytes_shape s = {
		.k = k,
		.window = {channels, {side, side}, stride, 1, columns, false},
		.pixels = pixels,
	};
	uint8_t *x = must_alloc(side * columns, channels);
	int32_t *bias = must_alloc(channels, sizeof *bias);
	s.in = must_alloc(side * columns, sizeof *s.in);
	s.w = must_alloc(2 * pairs, sizeof *s.w);
	s.y = must_alloc(pixels, channels);
	s.result = (struct requantise){bias, numbers(channels), 128, -128, 127};
	for (size_t i = 0; i < side * columns; i++)
		s.in[i] = x + i * channels;
	memset(x, 77, side * columns * channels);
	memset(s.w, 1, 2 * pairs * sizeof *s.w);
	memset(bias, 1, channels * sizeof *bias);
	char what[64];
	snprintf(what, sizeof what, "dwconv_u8 %zux%zu/%zu channels %zu pixels %zu", side, side,
	         stride, channels, pixels);
	rate(k, what, run_dwconv_u8, &s);
	free(x);
	free(s.in);
	free(s.w);
	free(s.y);
	free(bias);
	free((void *)(uintptr_t)s.result.scale);
}

static void rate_level(const struct kernels *k)
{
	rate(k, "peak", run_peak, k);
	size_t mr = k->gemm_f32.mr, nr = k->gemm_f32.nr;
	for (size_t kc = 64; kc <= 2048; kc *= 2)
		rate_gemm(k, mr, nr, 1, kc);
	static const size_t kc_3x3[] = {3, 16, 64, 128, 256, 512};
	for (size_t i = 0; i < sizeof kc_3x3 / sizeof kc_3x3[0]; i++)
		rate_gemm(k, mr, nr, 9, kc_3x3[i]);
	rate_gemm(k, mr, nr, 1, 27);
	rate_gemm(k, mr, nr - 1, 1, 64);
	rate_gemm(k, mr, nr / 2, 1, 512);
	rate_gemm(k, mr / 2, nr, 1, 512);
	rate_gemm(k, 1, nr, 1, 512);
	rate_windows(k, 56, 24, 3);
	rate_windows(k, 56, 96, 3);
	rate_windows(k, 14, 384, 3);
	rate_windows(k, 7, 960, 3);
	rate_windows(k, 14, 480, 5);
	rate_bytes(k, 112, 32, 3, 1);
	rate_bytes(k, 56, 96, 3, 2);
	rate_bytes(k, 14, 384, 3, 1);
	rate_bytes(k, 7, 960, 3, 1);
	rate_bytes(k, 14, 480, 5, 1);
}

int main(int argc, char **argv)
{
	enum cnn_isa only;
	bool one = argc == 2 && cpu_isa_parse(argv[1], &only);
	if (argc > 1 && !one) {
		fprintf(stderr, "usage: kernel_rates [portable|avx2|avx512]\n");
		return 2;
	}
	for (enum cnn_isa isa = 0; isa <= cpu_isa(); isa++)
		if (!one || isa == only)
			rate_level(kernels_for(isa));
	return 0;
}
