/* Pools of bytes at every level that runs here: the same bytes as the formula, at every tail. */
#include "tests/kernels/guarded.h"
#include "tests/kernels/rows.h"

enum { PIXELS = 3, MAX_TAPS = 49, MAX_CHANNELS = 200 };

struct problem {
	const struct kernels *k;
	size_t channels, taps;
	bool is_signed;
	struct zones in, out;
	const uint8_t *rows[PIXELS * MAX_TAPS];
	uint8_t *y;
	uint32_t seed;
};

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static int32_t element(const struct problem *p, size_t row, size_t c)
{
	return p->is_signed ? (int8_t)p->rows[row][c] : p->rows[row][c];
}

static uint8_t byte_of(float v, struct byte_range r)
{
	v = v > r.lo ? v : r.lo;
	v = v < r.hi ? v : r.hi;
	return (uint8_t)((int32_t)lrintf(v) + r.zero);
}

static struct byte_range range(struct problem *p, bool with_zero)
{
	int32_t least = p->is_signed ? -128 : 0;
	int32_t zero = with_zero ? least + (int32_t)(next(&p->seed) % 256) : 0;
	return (struct byte_range){zero, (float)(least - zero), (float)(least + 255 - zero)};
}

static void place(struct problem *p, enum flush flush, size_t pixels)
{
	for (size_t i = 0; i < PIXELS * p->taps; i++) {
		uint8_t *x = zone_place(&p->in, i, p->channels, flush);
		for (size_t c = 0; c < p->channels; c++)
			x[c] = (uint8_t)next(&p->seed);
		p->rows[i] = x;
	}
	memset(zone_place(&p->out, 0, p->out.bytes, flush), 0xa5, p->out.bytes);
	p->y = zone_place(&p->out, 0, pixels * p->channels, flush);
}

static void check_beside(const struct problem *p, enum flush flush, size_t pixels)
{
	const uint8_t *zone = zone_place(&p->out, 0, p->out.bytes, flush);
	for (size_t i = 0; i < p->out.bytes; i++)
		if (zone + i < p->y || zone + i >= p->y + pixels * p->channels)
			CHECK_INT(zone[i], 0xa5);
}

static void check_max(struct problem *p, enum flush flush)
{
	place(p, flush, PIXELS);
	p->k->maxpool_u8(PIXELS, p->channels, p->taps, p->rows, p->is_signed, p->y);
	check_beside(p, flush, PIXELS);
	for (size_t i = 0; i < PIXELS * p->channels; i++) {
		int32_t most = INT32_MIN;
		for (size_t t = 0; t < p->taps; t++) {
			int32_t v = element(p, i / p->channels * p->taps + t, i % p->channels);
			most = v > most ? v : most;
		}
		CHECK_INT(p->y[i], (uint8_t)most);
	}
}

static void check_average(struct problem *p, enum flush flush)
{
	place(p, flush, 1);
	struct average_u8 a = {.x_scale = (float)(next(&p->seed) % 100) * 0.013F,
	                       .y_scale = (float)(next(&p->seed) % 100) * 0.011F,
	                       .y_zero = (float)(next(&p->seed) % 50),
	                       .x_zero = (int32_t)(next(&p->seed) % 100),
	                       .is_signed = p->is_signed,
	                       .to = range(p, false)};
	float divisor = (float)(p->taps + next(&p->seed) % 2);
	p->k->avgpool_u8(p->channels, p->taps, p->rows, &a, divisor, p->y);
	check_beside(p, flush, 1);
	for (size_t c = 0; c < p->channels; c++) {
		float sum = 0;
		for (size_t t = 0; t < p->taps; t++)
			sum += a.x_scale * (float)(element(p, t, c) - a.x_zero);
		CHECK_INT(p->y[c], byte_of(sum / divisor / a.y_scale + a.y_zero, a.to));
	}
}

/* The rows of one feature map lie one behind the other. */
static void check_mean(struct problem *p, enum flush flush)
{
	static uint8_t x[MAX_TAPS * (MAX_CHANNELS + 3)];
	size_t stride = p->channels + 3;
	place(p, flush, 1);
	for (size_t t = 0; t < p->taps; t++) {
		memcpy(x + t * stride, p->rows[t], p->channels);
		p->rows[t] = x + t * stride;
	}
	struct mean_u8 m = {(int32_t)(next(&p->seed) % 9999) - 5000,
	                    (float)(next(&p->seed) % 100) * 1e-3F, range(p, true)};
	p->k->mean_u8(p->channels, p->taps, stride, x, p->is_signed, &m, p->y);
	check_beside(p, flush, 1);
	for (size_t c = 0; c < p->channels; c++) {
		int32_t sum = m.bias;
		for (size_t t = 0; t < p->taps; t++)
			sum += element(p, t, c);
		CHECK_INT(p->y[c], byte_of((float)sum * m.scale, m.to));
	}
}

typedef void check_fn(struct problem *p, enum flush flush);

static void at_every_tail(check_fn *check)
{
	static const size_t taps[] = {1, 2, 3, 4, 5, 7, 9, 49};
	struct problem p = {.seed = 1};
	p.in = zones_new(PIXELS * MAX_TAPS, MAX_CHANNELS / 4);
	p.out = zones_new(1, PIXELS * MAX_CHANNELS / 4);
	for (int isa = 0; isa <= (int)cpu_isa(); isa++)
		for (size_t c = 1; c <= MAX_CHANNELS; c += c < 70 ? 1 : 13)
			for (size_t t = 0; t < COUNT(taps); t++) {
				p.k = kernels_for((enum cnn_isa)isa);
				p.channels = c;
				p.taps = taps[t];
				p.is_signed = (c + t) % 2;
				check(&p, t / 2 % 2 ? FLUSH_START : FLUSH_END);
			}
	zones_free(&p.in);
	zones_free(&p.out);
}

static void largest(void)
{
	at_every_tail(check_max);
}

static void averages(void)
{
	at_every_tail(check_average);
}

static void means(void)
{
	at_every_tail(check_mean);
}

TEST_MAIN({"largest", largest}, {"averages", averages}, {"means", means})
