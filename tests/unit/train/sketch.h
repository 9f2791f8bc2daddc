/* sketch.h - graphs of random numbers and shapes, a line for each node. */
#ifndef TESTS_UNIT_TRAIN_SKETCH_H
#define TESTS_UNIT_TRAIN_SKETCH_H
#include "engine/train/random.h"
#include "tests/unit/graph/build.h"

#define SKETCH __attribute__((unused)) static

struct sketch {
	struct graph *g;
	struct random random;
	value_id at; /* the result of the last node */
};

SKETCH int32_t between(struct sketch *s, int32_t low, int32_t high)
{
	return low + (int32_t)random_below(&s->random, (uint32_t)(high - low + 1));
}

/* Of mean 0 and deviation 1. */
SKETCH double spread(struct sketch *s)
{
	return (random_unit(&s->random) * 2 - 1) * sqrt(3);
}

SKETCH struct sketch sketch_new(uint64_t seed, int64_t channels, int64_t height, int64_t width)
{
	struct sketch s = {.g = build_graph(), .random = random_seeded(seed, 0, 0)};
	s.at = build_input(s.g, CNN_F32, LIST(1, channels, height, width));
	return s;
}

SKETCH int64_t dim_of(const struct sketch *s, int i)
{
	return s->g->value[s->at].dim[i];
}

SKETCH value_id constant(struct sketch *s, int32_t rank, const int64_t *dim, double mean,
                         double deviation)
{
	void *data;
	value_id id = graph_add_constant(s->g, "constant", CNN_F32, rank, dim, &data);
	CHECK(id != NO_VALUE);
	for (int64_t i = 0; i < graph_elements(&s->g->value[id]); i++)
		((float *)data)[i] = (float)(mean + deviation * spread(s));
	return id;
}

SKETCH value_id row(struct sketch *s, int64_t n, double mean, double deviation)
{
	return constant(s, 1, &n, mean, deviation);
}

/* A node of the given inputs; the shapes are known afterwards. */
SKETCH struct node *draw(struct sketch *s, enum op op, const value_id *in, uint32_t n_in,
                         const union node_attr *attr)
{
	struct node *n = build_node(s->g, op, in, n_in, 1);
	if (attr)
		n->attr = *attr;
	s->at = n->out[0];
	infer(s->g);
	return n;
}

/* Kernel, stride, padding and dilation at random, such that `size` is not too small. */
SKETCH struct window_attr random_window(struct sketch *s, int32_t max_kernel, int32_t max_pad)
{
	struct window_attr w = {.group = 1, .spatial = 2};
	for (int i = 0; i < 2; i++) {
		int32_t size = (int32_t)dim_of(s, i + 2);
		w.kernel[i] = between(s, 1, max_kernel);
		w.stride[i] = between(s, 1, 3);
		w.dilation[i] = between(s, 0, 2) ? 1 : 2;
		w.pad[i] = between(s, 0, max_pad);
		w.pad[i + 2] = between(s, 0, max_pad);
		int32_t room = size + w.pad[i] + w.pad[i + 2];
		while ((w.kernel[i] - 1) * w.dilation[i] + 1 > room)
			w.kernel[i]--;
	}
	return w;
}

SKETCH struct window_attr square_window(int32_t kernel, int32_t stride, int32_t pad)
{
	return (struct window_attr){.kernel = {kernel, kernel},
	                            .stride = {stride, stride},
	                            .dilation = {1, 1},
	                            .pad = {pad, pad, pad, pad},
	                            .group = 1,
	                            .spatial = 2};
}

SKETCH void draw_conv(struct sketch *s, int64_t out, struct window_attr w, bool bias)
{
	const int64_t dim[] = {out, dim_of(s, 1) / w.group, w.kernel[0], w.kernel[1]};
	value_id in[] = {s->at, NO_VALUE, NO_VALUE};
	in[1] = constant(s, 4, dim, 0, 1 / sqrt((double)(dim[1] * dim[2] * dim[3])));
	if (bias)
		in[2] = row(s, out, 0, 0.3);
	draw(s, OP_CONV, in, bias ? 3 : 2, &(const union node_attr){.window = w});
}

SKETCH void draw_norm(struct sketch *s)
{
	int64_t n = dim_of(s, 1);
	value_id in[] = {s->at, row(s, n, 1, 0.2), row(s, n, 0, 0.3), row(s, n, 0, 0.1),
	                 row(s, n, 1, 0.2)};
	draw(s, OP_BATCH_NORM, in, 5, &(const union node_attr){.norm = {.epsilon = 1e-5f}});
}

SKETCH void draw_relu(struct sketch *s)
{
	draw(s, OP_RELU, &s->at, 1, NULL);
}

SKETCH void draw_clip(struct sketch *s, bool low, bool high)
{
	value_id in[] = {s->at, low ? constant(s, 0, NULL, -0.8, 0) : NO_VALUE,
	                 high ? constant(s, 0, NULL, 0.7, 0) : NO_VALUE};
	draw(s, OP_CLIP, in, 3, NULL);
}

SKETCH void draw_add(struct sketch *s, value_id first, value_id second)
{
	draw(s, OP_ADD, (value_id[]){first, second}, 2, NULL);
}

SKETCH void draw_pool(struct sketch *s, enum op op, struct window_attr w)
{
	draw(s, op, &s->at, 1, &(const union node_attr){.window = w});
}

SKETCH void draw_concat(struct sketch *s, const value_id *in, uint32_t n)
{
	draw(s, OP_CONCAT, in, n, &(const union node_attr){.axes = {.axis = 1}});
}

SKETCH void draw_dropout(struct sketch *s, double rate)
{
	draw(s, OP_DROPOUT, (value_id[]){s->at, constant(s, 0, NULL, rate, 0)}, 2, NULL);
}

SKETCH void draw_flatten(struct sketch *s)
{
	draw(s, OP_FLATTEN, &s->at, 1, &(const union node_attr){.axes = {.axis = 1}});
}

SKETCH void draw_gemm(struct sketch *s, int64_t out, bool by_rows, bool bias)
{
	int64_t in = dim_of(s, 1);
	value_id w = constant(s, 2, by_rows ? (int64_t[]){out, in} : (int64_t[]){in, out}, 0,
	                      1 / sqrt((double)in));
	const union node_attr attr = {.gemm = {.alpha = 1, .beta = 1, .trans_b = by_rows}};
	draw(s, OP_GEMM, (value_id[]){s->at, w, bias ? row(s, out, 0, 0.3) : NO_VALUE},
	     bias ? 3 : 2, &attr);
}

SKETCH void draw_matmul(struct sketch *s, int64_t out)
{
	value_id w =
		constant(s, 2, (int64_t[]){dim_of(s, 1), out}, 0, 1 / sqrt((double)dim_of(s, 1)));
	draw(s, OP_MATMUL, (value_id[]){s->at, w}, 2, NULL);
}

#endif
