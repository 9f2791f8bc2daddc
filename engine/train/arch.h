/* arch.h - the networks of train_archs as graphs. */
#ifndef ENGINE_TRAIN_ARCH_H
#define ENGINE_TRAIN_ARCH_H
#include "engine/graph/graph.h"
#include "engine/train.h"

struct arch_input {
	int32_t size, channels;
	size_t classes;
	double dropout; /* before the last layer; 0: none */
	uint64_t seed;  /* of the random weights */
};

/* Its graph with random weights, inferred; the caller owns *out. CNN_BAD_ARG for a name that is not in
 * train_archs, or an input too small for it. */
enum cnn_status arch_build(const char *name, const struct arch_input *input, struct graph **out,
                           struct cnn_error *err);

/* A dense layer alone, on rows of n features: [1][n][1][1] -> [1][classes]. */
enum cnn_status arch_dense(size_t n, size_t classes, double dropout, uint64_t seed,
                           struct graph **out, struct cnn_error *err);

#endif
