/* maxpool_f32 and avgpool_f32 at every level that runs here, to the last bit. */
#include "tests/kernels/guarded.h"
#include "tests/kernels/rows.h"

enum { PIXELS = 3, MAX_TAPS = 49, MAX_CHANNELS = 200 };

struct problem {
	size_t channels, taps;
	bool any_kind; /* of numbers; else plain ones */
	struct zones in, out, scales, pointers;
	const float **rows; /* [PIXELS][taps] */
	float *scale, *out_row;
};

static struct problem problem_new(void)
{
	struct problem p = {0};
	p.in = zones_new(PIXELS * MAX_TAPS, MAX_CHANNELS);
	p.out = zones_new(1, PIXELS * MAX_CHANNELS);
	p.scales = zones_new(1, PIXELS);
	p.pointers = zones_new(1, PIXELS * MAX_TAPS * sizeof(float *) / sizeof(float));
	return p;
}

static void place(struct problem *p, size_t channels, size_t taps, enum flush flush)
{
	uint32_t seed = (uint32_t)(channels * 64 + taps);
	p->channels = channels;
	p->taps = taps;
	p->rows = zone_place(&p->pointers, 0, PIXELS * taps * sizeof *p->rows, flush);
	for (size_t i = 0; i < PIXELS * taps; i++) {
		float *x = zone_place(&p->in, i, channels * sizeof *x, flush);
		for (size_t c = 0; c < channels; c++)
			x[c] = next_of_kind(p->any_kind ? c % NUMBER_KINDS : NUMBER_PLAIN, &seed);
		p->rows[i] = x;
	}
	p->scale = zone_place(&p->scales, 0, PIXELS * sizeof *p->scale, flush);
	for (size_t i = 0; i < PIXELS; i++)
		p->scale[i] = next_of_kind(p->any_kind ? i : NUMBER_PLAIN, &seed);
	zone_fill(&p->out, 0);
	p->out_row = zone_place(&p->out, 0, PIXELS * channels * sizeof *p->out_row, flush);
}

static void check_outputs(const struct problem *p, const char *name, bool average)
{
	for (size_t i = 0; i < PIXELS * p->channels; i++) {
		size_t pixel = i / p->channels, c = i % p->channels;
		float want = average ? 0 : -INFINITY;
		for (size_t t = 0; t < p->taps; t++) {
			float x = p->rows[pixel * p->taps + t][c];
			want = average ? want + x : x > want ? x : want;
		}
		if (average)
			want *= p->scale[pixel];
		if (!same_float(p->out_row[i], want)) {
			fprintf(stderr, "%s: channels %zu taps %zu: out[%zu] is %.9g, want %.9g\n",
			        name, p->channels, p->taps, i, (double)p->out_row[i], (double)want);
			exit(TEST_EXIT_FAILED);
		}
	}
	CHECK_INT(zone_canaries(&p->out, 0), p->out.bytes / sizeof(float) - PIXELS * p->channels);
}

static const size_t all_taps[] = {0, 1, 4, 9, 49};
static const size_t more_channels[] = {96, 127, 128, 144, 200};

static size_t channels_of(size_t i)
{
	return i < 70 ? i + 1 : more_channels[i - 70];
}

static void maxpool(void)
{
	struct problem p = problem_new();
	for (size_t r = 0; r < COUNT(maxpool_rows); r++)
		for (size_t i = 0; i < 2 * (70 + COUNT(more_channels)); i++)
			for (size_t t = 0; t < COUNT(all_taps); t++) {
				if (!level_runs(maxpool_rows[r].isa))
					continue;
				p.any_kind = i % 2;
				place(&p, channels_of(i / 2), all_taps[t], (enum flush)(i / 2 % 2));
				maxpool_rows[r].fn(PIXELS, p.channels, p.taps, p.rows, p.out_row);
				check_outputs(&p, maxpool_rows[r].name, false);
			}
}

static void avgpool(void)
{
	struct problem p = problem_new();
	for (size_t r = 0; r < COUNT(avgpool_rows); r++)
		for (size_t i = 0; i < 2 * (70 + COUNT(more_channels)); i++)
			for (size_t t = 0; t < COUNT(all_taps); t++) {
				if (!level_runs(avgpool_rows[r].isa))
					continue;
				p.any_kind = i % 2;
				place(&p, channels_of(i / 2), all_taps[t], (enum flush)(i / 2 % 2));
				avgpool_rows[r].fn(PIXELS, p.channels, p.taps, p.rows, p.scale,
				                   p.out_row);
				check_outputs(&p, avgpool_rows[r].name, true);
			}
}

/* A NaN is passed over wherever it stands, and hides no tap before it. */
static void maxpool_passes_over_nan(void)
{
	enum { CHANNELS = 37, TAPS = 3 };
	for (size_t r = 0; r < COUNT(maxpool_rows); r++)
		for (size_t bad = 0; bad < TAPS && level_runs(maxpool_rows[r].isa); bad++) {
			float rows[TAPS][CHANNELS], out[CHANNELS];
			const float *in[TAPS] = {rows[0], rows[1], rows[2]};
			for (size_t c = 0; c < CHANNELS; c++) {
				rows[bad][c] = NAN;
				rows[(bad + 1) % TAPS][c] = 2;
				rows[(bad + 2) % TAPS][c] = c % 2 ? 5 : 1;
			}
			maxpool_rows[r].fn(1, CHANNELS, TAPS, in, out);
			for (size_t c = 0; c < CHANNELS; c++)
				CHECK(out[c] == (c % 2 ? 5 : 2));
		}
}

TEST_MAIN({"maxpool", maxpool}, {"avgpool", avgpool},
          {"maxpool_passes_over_nan", maxpool_passes_over_nan})
