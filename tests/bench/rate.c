#include "tests/bench/rate.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void rate_noise(float *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		values[i] = (float)((uint32_t)i * 2654435761u >> 8) / 16777216;
}

float rate_largest(const float *values, size_t count)
{
	float best = values[0];
	for (size_t i = 1; i < count; i++)
		best = values[i] > best ? values[i] : best;
	return best;
}

enum cnn_status rate_write(const char *path, const float *values, size_t count,
                           struct cnn_error *err)
{
	if (!path)
		return CNN_OK;
	FILE *f = fopen(path, "wb");
	bool good = f && fwrite(values, sizeof *values, count, f) == count;
	if (f && fclose(f) != 0)
		good = false;
	return good ? CNN_OK : cnn_fail(err, CNN_IO, "%s: %s", path, strerror(errno));
}

static enum cnn_status run_for(rate_run *run, void *context, double wanted, struct cnn_error *err)
{
	size_t runs = 0;
	double start = seconds(), spent;
	do {
		enum cnn_status status = run(context, err);
		if (status)
			return status;
		runs++;
		spent = seconds() - start;
	} while (spent < wanted);
	printf("%zu %.9f\n", runs, spent);
	return CNN_OK;
}

enum cnn_status rate_serve(rate_run *run, void *context, struct cnn_error *err)
{
	char line[64];
	enum cnn_status status = CNN_OK;
	while (!status && fflush(stdout) == 0 && fgets(line, sizeof line, stdin))
		status = run_for(run, context, atof(line) * 1e-3, err);
	return status;
}
