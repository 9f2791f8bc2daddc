/* Graph surgery: the last layer goes, a new one comes. */
#include "engine/train/transfer.h"
#include "engine/operators/infer.h"

#include "engine/base/file.h"
#include "engine/cnn.h"
#include "engine/onnx/import.h"
#include "engine/passes/passes.h"
#include "engine/train/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const size_t MAX_MODEL_BYTES = (size_t)2 << 30;

/* What the inference engine knows of the file: where it is, and how it wants pictures. */
static enum cnn_status read_info(const struct train_options *o, struct transfer *t, char **path,
                                 struct cnn_shape *input, struct cnn_error *err)
{
	const struct cnn_load_options options = {.max_isa = o->max_isa, .max_batch = 1};
	struct cnn_model *model;
	enum cnn_status status = cnn_model_load(o->from, &options, &model, err);
	if (status)
		return status;
	const struct cnn_model_info *info = cnn_model_info(model);
	const struct cnn_preprocess *p = &info->preprocess;
	if (!info->takes_pictures || p->fit.width != p->fit.height ||
	    p->channels == CNN_CHANNELS_BGR) {
		status = cnn_fail(err, CNN_UNSUPPORTED,
		                  "%s: it does not take a square RGB or gray picture", info->path);
	} else if (!(*path = strdup(info->path))) {
		status = cnn_fail_memory(err, "a path", strlen(info->path));
	} else {
		t->size = p->fit.width;
		t->channels = p->fit.channels;
		t->channels_last = info->input.dim[1] != p->fit.channels;
		t->macs = info->macs;
		*input = info->input;
		memcpy(t->sha256, info->sha256, sizeof t->sha256);
		for (int c = 0; c < 3; c++) {
			t->mean[c] = p->mean[c] / (255 * p->scale);
			t->std[c] = p->std[c] / (255 * p->scale);
		}
	}
	cnn_model_unref(model);
	return status;
}

static enum cnn_status read_graph(const char *path, const struct cnn_shape *input,
                                  struct transfer *t, struct cnn_error *err)
{
	static pass_fn *const simplify[] = {pass_split_gemm, pass_drop_identity, pass_merge_pad,
	                                    pass_fold_affine};
	uint8_t *bytes;
	size_t len;
	enum cnn_status status = file_load(path, MAX_MODEL_BYTES, &bytes, &len, err);
	if (status)
		return status;
	const struct onnx_bounds bounds = {.max_bytes = SIZE_MAX, .beside = path};
	status = onnx_import_within(&bounds, bytes, len, path, &t->graph, NULL, err);
	free(bytes);
	if (status)
		return status;
	struct value *v = &t->graph->value[t->graph->input[0]];
	memcpy(v->dim, input->dim, sizeof v->dim);
	v->dim[0] = 1;
	v->shaped = true;
	status = graph_infer(t->graph, err);
	for (size_t i = 0; !status && i < sizeof simplify / sizeof simplify[0]; i++)
		status = simplify[i](t->graph, &(struct pass_log){0}, err);
	return status;
}

/* The last node with weights on the way to the first output. */
static node_id find_last(const struct graph *g)
{
	node_id id = g->n_output ? g->value[g->output[0]].producer : NO_NODE;
	while (id != NO_NODE) {
		const struct node *n = &g->node[id];
		bool product = n->op == OP_CONV || n->op == OP_GEMM || n->op == OP_MATMUL;
		if (product && n->n_in > 1 && graph_is_constant(g, n->in[1]))
			return id;
		value_id from = n->n_in ? n->in[0] : NO_VALUE;
		/* x + b and b + x alike */
		if (n->n_in > 1 && graph_is_constant(g, from))
			from = n->in[1];
		id = from == NO_VALUE ? NO_NODE : g->value[from].producer;
	}
	return NO_NODE;
}

static enum cnn_status replace_last(const struct train_options *o, size_t classes,
                                    struct transfer *t, struct cnn_error *err)
{
	struct graph *g = t->graph;
	node_id last = find_last(g);
	if (last == NO_NODE)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "%s: no layer with weights leads to its first output", g->name);
	struct pen p = {.g = g, .at = g->node[last].in[0], .prefix = "new/"};
	p.random = random_seeded(o->seed, RANDOM_WEIGHTS, 1);
	const struct value *v = &g->value[p.at];
	if (g->node[last].op == OP_CONV ? v->rank != 4 : v->rank != 2)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': its input is neither a feature map nor a row",
		                g->node[last].name);
	p.channels = (int32_t)v->dim[1];
	t->n = (size_t)p.channels;
	if (v->rank == 4) {
		if (v->dim[2] > 1 || v->dim[3] > 1)
			draw_global_average(&p);
		draw_flatten(&p);
	}
	draw_dropout(&p, o->unfreeze ? o->dropout : 0);
	t->features = p.at;
	/* A small beginning, so that the first steps do not shake the old layers. */
	draw_dense(&p, (int32_t)t->n, (int32_t)classes, 0.01 / sqrt((double)t->n));
	if (p.at == NO_VALUE)
		return cnn_fail(err, CNN_NO_MEMORY, "%s: out of memory", g->name);
	const struct node *dense = &g->node[g->n_node - 1];
	t->weight = dense->in[1];
	t->bias = dense->in[2];
	g->output[0] = p.at;
	g->n_output = 1;
	graph_sweep(g);
	return graph_infer(g, err);
}

enum cnn_status transfer_open(const struct train_options *o, size_t classes, struct transfer *out,
                              struct cnn_error *err)
{
	char *path = NULL;
	struct cnn_shape input;
	*out = (struct transfer){0};
	enum cnn_status status = read_info(o, out, &path, &input, err);
	if (!status)
		status = read_graph(path, &input, out, err);
	if (!status)
		status = replace_last(o, classes, out, err);
	free(path);
	if (status)
		transfer_close(out);
	return status;
}

void transfer_close(struct transfer *t)
{
	graph_free(t->graph);
	t->graph = NULL;
}

void transfer_finish(const struct transfer *t, const struct features *f, const float *w,
                     const float *bias)
{
	const struct graph *g = t->graph;
	size_t classes = (size_t)g->value[t->bias].dim[0];
	float *weight = (float *)(uintptr_t)g->value[t->weight].data;
	float *shift = (float *)(uintptr_t)g->value[t->bias].data;
	for (size_t k = 0; k < classes; k++) {
		double sum = (double)bias[k];
		for (size_t i = 0; i < t->n; i++) {
			double plain = (double)w[i * classes + k] * (double)f->inverse[i];
			weight[k * t->n + i] = (float)plain;
			sum -= plain * (double)f->mean[i];
		}
		shift[k] = (float)sum;
	}
}
