/* The functions of bytes at every level that runs here: the same bytes as the formula, at every tail. */
#include "tests/kernels/guarded.h"
#include "tests/kernels/rows.h"

enum { MAX_N = 300, ZONES = 4 };

struct problem {
	const struct kernels *k;
	size_t n;
	enum flush flush;
	struct zones zones;
	uint32_t seed;
};

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static uint8_t *bytes(struct problem *p, size_t zone)
{
	uint8_t *x = zone_place(&p->zones, zone, p->n, p->flush);
	for (size_t i = 0; i < p->n; i++)
		x[i] = (uint8_t)next(&p->seed);
	return x;
}

static int32_t signed_or_not(uint8_t x, bool is_signed)
{
	return is_signed ? (int8_t)x : x;
}

static struct byte_range random_range(struct problem *p, bool with_zero)
{
	int32_t least = next(&p->seed) % 2 ? -128 : 0;
	int32_t zero = with_zero ? least + (int32_t)(next(&p->seed) % 256) : 0;
	return (struct byte_range){zero, (float)(least - zero), (float)(least + 255 - zero)};
}

static uint8_t byte_of(float v, struct byte_range r)
{
	v = v > r.lo ? v : r.lo;
	v = v < r.hi ? v : r.hi;
	return (uint8_t)((int32_t)lrintf(v) + r.zero);
}

/* The result's place, and after the call that nothing beside it was written. */
static void *result(struct problem *p, size_t size)
{
	memset(zone_place(&p->zones, 3, p->zones.bytes, p->flush), 0xa5, p->zones.bytes);
	return zone_place(&p->zones, 3, size, p->flush);
}

static void check_beside(struct problem *p, const void *y, size_t size)
{
	const uint8_t *zone = zone_place(&p->zones, 3, p->zones.bytes, p->flush), *from = y;
	for (size_t i = 0; i < p->zones.bytes; i++)
		if (zone + i < from || zone + i >= from + size)
			CHECK_INT(zone[i], 0xa5);
}

static float some_scale(struct problem *p)
{
	static const float special[] = {0, -1, 1e30F, INFINITY, NAN, 1e-30F};
	uint32_t r = next(&p->seed);
	return r % 8 ? (float)(r % 3000) * 1e-3F : special[r / 8 % COUNT(special)];
}

static void check_pair(struct problem *p)
{
	uint8_t *a = bytes(p, 0), *b = bytes(p, 1), *y = result(p, p->n);
	struct pair_u8 pair = {
		.a = some_scale(p),
		.b = some_scale(p),
		.fixed = (float)(next(&p->seed) % 500) - 250.5F,
		.a_zero = (int32_t)(next(&p->seed) % 128),
		.b_zero = (int32_t)(next(&p->seed) % 128),
		.is_signed = next(&p->seed) % 2,
		.to = random_range(p, false),
	};
	p->k->add_u8(p->n, &pair, a, b, y);
	check_beside(p, y, p->n);
	for (size_t i = 0; i < p->n; i++) {
		float x = (float)signed_or_not(a[i], pair.is_signed);
		float second = (float)signed_or_not(b[i], pair.is_signed);
		CHECK_INT(y[i],
		          byte_of(fmaf(x, pair.a, fmaf(second, pair.b, pair.fixed)), pair.to));
	}
	p->k->multiply_u8(p->n, &pair, a, b, y);
	check_beside(p, y, p->n);
	for (size_t i = 0; i < p->n; i++) {
		int32_t x = signed_or_not(a[i], pair.is_signed) - pair.a_zero;
		int32_t product = x * (signed_or_not(b[i], pair.is_signed) - pair.b_zero);
		CHECK_INT(y[i], byte_of((float)product * pair.a + pair.fixed, pair.to));
	}
}

static void check_quantise(struct problem *p)
{
	float *x = zone_place(&p->zones, 2, p->n * sizeof *x, p->flush);
	enum number_kind kind = next(&p->seed) % NUMBER_KINDS;
	struct byte_range r = random_range(p, true);
	float scale = some_scale(p);
	for (size_t i = 0; i < p->n; i++)
		x[i] = i % 3 ? ((float)(next(&p->seed) % 600) - 300) * 0.5F * scale
		             : next_of_kind(kind, &p->seed);
	uint8_t *y = result(p, p->n);
	p->k->quantise_u8(p->n, x, scale, &r, y);
	check_beside(p, y, p->n);
	for (size_t i = 0; i < p->n; i++)
		CHECK_INT(y[i], byte_of(x[i] / scale, r));
}

static void check_dequantise(struct problem *p)
{
	uint8_t *x = bytes(p, 0);
	bool is_signed = next(&p->seed) % 2;
	int32_t zero = (int32_t)(next(&p->seed) % 128);
	float scale = some_scale(p), *y = result(p, p->n * sizeof *y);
	p->k->dequantise_u8(p->n, x, is_signed, zero, scale, y);
	check_beside(p, y, p->n * sizeof *y);
	for (size_t i = 0; i < p->n; i++)
		CHECK(same_float(y[i], (float)(signed_or_not(x[i], is_signed) - zero) * scale));
}

typedef void check_fn(struct problem *p);

static void at_every_tail(check_fn *check)
{
	struct problem p = {.zones = zones_new(ZONES, MAX_N), .seed = 1};
	for (int isa = 0; isa <= (int)cpu_isa(); isa++)
		for (size_t n = 1; n <= 2 * MAX_N; n++) {
			p.k = kernels_for((enum cnn_isa)isa);
			p.n = (n + 1) / 2;
			p.flush = n % 2 ? FLUSH_END : FLUSH_START;
			check(&p);
		}
	zones_free(&p.zones);
}

static void pairs(void)
{
	at_every_tail(check_pair);
}

static void quantise(void)
{
	at_every_tail(check_quantise);
}

static void dequantise(void)
{
	at_every_tail(check_dequantise);
}

TEST_MAIN({"pairs", pairs}, {"quantise", quantise}, {"dequantise", dequantise})
