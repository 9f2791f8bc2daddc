/* loss.h - softmax and cross-entropy against soft labels. */
#ifndef ENGINE_TRAIN_LOSS_H
#define ENGINE_TRAIN_LOSS_H
#include <stddef.h>

/* Probabilities p[classes] of logits z; p may be z. */
void softmax_row(size_t classes, const float *z, float *p);

/* -sum_c target[c] * log softmax(z)[c]; g = scale * its gradient by z, unless g is NULL. g may be z. */
double cross_entropy(size_t classes, const float *z, const float *target, float scale, float *g);

#endif
