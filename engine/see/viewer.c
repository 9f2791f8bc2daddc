/* Opening a viewer, and finding its layers. */
#include "engine/see/viewer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* A row's output is the last node's that came from it: some operators are computed by several. */
static void find_values(struct see *see, uint32_t *row_of_value)
{
	const struct graph *g = see->model->graph;
	for (size_t i = 0; i < see->n; i++)
		see->row[i] = (struct see_row){NO_VALUE, NONE};
	for (size_t i = 0; i < g->n_node; i++) {
		const struct node *n = &g->node[i];
		if (!n->dead && n->layer < see->n)
			see->row[n->layer].value = n->out[0];
	}
	for (size_t i = 0; i < see->n; i++)
		if (see->row[i].value != NO_VALUE)
			row_of_value[see->row[i].value] = (uint32_t)i;
}

/* Likewise a value may be written in several steps. */
static void find_steps(struct see *see, const uint32_t *row_of_value)
{
	const struct plan *p = see->model->plan;
	for (size_t i = 0; i < p->n_step; i++) {
		uint32_t row = p->step[i].out == NO_VALUE ? NONE : row_of_value[p->step[i].out];
		see->row_of_step[i] = NONE;
		if (row == NONE)
			continue;
		if (see->row[row].step != NONE)
			see->row_of_step[see->row[row].step] = NONE;
		see->row[row].step = (uint32_t)i;
		see->row_of_step[i] = row;
	}
}

/* Bytes of the largest output that see_run() has to convert. */
static size_t conversion_bytes(const struct see *see)
{
	size_t most = 0;
	for (size_t i = 0; i < see->n; i++) {
		if (see->row[i].value == NO_VALUE)
			continue;
		const struct value *v = &see->model->graph->value[see->row[i].value];
		size_t bytes = (size_t)graph_elements(v) * sizeof(float);
		if (see_must_convert(v) && bytes > most)
			most = bytes;
	}
	return most;
}

/* What the model's limit leaves. */
static size_t room(const struct see *see)
{
	const struct cnn_model *m = see->model;
	size_t taken = arena_bytes(m->graph->arena) + arena_bytes(m->plan->arena) +
	               cnn_session_bytes(see->session);
	return m->max_bytes > taken ? m->max_bytes - taken : 0;
}

static enum cnn_status fill(struct see *see, struct cnn_error *err)
{
	const struct cnn_model *m = see->model;
	const struct graph *g = m->graph;
	uint32_t *row_of_value = malloc((g->n_value + 1) * sizeof *row_of_value);
	see->n = m->n_layer;
	see->row = calloc(see->n + 1, sizeof *see->row);
	see->row_of_step = calloc(m->plan->n_step + 1, sizeof *see->row_of_step);
	see->real = calloc(g->n_value + 1, sizeof *see->real);
	see->scores = calloc(m->info.classes, sizeof *see->scores);
	if (!row_of_value || !see->row || !see->row_of_step || !see->real || !see->scores) {
		free(row_of_value);
		return cnn_fail_memory(err, m->info.name, g->n_value * sizeof *see->real);
	}
	memset(row_of_value, 0xff, (g->n_value + 1) * sizeof *row_of_value);
	find_values(see, row_of_value);
	find_steps(see, row_of_value);
	free(row_of_value);
	see_reals(g, see->real);
	size_t bytes = conversion_bytes(see);
	see->bytes = bytes + see->n * sizeof *see->row + g->n_value * sizeof *see->real +
	             m->plan->n_step * sizeof *see->row_of_step;
	if (see->bytes > room(see))
		return cnn_fail(err, CNN_NO_MEMORY,
		                "%s: to see its layers takes %zu MB more; %zu MB are allowed",
		                m->info.path, see->bytes >> 20, m->max_bytes >> 20);
	see->converted = bytes ? malloc(bytes) : NULL;
	return bytes && !see->converted ? cnn_fail_memory(err, m->info.name, bytes) : CNN_OK;
}

enum cnn_status see_open(const char *path, const char *sha256, const struct see_options *options,
                         struct see **out, struct cnn_error *err)
{
	struct cnn_load_options load = {
		.max_isa = options->max_isa,
		.max_batch = 1,
		.keep_layers = true,
		.max_bytes = options->max_bytes,
	};
	struct see *see = calloc(1, sizeof *see);
	if (!see)
		return cnn_fail_memory(err, path, sizeof *see);
	enum cnn_status status = cnn_model_load(path, &load, &see->model, err);
	if (!status && sha256 && strcmp(sha256, see->model->info.sha256) != 0)
		status =
			cnn_fail(err, CNN_IO, "%s: the file has changed since the model was loaded",
		                 see->model->info.path);
	if (!status)
		status = cnn_session_new(see->model, options->pool, &see->session, err);
	if (!status)
		status = fill(see, err);
	if (status)
		see_close(see);
	else
		*out = see;
	return status;
}

void see_close(struct see *see)
{
	if (!see)
		return;
	cnn_session_free(see->session);
	cnn_model_unref(see->model);
	free(see->row);
	free(see->row_of_step);
	free(see->real);
	free(see->converted);
	free(see->scores);
	free(see);
}

const struct cnn_model *see_model(const struct see *see)
{
	return see->model;
}

size_t see_bytes(const struct see *see)
{
	const struct cnn_model *m = see->model;
	return arena_bytes(m->arena) + arena_bytes(m->graph->arena) + arena_bytes(m->plan->arena) +
	       cnn_session_bytes(see->session) + see->bytes;
}

enum cnn_status see_find(const struct see *see, const char *layer, size_t *out,
                         struct cnn_error *err)
{
	for (size_t i = 0; i < see->n; i++) {
		if (strcmp(see->model->layer[i].name, layer) == 0) {
			*out = i;
			return CNN_OK;
		}
	}
	char *end;
	unsigned long i = strtoul(layer, &end, 10);
	if (*layer >= '0' && *layer <= '9' && !*end && i < see->n) {
		*out = i;
		return CNN_OK;
	}
	return cnn_fail(err, CNN_BAD_ARG, "model '%s' has no layer '%.128s'", see->model->info.name,
	                layer);
}

const struct node *see_node(const struct see *see, size_t layer, enum op op)
{
	const struct graph *g = see->model->graph;
	for (size_t i = 0; i < g->n_node; i++)
		if (!g->node[i].dead && g->node[i].layer == layer && g->node[i].op == op)
			return &g->node[i];
	return NULL;
}
