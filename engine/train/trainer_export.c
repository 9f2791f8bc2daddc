/* What training made, for others to use. */
#include "engine/base/file.h"
#include "engine/base/version.h"
#include "engine/onnx/export.h"
#include "engine/onnx/import.h"
#include "engine/operators/infer.h"
#include "engine/passes/passes.h"
#include "engine/train/block.h"
#include "engine/train/state.h"

#include <stdlib.h>

static enum cnn_status write_graph(const struct graph *g, uint8_t **bytes, size_t *len,
                                   struct cnn_error *err)
{
	static const struct onnx_export_options options = {
		.producer_name = "convd",
		.producer_version = convd_version,
		.batch_name = "batch",
	};
	return onnx_export(g, &options, bytes, len, err);
}

/* The same graph with each batch norm in the convolution before it. A fresh copy is made by reading the file: the
 * passes would leave ours without the norms that training goes on with. */
static enum cnn_status fold(const char *path, uint8_t **bytes, size_t *len, struct cnn_error *err)
{
	struct graph *g;
	enum cnn_status status = onnx_import(*bytes, *len, path, &g, NULL, err);
	if (status)
		return status;
	for (size_t i = 0; i < g->n_input; i++) {
		g->value[g->input[i]].dim[0] = 1;
		g->value[g->input[i]].shaped = true;
	}
	status = graph_infer(g, err);
	if (!status)
		status = pass_fold_affine(g, &(struct pass_log){0}, err);
	graph_sweep(g);
	uint8_t *folded;
	if (!status && !(status = write_graph(g, &folded, len, err))) {
		free(*bytes);
		*bytes = folded;
	}
	graph_free(g);
	return status;
}

/* The network's only layer into the pretrained graph. */
static void finish_transfer(const struct trainer *t)
{
	const float *w = NULL, *bias = NULL;
	for (size_t i = 0; i < t->net->n_weights; i++) {
		const struct weights *part = &t->net->weights[i];
		*(part->decays ? &w : &bias) = trainer_weights(t) + part->at;
	}
	transfer_finish(&t->transfer, &t->features, w, bias);
}

enum cnn_status trainer_export(const struct trainer *t, const char *path, bool fold_batch_norm,
                               struct cnn_error *err)
{
	bool frozen = t->features.train != NULL;
	uint8_t *bytes = NULL;
	size_t len;
	if (frozen)
		finish_transfer(t);
	else
		network_to_graph(t->net, trainer_weights(t), trainer_stats(t), t->graph);
	enum cnn_status status =
		write_graph(frozen ? t->transfer.graph : t->graph, &bytes, &len, err);
	if (!status && fold_batch_norm && !t->options.from)
		status = fold(path, &bytes, &len, err);
	if (!status)
		status = file_replace(path, bytes, len, err);
	free(bytes);
	return status;
}

/* Of a frozen network: the file's. */
static const float *frozen_filters(const struct graph *g, int32_t *count, int32_t *channels,
                                   int32_t *height, int32_t *width)
{
	for (size_t i = 0; i < g->n_node; i++) {
		const struct value *v = g->node[i].dead || g->node[i].op != OP_CONV
		                                ? NULL
		                                : graph_in(g, &g->node[i], 1);
		if (!v || !v->data || v->rank != 4)
			continue;
		*count = (int32_t)v->dim[0];
		*channels = (int32_t)v->dim[1];
		*height = (int32_t)v->dim[2];
		*width = (int32_t)v->dim[3];
		return v->data;
	}
	return NULL;
}

static const struct conv *first_conv(const struct trainer *t)
{
	for (size_t i = 0; i < t->net->n_layer; i++) {
		const struct block *b = t->net->layer[i].detail;
		if (t->net->layer[i].kind == &block_kind && b->has_conv)
			return b->conv.s.groups == 1 ? &b->conv : NULL;
	}
	return NULL;
}

const float *trainer_filters(const struct trainer *t, int32_t *count, int32_t *channels,
                             int32_t *height, int32_t *width)
{
	if (t->features.train)
		return frozen_filters(t->transfer.graph, count, channels, height, width);
	const struct conv *c = first_conv(t);
	if (!c || !t->filters)
		return NULL;
	*count = (int32_t)c->s.n;
	*channels = (int32_t)c->s.c;
	*height = c->s.kernel[0];
	*width = c->s.kernel[1];
	/* [kh][kw][c][n] -> [n][c][kh][kw] */
	const float *w = trainer_weights(t) + c->at;
	size_t taps = (size_t)*height * (size_t)*width;
	for (size_t i = 0; i < c->weights; i++) {
		size_t n = i % c->s.n, k = i / c->s.n % c->s.c, tap = i / (c->s.n * c->s.c);
		t->filters[(n * c->s.c + k) * taps + tap] = w[i];
	}
	return t->filters;
}
