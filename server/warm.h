/* warm.h - the first runs of a model, before it answers anybody. */
#ifndef SERVER_WARM_H
#define SERVER_WARM_H
#include "server/batcher.h"

/* Run each worker's session with one picture and with a full batch, all zeros, so that its memory is there and the
 * code in the caches; check that the scores are numbers and, after a softmax, add up to 1. CNN_BAD_MODEL says what is
 * wrong with them. Nothing may have been submitted to the queue yet. `stop` may be set at any time and ends it early. */
enum cnn_status warm_model(const struct cnn_model *model, const struct batch_queue *queue,
                           const atomic_bool *stop, struct cnn_error *err);

#endif
