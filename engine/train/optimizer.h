/* optimizer.h - weights from gradients. */
#ifndef ENGINE_TRAIN_OPTIMIZER_H
#define ENGINE_TRAIN_OPTIMIZER_H
#include "engine/train.h"

#include <stddef.h>

/* All arrays are the optimiser's caller's. */
struct optimizer {
	enum train_optimizer kind;
	double momentum; /* SGD's; Nesterov's form. AdamW: beta1; beta2 is 0.999 */
	double weight_decay;
};

/* Step `step` (1, 2, ...) of some of the weights. first: SGD's velocity or AdamW's first moment; second: AdamW's
 * second moment. Loshchilov and Hutter (2019) for AdamW; SGD adds the decay to the gradient. */
void optimizer_update(const struct optimizer *o, double lr, int64_t step, bool decays, size_t n,
                      const float *grad, float *w, float *first, float *second);

/* The learning rate of step `step` of `steps`, counted from 0: up in a line over `warmup` steps, then down to 0
 * by half a cosine. */
double learning_rate(double lr, int64_t step, int64_t steps, double warmup);

/* average += share * (w - average) */
void average_towards(float share, size_t n, const float *w, float *average);

#endif
