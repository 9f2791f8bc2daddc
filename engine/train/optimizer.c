#include "engine/train/optimizer.h"

#include <math.h>

static void sgd(const struct optimizer *o, float lr, float decay, size_t n, const float *grad,
                float *w, float *velocity)
{
	float momentum = (float)o->momentum;
	for (size_t i = 0; i < n; i++) {
		float g = grad[i] + decay * w[i];
		velocity[i] = momentum * velocity[i] + g;
		w[i] -= lr * (g + momentum * velocity[i]);
	}
}

static void adamw(const struct optimizer *o, double lr, float decay, int64_t step, size_t n,
                  const float *grad, float *w, float *first, float *second)
{
	float beta = (float)o->momentum, beta2 = 0.999f, epsilon = 1e-8f;
	/* Both moments begin at 0, which these undo: by what is multiplied with, not by what was meant. */
	double correct1 = 1 - pow((double)beta, (double)step),
	       correct2 = 1 - pow((double)beta2, (double)step);
	float rate = (float)(lr / correct1), inverse = (float)(1 / sqrt(correct2));
	float shrink = (float)(1 - lr * (double)decay);
	for (size_t i = 0; i < n; i++) {
		first[i] = beta * first[i] + (1 - beta) * grad[i];
		second[i] = beta2 * second[i] + (1 - beta2) * grad[i] * grad[i];
		w[i] = shrink * w[i] - rate * first[i] / (sqrtf(second[i]) * inverse + epsilon);
	}
}

void optimizer_update(const struct optimizer *o, double lr, int64_t step, bool decays, size_t n,
                      const float *grad, float *w, float *first, float *second)
{
	float decay = decays ? (float)o->weight_decay : 0;
	if (o->kind == TRAIN_SGD)
		sgd(o, (float)lr, decay, n, grad, w, first);
	else
		adamw(o, lr, decay, step, n, grad, w, first, second);
}

double learning_rate(double lr, int64_t step, int64_t steps, double warmup)
{
	static const double pi = 3.14159265358979323846;
	if ((double)step < warmup)
		return lr * ((double)step + 1) / (warmup + 1);
	double left = (double)steps - warmup;
	double done = left > 0 ? ((double)step - warmup) / left : 1;
	return lr * (1 + cos(pi * done)) / 2;
}

void average_towards(float share, size_t n, const float *w, float *average)
{
	for (size_t i = 0; i < n; i++)
		average[i] += share * (w[i] - average[i]);
}
