/* What is read out of the scores, and the machine's peak to compare a run with. */
#include "engine/kernels/kernels.h"
#include "engine/run/model.h"

#include <math.h>
#include <time.h>

/* Is class a worse than class b? Equal scores: the higher number is. */
static bool worse(const float *scores, uint32_t a, uint32_t b)
{
	return scores[a] < scores[b] || (scores[a] == scores[b] && a > b);
}

/* best[0..n) is a heap with the worst at its root, but for its element `at`. */
static void sift_down(const float *scores, uint32_t *best, size_t n, size_t at)
{
	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= n)
			return;
		if (child + 1 < n && worse(scores, best[child + 1], best[child]))
			child++;
		if (!worse(scores, best[child], best[at]))
			return;
		uint32_t moved = best[at];
		best[at] = best[child];
		best[child] = moved;
		at = child;
	}
}

enum cnn_status cnn_scores_check(const struct cnn_model *model, const float *scores,
                                 struct cnn_error *err)
{
	for (size_t c = 0; c < model->info.classes; c++) {
		if (!isfinite(scores[c]))
			return cnn_fail(
				err, CNN_BAD_MODEL,
				"%s: the network's answer for class %zu is not a finite number",
				model->info.name, c);
	}
	return CNN_OK;
}

size_t cnn_top(const float *scores, size_t classes, size_t k, uint32_t *best)
{
	size_t n = k < classes ? k : classes;
	for (size_t c = 0; c < n; c++)
		best[c] = (uint32_t)c;
	for (size_t at = n / 2; at-- > 0;)
		sift_down(scores, best, n, at);
	for (size_t c = n; c < classes && n; c++) {
		if (worse(scores, best[0], (uint32_t)c)) {
			best[0] = (uint32_t)c;
			sift_down(scores, best, n, 0);
		}
	}
	for (size_t left = n; left > 1; left--) { /* the worst of what is left goes last */
		uint32_t last = best[left - 1];
		best[left - 1] = best[0];
		best[0] = last;
		sift_down(scores, best, left - 1, 0);
	}
	return n;
}

double cnn_peak_gflops(enum cnn_isa isa)
{
	const struct kernels *k = kernels_for(isa);
	struct timespec a, b;
	double seconds = 0, best = 0, spent = 0;
	float sink = 0;
	for (size_t rounds = 1000; spent < 0.05; rounds *= seconds < 0.002 ? 2 : 1) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		double flops = k->peak_f32(rounds, &sink);
		clock_gettime(CLOCK_MONOTONIC, &b);
		seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9;
		spent += seconds;
		if (seconds > 0 && flops / seconds > best)
			best = flops / seconds;
	}
	return best * 1e-9;
}
