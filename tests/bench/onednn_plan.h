/* onednn_plan.h - a network as onednn_plan.py writes it for onednn_net.c: steps, and their weights.
 *
 * PATH.plan has a step a line, in the order they run; each makes one value, numbered from 0. */
#ifndef TESTS_BENCH_ONEDNN_PLAN_H
#define TESTS_BENCH_ONEDNN_PLAN_H
#include "engine/base/status.h"

#include <stdint.h>

/* PLAN_DIMS: as many as oneDNN's arrays have, of which a picture needs two or three. */
enum { PLAN_SOURCES = 8, PLAN_DIMS = 12 };

/* kind, its word in the file */
#define PLAN_KINDS(X)         \
	X(INPUT, "input")     \
	X(CONV, "conv")       \
	X(MAX, "max")         \
	X(AVERAGE, "average") \
	X(CONCAT, "concat")   \
	X(ADD, "add")         \
	X(CLIP, "clip")       \
	X(INNER, "inner")     \
	X(SOFTMAX, "softmax")

enum plan_kind {
#define X(name, word) PLAN_##name,
	PLAN_KINDS(X)
#undef X
};

struct plan_step {
	enum plan_kind kind;
	int64_t shape[PLAN_DIMS]; /* of the value, without the batch: channels, height, width */
	int64_t kernel[PLAN_DIMS], stride[PLAN_DIMS];
	int64_t before[PLAN_DIMS], after[PLAN_DIMS]; /* padding */
	int64_t groups;
	int64_t weights, bias; /* where in the weights they begin; bias: -1 for none */
	int64_t sum;           /* the value that a convolution is added to, or -1 */
	float low, high; /* what the result is clipped to, at the end; infinite for not at all */
	int64_t sources, source[PLAN_SOURCES];
};

struct plan {
	struct plan_step *step;
	size_t steps;
	float *weights;
	size_t floats;
};

const char *onednn_plan_word(enum plan_kind kind);

/* Reads PATH.plan and PATH.weights. On failure *plan is empty. */
enum cnn_status onednn_plan_read(const char *path, struct plan *plan, struct cnn_error *err);
void onednn_plan_free(struct plan *plan);

/* Elements of a step's value, of one picture. */
size_t onednn_plan_elements(const struct plan_step *step);

#endif
