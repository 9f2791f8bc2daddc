/* trial.h - a test of the suite run one way: some of its inputs are constants, the others are fed. */
#ifndef TESTS_ONNX_TRIAL_H
#define TESTS_ONNX_TRIAL_H
#include "tests/onnx/case.h"

enum verdict { PASSED, REFUSED, FAILED };

struct outcome {
	enum verdict verdict;
	char text[640]; /* why not */
};

/* Bit i of `bound` makes input i a constant before shapes are inferred. With all of them bound, what the engine
 * computes while loading is compared, and a model that it leaves for later is refused. Otherwise the model is planned
 * and run: with the portable kernels on one thread, and with the best of this machine on two. */
struct outcome trial(const struct test_case *c, uint32_t bound);

#endif
