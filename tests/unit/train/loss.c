#include "engine/train/loss.h"
#include "engine/train/random.h"
#include "tests/test.h"

enum { MAX_CLASSES = 1000 };

/* In double precision, from logits that need no care. */
static double formula(size_t classes, const double *z, const float *target)
{
	double sum = 0, loss = 0;
	for (size_t c = 0; c < classes; c++)
		sum += exp(z[c]);
	for (size_t c = 0; c < classes; c++)
		loss -= (double)target[c] * (z[c] - log(sum));
	return loss;
}

/* Logits and soft labels whose sum is 1. */
static void fill(uint64_t seed, size_t classes, float *z, float *target)
{
	struct random r = random_seeded(seed, 0, classes);
	float rest = 1;
	for (size_t c = 0; c < classes; c++) {
		z[c] = (float)(random_unit(&r) * 12 - 6);
		target[c] = c + 1 < classes ? rest * (float)random_unit(&r) * 0.5f : rest;
		rest -= target[c];
	}
}

static void value_and_gradient(void)
{
	static const size_t sizes[] = {1, 2, 3, 10, 37, MAX_CLASSES};
	float z[MAX_CLASSES], target[MAX_CLASSES], g[MAX_CLASSES];
	double x[MAX_CLASSES];
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		size_t classes = sizes[i];
		fill(i, classes, z, target);
		for (size_t c = 0; c < classes; c++)
			x[c] = (double)z[c];
		double loss = cross_entropy(classes, z, target, 0.25f, g);
		CHECK_NEAR(loss, formula(classes, x, target), 1e-9 * (1 + loss));
		CHECK(cross_entropy(classes, z, target, 0.25f, NULL) == loss);
		for (size_t c = 0; c < classes; c += 1 + classes / 40) {
			const double h = 1e-5, was = x[c];
			x[c] = was + h;
			double above = formula(classes, x, target);
			x[c] = was - h;
			double below = formula(classes, x, target);
			x[c] = was;
			CHECK_NEAR(g[c], 0.25 * (above - below) / (2 * h), 1e-7);
		}
	}
}

/* The gradient may take the place of the logits. */
static void in_place(void)
{
	float z[10], target[10], g[10];
	fill(1, 10, z, target);
	double loss = cross_entropy(10, z, target, 1, g);
	CHECK(cross_entropy(10, z, target, 1, z) == loss);
	CHECK(memcmp(z, g, sizeof g) == 0);
}

static void large_logits(void)
{
	const float z[] = {3e38f, -3e38f, 1e30f, 0};
	for (size_t right = 0; right < 4; right++) {
		float target[4] = {0}, g[4], p[4];
		target[right] = 1;
		double loss = cross_entropy(4, z, target, 1, g);
		CHECK(isfinite(loss) && loss >= 0);
		CHECK_NEAR(loss, (double)z[0] - (double)z[right], 1e-6 * loss);
		softmax_row(4, z, p);
		for (size_t c = 0; c < 4; c++) {
			CHECK(p[c] == (c == 0));
			CHECK_NEAR(g[c], (double)(c == 0) - (double)(c == right), 0);
		}
	}
	const float all[] = {-1e38f, -1e38f};
	float p[2];
	softmax_row(2, all, p);
	CHECK_NEAR(p[0], 0.5, 1e-7);
}

static void probabilities(void)
{
	float z[MAX_CLASSES], target[MAX_CLASSES];
	fill(3, MAX_CLASSES, z, target);
	double sum = 0, all = 0;
	for (size_t c = 0; c < MAX_CLASSES; c++)
		all += exp((double)z[c]);
	float p[MAX_CLASSES];
	softmax_row(MAX_CLASSES, z, p);
	for (size_t c = 0; c < MAX_CLASSES; c++) {
		CHECK_NEAR(p[c], exp((double)z[c]) / all, 1e-7);
		sum += (double)p[c];
	}
	CHECK_NEAR(sum, 1, 1e-6);
	softmax_row(MAX_CLASSES, z, z);
	CHECK(memcmp(z, p, sizeof p) == 0);
}

/* A NaN is not hidden: the trainer stops at it. */
static void nan_is_seen(void)
{
	const float z[] = {0, NAN, 1}, target[] = {1, 0, 0};
	CHECK(isnan(cross_entropy(3, z, target, 1, NULL)));
	const float infinite[] = {0, INFINITY, 1};
	CHECK(!isfinite(cross_entropy(3, infinite, target, 1, NULL)));
}

TEST_MAIN({"value_and_gradient", value_and_gradient}, {"in_place", in_place},
          {"large_logits", large_logits}, {"probabilities", probabilities},
          {"nan_is_seen", nan_is_seen})
