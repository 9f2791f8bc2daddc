/* Making a trainer: network, optimiser's memory, how pixels are normalised. */
#include "engine/train/arch.h"
#include "engine/train/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum cnn_status check_options(const struct train_options *o, const struct dataset *data,
                                     struct cnn_error *err)
{
	if (o->epochs < 1 || o->batch < 1 || !(o->lr > 0) ||
	    !(o->momentum >= 0 && o->momentum < 1) ||
	    !(o->label_smoothing >= 0 && o->label_smoothing < 1) || !(o->weight_decay >= 0) ||
	    !(o->warmup >= 0) || !(o->ema >= 0) ||
	    !(o->augment.mixup >= 0 && o->augment.mixup <= 4))
		return cnn_fail(err, CNN_BAD_ARG, "an option of the training is out of range");
	if (dataset_count(data, DATASET_TRAIN) == 0)
		return cnn_fail(err, CNN_BAD_ARG, "there are no training pictures");
	return CNN_OK;
}

/* Mean and deviation of each channel over the training pictures, every few pixels, rounded so that they can be
 * written down. */
static void measure_pixels(struct trainer *t)
{
	enum { EVERY = 7 };
	double sum[3] = {0}, square[3] = {0}, count = 0;
	size_t channels = (size_t)dataset_channels(t->data);
	for (size_t i = 0; i < dataset_count(t->data, DATASET_TRAIN); i++) {
		const struct image *p = dataset_get(t->data, DATASET_TRAIN, i).picture;
		size_t pixels = (size_t)p->width * (size_t)p->height;
		for (size_t k = 0; k < pixels; k += EVERY, count++)
			for (size_t c = 0; c < channels; c++) {
				double v = p->px[k * channels + c] / 255.0;
				sum[c] += v;
				square[c] += v * v;
			}
	}
	for (size_t c = 0; c < channels; c++) {
		double mean = sum[c] / count, variance = square[c] / count - mean * mean;
		t->mean[c] = round(mean * 1000) / 1000;
		t->std[c] = fmax(round(sqrt(fmax(variance, 0)) * 1000) / 1000, 0.01);
	}
}

static enum cnn_status allocate(struct trainer *t, struct cnn_error *err)
{
	struct network *net = t->net;
	size_t batch = net->max_batch, threads = cnn_pool_threads(t->pool);
	bool adam = t->options.optimizer == TRAIN_ADAMW, averaged = t->options.ema > 0;
	t->first = arena_alloc(t->arena, net->n_w, sizeof *t->first);
	t->second = adam ? arena_alloc(t->arena, net->n_w, sizeof *t->second) : NULL;
	t->average = averaged ? arena_alloc(t->arena, net->n_w, sizeof *t->average) : NULL;
	t->average_stats =
		averaged ? arena_alloc(t->arena, net->n_stats, sizeof *t->average_stats) : NULL;
	t->target = arena_alloc(t->arena, batch * t->classes, sizeof *t->target);
	t->label = arena_alloc(t->arena, batch, sizeof *t->label);
	t->loss = arena_alloc(t->arena, batch, sizeof *t->loss);
	t->right = arena_alloc(t->arena, batch, sizeof *t->right);
	t->order = arena_alloc(t->arena, dataset_count(t->data, DATASET_TRAIN), sizeof *t->order);
	t->history = arena_alloc(t->arena, (size_t)t->options.epochs, sizeof *t->history);
	t->filters = arena_alloc(t->arena, net->n_w, sizeof *t->filters);
	/* Room for the taps of a picture, and for a row of classes. */
	t->scratch_floats = augment_scratch(&t->augment) + t->classes;
	t->scratch_floats = (t->scratch_floats + 15) / 16 * 16;
	t->scratch = arena_alloc(t->arena, threads * t->scratch_floats, sizeof *t->scratch);
	if (!t->first || (adam && !t->second) || (averaged && (!t->average || !t->average_stats)) ||
	    !t->target || !t->label || !t->loss || !t->right || !t->order || !t->history ||
	    !t->scratch)
		return cnn_fail(err, CNN_NO_MEMORY, "out of memory for training");
	if (averaged) {
		memcpy(t->average, net->w, net->n_w * sizeof *net->w);
		memcpy(t->average_stats, net->stats, net->n_stats * sizeof *net->stats);
	}
	return CNN_OK;
}

static void set_augmenter(struct trainer *t)
{
	t->augment = (struct augmenter){
		.how = t->options.augment,
		.size = dataset_size(t->data),
		.resize_short = dataset_resize_short(t->data),
		.channels = dataset_channels(t->data),
	};
	for (int c = 0; c < 3; c++) {
		t->augment.mean[c] = (float)t->mean[c];
		t->augment.inverse_std[c] = t->std[c] > 0 ? (float)(1 / t->std[c]) : 1;
	}
}

