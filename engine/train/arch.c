#include "engine/train/arch.h"
#include "engine/operators/infer.h"

#include "engine/train/draw.h"

#include <math.h>
#include <string.h>

static void conv_norm(struct pen *p, int32_t out, int32_t kernel, int32_t stride, int32_t groups)
{
	draw_conv(p, (struct draw_conv){out, kernel, stride, groups, false});
	draw_norm(p, 1);
}

static void conv_norm_relu(struct pen *p, int32_t out, int32_t kernel, int32_t stride)
{
	conv_norm(p, out, kernel, stride, 1);
	draw_relu(p);
}

/* He et al. (2015): two 3 x 3 convolutions beside the identity, or beside a 1 x 1 where the shape changes. The last
 * norm begins at 0, so that the block begins as its shortcut (Goyal et al., 2017). */
static void residual_block(struct pen *p, int32_t out, int32_t stride)
{
	struct pen start = *p;
	conv_norm_relu(p, out, 3, stride);
	draw_conv(p, (struct draw_conv){out, 3, 1, 1, false});
	draw_norm(p, 0);
	value_id main = p->at;
	if (stride == 1 && start.channels == out) {
		draw_add(p, start.at);
	} else {
		p->at = main == NO_VALUE ? NO_VALUE : start.at;
		p->channels = start.channels;
		conv_norm(p, out, 1, stride, 1);
		draw_add(p, main);
	}
	draw_relu(p);
}

static void head(struct pen *p, const struct arch_input *in)
{
	int32_t channels = p->channels;
	draw_global_average(p);
	draw_flatten(p);
	draw_dropout(p, in->dropout);
	draw_dense(p, channels, (int32_t)in->classes, sqrt(1.0 / channels));
}

/* LeCun et al. (1998), with the parts that came later: ReLU, batch norm, dropout. */
static void draw_lenet(struct pen *p, const struct arch_input *in)
{
	int32_t side = in->size / 2 / 2;
	conv_norm_relu(p, 16, 5, 1);
	draw_max_pool(p, 2, 2, 0);
	conv_norm_relu(p, 32, 5, 1);
	draw_max_pool(p, 2, 2, 0);
	draw_flatten(p);
	draw_dropout(p, in->dropout);
	draw_dense(p, 32 * side * side, 128, sqrt(2.0 / (32 * side * side)));
	draw_relu(p);
	draw_dense(p, 128, (int32_t)in->classes, sqrt(1.0 / 128));
}

static void draw_resnet20(struct pen *p, const struct arch_input *in)
{
	conv_norm_relu(p, 16, 3, 1);
	for (int stage = 0; stage < 3; stage++)
		for (int block = 0; block < 3; block++)
			residual_block(p, 16 << stage, stage && !block ? 2 : 1);
	head(p, in);
}

static void draw_resnet_small(struct pen *p, const struct arch_input *in)
{
	conv_norm_relu(p, 24, 3, 2);
	residual_block(p, 40, 2);
	residual_block(p, 80, 2);
	residual_block(p, 80, 1);
	residual_block(p, 160, 2);
	residual_block(p, 160, 1);
	head(p, in);
}

/* Howard et al. (2017): depthwise 3 x 3, then 1 x 1. */
static void draw_mobilenet_small(struct pen *p, const struct arch_input *in)
{
	static const struct {
		int32_t out, stride;
	} block[] = {{32, 1}, {64, 2}, {64, 1}, {128, 2}, {128, 1}, {256, 2}, {256, 1}, {256, 1}};
	conv_norm_relu(p, 16, 3, 2);
	for (size_t i = 0; i < sizeof block / sizeof block[0]; i++) {
		conv_norm(p, p->channels, 3, block[i].stride, p->channels);
		draw_relu6(p);
		conv_norm(p, block[i].out, 1, 1, 1);
		draw_relu6(p);
	}
	head(p, in);
}

const struct train_arch train_archs[] = {
	{"resnet-small", "5 residual blocks for photos of 96 to 224 pixels, 1 million weights",
         128},
	{"resnet20", "ResNet-20 for pictures of about 32 pixels, 0.27 million weights", 32},
	{"lenet", "two convolutions and a dense layer, for digits and letters", 28},
	{"mobilenet-small", "depthwise separable, few multiplications", 128},
	{0},
};

/* A graph with an input of this shape, to draw on from there. */
static struct graph *begin(const char *name, int32_t channels, int32_t size, uint64_t seed,
                           struct pen *pen)
{
	struct graph *g = graph_new();
	char *copy = g ? arena_strdup(g->arena, name) : NULL;
	if (!copy || !(g->input = arena_alloc(g->arena, 1, sizeof *g->input)) ||
	    !(g->output = arena_alloc(g->arena, 1, sizeof *g->output))) {
		graph_free(g);
		return NULL;
	}
	g->name = copy;
	*pen = (struct pen){.g = g, .channels = channels, .prefix = ""};
	pen->random = random_seeded(seed, RANDOM_WEIGHTS, 0);
	pen->at = graph_add_value(g, "input");
	if (pen->at == NO_VALUE) {
		graph_free(g);
		return NULL;
	}
	struct value *v = &g->value[pen->at];
	const int64_t dim[] = {1, channels, size, size};
	v->dtype = CNN_F32;
	v->rank = 4;
	memcpy(v->dim, dim, sizeof dim);
	v->shaped = true;
	g->input[g->n_input++] = pen->at;
	return g;
}

/* What was drawn becomes the output. */
static enum cnn_status end(const char *name, struct pen *pen, struct graph **out,
                           struct cnn_error *err)
{
	struct graph *g = pen->g;
	enum cnn_status status = CNN_OK;
	if (pen->at == NO_VALUE)
		status = cnn_fail(err, CNN_NO_MEMORY, "%s: out of memory", name);
	if (!status) {
		g->output[g->n_output++] = pen->at;
		status = graph_infer(g, err);
	}
	if (status)
		graph_free(g);
	else
		*out = g;
	return status;
}

enum cnn_status arch_build(const char *name, const struct arch_input *input, struct graph **out,
                           struct cnn_error *err)
{
	static void (*const drawers[])(struct pen *, const struct arch_input *) = {
		draw_resnet_small, draw_resnet20, draw_lenet, draw_mobilenet_small};
	enum { LEAST_SIZE = 16 };
	struct pen pen;
	size_t i = 0;
	while (train_archs[i].name && strcmp(train_archs[i].name, name) != 0)
		i++;
	if (!train_archs[i].name)
		return cnn_fail(err, CNN_BAD_ARG, "there is no architecture '%s'", name);
	if (input->size < LEAST_SIZE)
		return cnn_fail(err, CNN_BAD_ARG, "%s: pictures of %d pixels are too small", name,
		                input->size);
	if (!begin(name, input->channels, input->size, input->seed, &pen))
		return cnn_fail(err, CNN_NO_MEMORY, "%s: out of memory", name);
	drawers[i](&pen, input);
	return end(name, &pen, out, err);
}

enum cnn_status arch_dense(size_t n, size_t classes, double dropout, uint64_t seed,
                           struct graph **out, struct cnn_error *err)
{
	static const char name[] = "a dense layer";
	struct pen pen;
	if (!begin(name, (int32_t)n, 1, seed, &pen))
		return cnn_fail(err, CNN_NO_MEMORY, "%s: out of memory", name);
	draw_flatten(&pen);
	draw_dropout(&pen, dropout);
	draw_dense(&pen, (int32_t)n, (int32_t)classes, 0.01 / sqrt((double)n));
	return end(name, &pen, out, err);
}
