/* Steps of the optimisers against their published formulas in double precision, and the learning rate's course. */
#include "engine/train/optimizer.h"
#include "tests/test.h"

enum { N = 37, STEPS = 25 };

/* A gradient that turns about, of quite different sizes. */
static float gradient(size_t i, int step)
{
	return (float)(sin((double)i * 1.7 + step * 0.9) * pow(10, (double)(i % 5) - 3));
}

static float start(size_t i)
{
	return (float)cos((double)i * 0.3);
}

/* Sutskever et al. (2013), as PyTorch writes it, decay added to the gradient. */
static void sgd(void)
{
	const struct optimizer o = {TRAIN_SGD, 0.9, 5e-4};
	for (int decays = 0; decays < 2; decays++) {
		float w[N], grad[N], velocity[N] = {0};
		double want[N], v[N] = {0};
		for (size_t i = 0; i < N; i++)
			want[i] = (double)(w[i] = start(i));
		for (int step = 1; step <= STEPS; step++) {
			double lr = 0.1 / step;
			for (size_t i = 0; i < N; i++) {
				grad[i] = gradient(i, step);
				double g = (double)grad[i] + (decays ? 5e-4 : 0) * want[i];
				v[i] = 0.9 * v[i] + g;
				want[i] -= lr * (g + 0.9 * v[i]);
			}
			optimizer_update(&o, lr, step, decays, N, grad, w, velocity, NULL);
			for (size_t i = 0; i < N; i++)
				CHECK_NEAR(w[i], want[i], 3e-6 * (1 + fabs(want[i])));
		}
	}
}

/* Loshchilov and Hutter (2019): the decay is apart from the moments. */
static void adamw(void)
{
	const struct optimizer o = {TRAIN_ADAMW, 0.9, 0.05};
	for (int decays = 0; decays < 2; decays++) {
		float w[N], grad[N], first[N] = {0}, second[N] = {0};
		double want[N], m[N] = {0}, v[N] = {0};
		for (size_t i = 0; i < N; i++)
			want[i] = (double)(w[i] = start(i));
		for (int step = 1; step <= STEPS; step++) {
			const double lr = 0.01;
			for (size_t i = 0; i < N; i++) {
				double g = (double)(grad[i] = gradient(i, step));
				m[i] = 0.9 * m[i] + 0.1 * g;
				v[i] = 0.999 * v[i] + 0.001 * g * g;
				double mean = m[i] / (1 - pow(0.9, step)),
				       square = v[i] / (1 - pow(0.999, step));
				want[i] -= lr * (decays ? 0.05 : 0) * want[i];
				want[i] -= lr * mean / (sqrt(square) + 1e-8);
			}
			optimizer_update(&o, lr, step, decays, N, grad, w, first, second);
			for (size_t i = 0; i < N; i++)
				CHECK_NEAR(w[i], want[i], 2e-6);
		}
	}
}

/* AdamW's first step is lr in the direction of the gradient, however small that is. */
static void adamw_first_step(void)
{
	const struct optimizer o = {TRAIN_ADAMW, 0.9, 0};
	for (double size = 1e-5; size < 1e5; size *= 10) {
		float w = 0, grad = (float)size, first = 0, second = 0;
		optimizer_update(&o, 0.5, 1, true, 1, &grad, &w, &first, &second);
		CHECK_NEAR(w, -0.5 * size / (size + 1e-8), 1e-6);
	}
}

static void no_gradient_no_step(void)
{
	for (int kind = 0; kind < 2; kind++) {
		const struct optimizer o = {(enum train_optimizer)kind, 0.9, 0.1};
		float w[] = {1, -2}, grad[2] = {0}, first[2] = {0}, second[2] = {0};
		optimizer_update(&o, 0.1, 1, false, 2, grad, w, first, second);
		CHECK(w[0] == 1 && w[1] == -2);
	}
}

static void schedule(void)
{
	/* Up in equal steps that begin above 0, at the top with the first step behind the warm-up. */
	CHECK_NEAR(learning_rate(0.5, 0, 100, 4), 0.1, 1e-12);
	CHECK_NEAR(learning_rate(0.5, 3, 100, 4), 0.4, 1e-12);
	CHECK_NEAR(learning_rate(0.5, 4, 100, 4), 0.5, 1e-12);
	CHECK_NEAR(learning_rate(0.5, 52, 100, 4), 0.25, 1e-12);
	CHECK_NEAR(learning_rate(0.5, 100, 100, 4), 0, 1e-12);
	CHECK_NEAR(learning_rate(0.5, 0, 100, 0), 0.5, 1e-12);
	CHECK(learning_rate(0.5, 99, 100, 4) > 0);
	for (int64_t step = 5; step < 100; step++)
		CHECK(learning_rate(1, step, 100, 4) < learning_rate(1, step - 1, 100, 4));
	/* Part of a step, and a warm-up that is all there is. */
	CHECK_NEAR(learning_rate(1, 0, 10, 0.5), 1 / 1.5, 1e-12);
	for (int64_t step = 0; step < 10; step++) {
		CHECK_NEAR(learning_rate(1, step, 10, 10), ((double)step + 1) / 11, 1e-12);
		CHECK(isfinite(learning_rate(1, step, 10, 20)));
	}
	CHECK(learning_rate(1, 0, 1, 0) == 1);
}

static void averages(void)
{
	float average[] = {1, -2, 0}, w[] = {2, 2, 0};
	average_towards(0.25f, 3, w, average);
	CHECK(average[0] == 1.25f && average[1] == -1 && average[2] == 0);
	average_towards(1, 3, w, average);
	CHECK(average[0] == 2 && average[1] == 2);
}

TEST_MAIN({"sgd", sgd}, {"adamw", adamw}, {"adamw_first_step", adamw_first_step},
          {"no_gradient_no_step", no_gradient_no_step}, {"schedule", schedule},
          {"averages", averages})