static enum cnn_status make_arch(struct trainer *t, struct cnn_error *err)
{
	const struct arch_input input = {
		.size = dataset_size(t->data),
		.channels = dataset_channels(t->data),
		.classes = t->classes,
		.dropout = t->options.dropout,
		.seed = t->options.seed,
	};
	measure_pixels(t);
	set_augmenter(t);
	return arch_build(t->options.arch, &input, &t->graph, err);
}

static enum cnn_status make_transfer(struct trainer *t, struct cnn_error *err)
{
	struct transfer *from = &t->transfer;
	enum cnn_status status = transfer_open(&t->options, t->classes, from, err);
	if (status)
		return status;
	if (dataset_size(t->data) != from->size || dataset_channels(t->data) != from->channels)
		return cnn_fail(err, CNN_BAD_ARG,
		                "%s: it takes pictures of %d x %d pixels and %d channels",
		                t->options.from, from->size, from->size, from->channels);
	memcpy(t->mean, from->mean, sizeof t->mean);
	memcpy(t->std, from->std, sizeof t->std);
	set_augmenter(t);
	if (t->options.unfreeze) {
		t->graph = from->graph;
		return CNN_OK;
	}
	status = transfer_features(from, &t->options, t->data, &t->augment, t->pool, t->arena,
	                           &t->features, err);
	return status ? status
	              : arch_dense(from->n, t->classes, t->options.dropout, t->options.seed,
	                           &t->graph, err);
}

static enum cnn_status make_network(struct trainer *t, struct cnn_error *err)
{
	size_t batch = (size_t)t->options.batch, pictures = dataset_count(t->data, DATASET_TRAIN);
	enum cnn_status status = t->options.from ? make_transfer(t, err) : make_arch(t, err);
	return status ? status
	              : network_new(t->graph, batch < pictures ? batch : pictures,
	                            t->options.max_isa, t->pool, &t->net, err);
}

enum cnn_status trainer_new(const struct train_options *options, const struct dataset *data,
                            struct cnn_pool *pool, struct trainer **out, struct cnn_error *err)
{
	enum cnn_status status = check_options(options, data, err);
	if (status)
		return status;
	struct arena *arena = arena_new();
	struct trainer *t = arena ? arena_alloc(arena, 1, sizeof *t) : NULL;
	if (!t) {
		arena_free(arena);
		return cnn_fail_memory(err, "training", sizeof *t);
	}
	*t = (struct trainer){.options = *options, .data = data, .pool = pool, .arena = arena};
	t->classes = dataset_classes(data);
	status = make_network(t, err);
	if (!status)
		status = allocate(t, err);
	if (status) {
		trainer_free(t);
		return status;
	}
	*out = t;
	return CNN_OK;
}

void trainer_free(struct trainer *t)
{
	if (!t)
		return;
	network_free(t->net);
	if (t->graph != t->transfer.graph)
		graph_free(t->graph);
	transfer_close(&t->transfer);
	arena_free(t->arena);
}

int64_t trainer_parameters(const struct trainer *t)
{
	const struct graph *g = t->transfer.graph ? t->transfer.graph : t->graph;
	int64_t n = 0;
	for (size_t i = 0; i < g->n_node; i++)
		for (uint32_t k = 1; !g->node[i].dead && k < g->node[i].n_in; k++) {
			const struct value *v = graph_in(g, &g->node[i], k);
			/* Running statistics are measured, not learned. */
			bool learned = v && v->data && v->dtype == CNN_F32 && v->rank > 0;
			if (learned && (g->node[i].op != OP_BATCH_NORM || k < 3))
				n += graph_elements(v);
		}
	return n;
}

int64_t trainer_macs(const struct trainer *t)
{
	return t->transfer.graph ? t->transfer.macs : t->net->macs;
}

const struct train_epoch *trainer_history(const struct trainer *t, size_t *n)
{
	*n = t->n_history;
	return t->history;
}

void trainer_normalization(const struct trainer *t, double mean[3], double std[3])
{
	for (int c = 0; c < 3; c++) {
		mean[c] = t->mean[c];
		std[c] = t->std[c];
	}
}

const float *trainer_weights(const struct trainer *t)
{
	return t->average ? t->average : t->net->w;
}

const float *trainer_stats(const struct trainer *t)
{
	return t->average ? t->average_stats : t->net->stats;
}
