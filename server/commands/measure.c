#include "server/commands/measure.h"

#include <stdlib.h>

enum { RUNS = 15 };

struct measuring {
	size_t layers;
	int run;
	uint64_t (*ns)[RUNS]; /* [layers] */
	bool *ran;            /* [layers] */
};

static void on_step(void *ctx, const struct cnn_observed *seen)
{
	struct measuring *m = ctx;
	if (seen->layer >= m->layers)
		return;
	m->ran[seen->layer] = true;
	m->ns[seen->layer][m->run] += seen->ns;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static size_t elements(const struct cnn_shape *s)
{
	size_t n = 1;
	for (int32_t i = 0; i < s->rank; i++)
		n *= (size_t)s->dim[i];
	return n;
}

static void make_noise(float *input, size_t n)
{
	uint32_t seed = 1;
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525u + 1013904223u;
		input[i] = (float)(seed >> 24) / 255;
	}
}

static enum cnn_status run_all(struct cnn_session *session, const float *input, float *scores,
                               struct measuring *m, struct cnn_error *err)
{
	const struct cnn_observer observer = {on_step, m};
	/* The first run finds nothing in the caches. */
	enum cnn_status s = cnn_session_run_tensor(session, input, 1, false, scores, NULL, err);
	for (m->run = 0; m->run < RUNS && !s; m->run++)
		s = cnn_session_run_tensor(session, input, 1, false, scores, &observer, err);
	return s;
}

enum cnn_status measure_layers(struct cnn_model *model, double *us, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	struct measuring m = {.layers = cnn_model_layers(model)};
	size_t n = elements(&info->input);
	struct cnn_session *session = NULL;
	float *input = malloc((n + 1) * sizeof *input),
	      *scores = calloc(info->classes + 1, sizeof *scores);
	m.ns = calloc(m.layers + 1, sizeof *m.ns);
	m.ran = calloc(m.layers + 1, sizeof *m.ran);
	enum cnn_status s = input && scores && m.ns && m.ran
	                            ? cnn_session_new(model, NULL, &session, err)
	                            : cnn_fail_memory(err, info->name, n * sizeof *input);
	if (!s) {
		make_noise(input, n);
		s = run_all(session, input, scores, &m, err);
	}
	for (size_t i = 0; i < m.layers && !s; i++) {
		qsort(m.ns[i], RUNS, sizeof m.ns[i][0], ascending);
		us[i] = m.ran[i] ? (double)m.ns[i][RUNS / 2] * 1e-3 : -1;
	}
	cnn_session_free(session);
	free(input);
	free(scores);
	free(m.ns);
	free(m.ran);
	return s;
}
