/* The transforms of Winograd's F(4x4, 3x3) at every level that runs here: against B^T d B, G g G^T and A^T m A in double
 * precision, and together against the convolution itself. */
#include "tests/kernels/guarded.h"
#include "tests/kernels/rows.h"

enum { IN = WINOGRAD_IN, OUT = WINOGRAD_OUT, POINTS = WINOGRAD_POINTS, MAX_CHANNELS = 70 };

static const double BT[IN][IN] = {{4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
                                  {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
static const double AT[OUT][IN] = {
	{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};
static const double G[IN][3] = {{.25, 0, 0},
                                {-1. / 6, -1. / 6, -1. / 6},
                                {-1. / 6, 1. / 6, -1. / 6},
                                {1. / 24, 1. / 12, 1. / 6},
                                {1. / 24, -1. / 12, 1. / 6},
                                {0, 0, 1}};

/* out[rows][rows] = t x t^T for t[rows][cols], x[cols][cols]. */
static void sandwich(size_t rows, size_t cols, const double *t, const double *x, double *out)
{
	double half[IN * IN];
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < cols; j++) {
			half[i * cols + j] = 0;
			for (size_t k = 0; k < cols; k++)
				half[i * cols + j] += t[i * cols + k] * x[k * cols + j];
		}
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < rows; j++) {
			out[i * rows + j] = 0;
			for (size_t k = 0; k < cols; k++)
				out[i * rows + j] += half[i * cols + k] * t[j * cols + k];
		}
}

static size_t floats_written(const struct zones *z)
{
	return z->bytes / sizeof(float) - zone_canaries(z, 0);
}

static void input(void)
{
	struct zones in = zones_new(POINTS, MAX_CHANNELS),
		     v = zones_new(1, POINTS * (MAX_CHANNELS + 5));
	for (size_t r = 0; r < COUNT(winograd_rows); r++)
		for (size_t channels = 1; channels <= MAX_CHANNELS; channels++) {
			const float *tap[POINTS];
			size_t stride = channels + channels % 6;
			uint32_t seed = (uint32_t)channels;
			if (!level_runs(winograd_rows[r].isa))
				continue;
			for (size_t t = 0; t < POINTS; t++) {
				float *x = zone_place(&in, t, channels * sizeof *x,
				                      (enum flush)(channels % 2));
				for (size_t c = 0; c < channels; c++)
					x[c] = next_number(&seed);
				tap[t] = x;
			}
			zone_fill(&v, 0);
			float *to = zone_place(
				&v, 0, ((POINTS - 1) * stride + channels) * sizeof *to, FLUSH_END);
			winograd_rows[r].input(channels, tap, to, stride);
			for (size_t c = 0; c < channels; c++) {
				double d[POINTS], want[POINTS];
				for (size_t t = 0; t < POINTS; t++)
					d[t] = (double)tap[t][c];
				sandwich(IN, IN, &BT[0][0], d, want);
				for (size_t f = 0; f < POINTS; f++)
					CHECK_NEAR(to[f * stride + c], want[f], 1e-4);
			}
			CHECK_INT(floats_written(&v), POINTS * channels);
		}
	zones_free(&in);
	zones_free(&v);
}

static void kernel(void)
{
	struct zones in = zones_new(9, MAX_CHANNELS), u = zones_new(1, POINTS * (MAX_CHANNELS + 5));
	for (size_t r = 0; r < COUNT(winograd_rows); r++)
		for (size_t channels = 1; channels <= MAX_CHANNELS; channels++) {
			const float *tap[9];
			size_t stride = channels + channels % 6;
			uint32_t seed = (uint32_t)channels;
			if (!level_runs(winograd_rows[r].isa))
				continue;
			for (size_t t = 0; t < 9; t++) {
				float *x = zone_place(&in, t, channels * sizeof *x,
				                      (enum flush)(channels % 2));
				for (size_t c = 0; c < channels; c++)
					x[c] = next_number(&seed);
				tap[t] = x;
			}
			zone_fill(&u, 0);
			float *to = zone_place(
				&u, 0, ((POINTS - 1) * stride + channels) * sizeof *to, FLUSH_END);
			winograd_rows[r].kernel(channels, tap, to, stride);
			for (size_t c = 0; c < channels; c++) {
				double g[9], want[POINTS];
				for (size_t t = 0; t < 9; t++)
					g[t] = (double)tap[t][c];
				sandwich(IN, 3, &G[0][0], g, want);
				for (size_t f = 0; f < POINTS; f++)
					CHECK_NEAR(to[f * stride + c], want[f], 3e-7);
			}
			CHECK_INT(floats_written(&u), POINTS * channels);
		}
	zones_free(&in);
	zones_free(&u);
}

/* The outputs of one tile of `rows` x `columns`, with and without bias and residual. */
static void check_output(const struct winograd_row *row, size_t channels, size_t rows,
                         size_t columns, const struct zones *m, const struct zones *out,
                         const struct zones *more)
{
	const struct winograd_place place = {rows, columns, 5 * channels + 3, channels + 1};
	size_t floats =
		(rows - 1) * place.row_stride + (columns - 1) * place.pixel_stride + channels;
	uint32_t seed = (uint32_t)(channels * 16 + rows * 4 + columns);
	float *from = zone_place(m, 0, POINTS * channels * sizeof *from, FLUSH_END);
	float *to = zone_place(out, 0, floats * sizeof *to, FLUSH_END);
	float *residual = zone_place(more, 0, floats * sizeof *residual, FLUSH_END);
	float *bias = zone_place(more, 1, channels * sizeof *bias, FLUSH_END);
	for (size_t i = 0; i < POINTS * channels; i++)
		from[i] = next_number(&seed);
	for (size_t i = 0; i < floats; i++)
		residual[i] = next_number(&seed);
	for (size_t i = 0; i < channels; i++)
		bias[i] = next_number(&seed);
	for (int with = 0; with < 2; with++) {
		struct epilogue ep = {with ? bias : NULL, with ? residual : NULL,
		                      with ? -2 : -INFINITY, with ? 3 : INFINITY};
		zone_fill(out, 0);
		row->output(channels, &place, from, channels, to, &ep);
		for (size_t c = 0; c < channels; c++) {
			double x[POINTS], y[OUT * OUT];
			for (size_t f = 0; f < POINTS; f++)
				x[f] = (double)from[f * channels + c];
			sandwich(OUT, IN, &AT[0][0], x, y);
			for (size_t i = 0; i < rows * columns; i++) {
				size_t oy = i / columns, ox = i % columns;
				size_t at = oy * place.row_stride + ox * place.pixel_stride + c;
				double want = y[oy * OUT + ox];
				if (with)
					want = fmin(3, fmax(-2, want + (double)bias[c] +
					                                (double)residual[at]));
				CHECK_NEAR(to[at], want, 1e-3);
			}
		}
		CHECK_INT(floats_written(out), rows * columns * channels);
	}
}

static void output(void)
{
	struct zones m = zones_new(1, POINTS * MAX_CHANNELS),
		     out = zones_new(1, 4 * 8 * (MAX_CHANNELS + 8));
	struct zones more = zones_new(2, 4 * 8 * (MAX_CHANNELS + 8));
	for (size_t r = 0; r < COUNT(winograd_rows); r++)
		for (size_t channels = 1; channels <= 40; channels++)
			for (size_t place = 0;
			     place < OUT * OUT && level_runs(winograd_rows[r].isa); place++)
				check_output(&winograd_rows[r], channels, 1 + place / OUT,
				             1 + place % OUT, &m, &out, &more);
	zones_free(&m);
	zones_free(&out);
	zones_free(&more);
}

/* One channel through all transforms is the convolution. */
static void is_convolution(void)
{
	for (size_t r = 0; r < COUNT(winograd_rows); r++) {
		float d[POINTS], v[POINTS], m[POINTS], y[OUT * OUT];
		float g[9], u[POINTS];
		const float *tap[POINTS], *kernel_tap[9];
		uint32_t seed = 7;
		if (!level_runs(winograd_rows[r].isa))
			continue;
		for (size_t t = 0; t < POINTS; t++) {
			d[t] = next_number(&seed);
			tap[t] = &d[t];
		}
		for (size_t i = 0; i < 9; i++) {
			g[i] = next_number(&seed);
			kernel_tap[i] = &g[i];
		}
		winograd_rows[r].kernel(1, kernel_tap, u, 1);
		winograd_rows[r].input(1, tap, v, 1);
		for (size_t f = 0; f < POINTS; f++)
			m[f] = v[f] * u[f];
		const struct winograd_place place = {OUT, OUT, OUT, 1};
		const struct epilogue none = {.lo = -INFINITY, .hi = INFINITY};
		winograd_rows[r].output(1, &place, m, 1, y, &none);
		for (size_t oy = 0; oy < OUT; oy++)
			for (size_t ox = 0; ox < OUT; ox++) {
				double want = 0;
				for (size_t k = 0; k < 9; k++)
					want += (double)g[k] *
					        (double)d[(oy + k / 3) * IN + ox + k % 3];
				CHECK_NEAR(y[oy * OUT + ox], want, 2e-5);
			}
	}
}

TEST_MAIN({"input", input}, {"kernel", kernel}, {"output", output},
          {"is_convolution", is_convolution})
