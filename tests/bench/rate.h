/* rate.h - what the engines' programs share: the noise they run on, and how they are told to run.
 *
 * Once a program has printed "ready ...", each line of standard input is a number of milliseconds
 * to run for, answered by "RUNS SECONDS". */
#ifndef TESTS_BENCH_RATE_H
#define TESTS_BENCH_RATE_H
#include "engine/base/status.h"

typedef enum cnn_status rate_run(void *context, struct cnn_error *err);

/* The same numbers for every engine; onnxruntime_rate.mjs makes them too. */
void rate_noise(float *values, size_t count);
float rate_largest(const float *values, size_t count);

/* Into the file `path`, as raw floats; nothing when it is NULL. */
enum cnn_status rate_write(const char *path, const float *values, size_t count,
                           struct cnn_error *err);

/* Answer standard input until it ends. */
enum cnn_status rate_serve(rate_run *run, void *context, struct cnn_error *err);

#endif
