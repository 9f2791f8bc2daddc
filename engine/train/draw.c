#include "engine/train/draw.h"

#include <math.h>
#include <stdio.h>

/* Box and Muller (1958). */
static double normal(struct random *r)
{
	double u = 1 - random_unit(r), v = random_unit(r);
	return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

static void name_of(const struct pen *p, const char *what, char text[64])
{
	snprintf(text, 64, "%s%s_%zu", p->prefix, what, p->n);
}

/* A constant float tensor, zeros. */
static value_id constant(struct pen *p, const char *what, int32_t rank, const int64_t *dim,
                         float **data)
{
	char name[64];
	void *bytes = NULL;
	name_of(p, what, name);
	value_id v = graph_add_constant(p->g, name, CNN_F32, rank, dim, &bytes);
	*data = bytes;
	return v;
}

/* A node of one input that is pen->at, and further ones to be set by the caller; its result becomes pen->at. */
static struct node *node(struct pen *p, enum op op, uint32_t n_in)
{
	char name[64];
	if (p->at == NO_VALUE)
		return NULL;
	name_of(p, op_table[op].onnx_name, name);
	node_id id = graph_add_node(p->g, op, name, n_in, 1);
	value_id out = graph_add_value(p->g, name);
	if (id == NO_NODE || out == NO_VALUE) {
		p->at = NO_VALUE;
		return NULL;
	}
	struct node *n = &p->g->node[id];
	n->in[0] = p->at;
	n->out[0] = p->at = out;
	p->g->value[out].producer = id;
	p->n++;
	return n;
}

static void set_input(struct pen *p, struct node *n, uint32_t i, value_id v)
{
	n->in[i] = v;
	if (v == NO_VALUE)
		p->at = NO_VALUE;
}

static value_id filled(struct pen *p, const char *what, int32_t n, float x)
{
	float *data;
	value_id v = constant(p, what, 1, (int64_t[]){n}, &data);
	for (int32_t i = 0; v != NO_VALUE && i < n; i++)
		data[i] = x;
	return v;
}

void draw_conv(struct pen *p, struct draw_conv c)
{
	const int64_t dim[] = {c.out, p->channels / c.groups, c.kernel, c.kernel};
	float *w;
	struct node *n = node(p, OP_CONV, c.bias ? 3 : 2);
	if (!n)
		return;
	value_id weights = constant(p, "weight", 4, dim, &w);
	/* He et al. (2015), by what leaves the layer. */
	double deviation = sqrt(2.0 * c.groups / ((double)c.kernel * c.kernel * c.out));
	for (int64_t i = 0; weights != NO_VALUE && i < dim[0] * dim[1] * dim[2] * dim[3]; i++)
		w[i] = (float)(deviation * normal(&p->random));
	set_input(p, n, 1, weights);
	if (c.bias)
		set_input(p, n, 2, filled(p, "bias", c.out, 0));
	struct window_attr *a = &n->attr.window;
	*a = (struct window_attr){.group = c.groups, .spatial = 2, .dilation = {1, 1}};
	for (int i = 0; i < 2; i++) {
		a->kernel[i] = c.kernel;
		a->stride[i] = c.stride;
		a->pad[i] = a->pad[i + 2] = c.kernel / 2;
	}
	p->channels = c.out;
}

void draw_norm(struct pen *p, float gamma)
{
	struct node *n = node(p, OP_BATCH_NORM, 5);
	if (!n)
		return;
	set_input(p, n, 1, filled(p, "gamma", p->channels, gamma));
	set_input(p, n, 2, filled(p, "beta", p->channels, 0));
	set_input(p, n, 3, filled(p, "mean", p->channels, 0));
	set_input(p, n, 4, filled(p, "variance", p->channels, 1));
	n->attr.norm.epsilon = 1e-5f;
}

void draw_relu(struct pen *p)
{
	node(p, OP_RELU, 1);
}

void draw_relu6(struct pen *p)
{
	struct node *n = node(p, OP_CLIP, 3);
	float *bound;
	for (uint32_t i = 1; n && i <= 2; i++) {
		value_id v = constant(p, i == 1 ? "min" : "max", 0, NULL, &bound);
		if (v != NO_VALUE)
			*bound = i == 1 ? 0 : 6;
		set_input(p, n, i, v);
	}
}

void draw_max_pool(struct pen *p, int32_t kernel, int32_t stride, int32_t pad)
{
	struct node *n = node(p, OP_MAX_POOL, 1);
	if (!n)
		return;
	struct window_attr *a = &n->attr.window;
	*a = (struct window_attr){.group = 1, .spatial = 2, .dilation = {1, 1}};
	for (int i = 0; i < 2; i++) {
		a->kernel[i] = kernel;
		a->stride[i] = stride;
		a->pad[i] = a->pad[i + 2] = pad;
	}
}

void draw_global_average(struct pen *p)
{
	node(p, OP_GLOBAL_AVERAGE_POOL, 1);
}

void draw_flatten(struct pen *p)
{
	struct node *n = node(p, OP_FLATTEN, 1);
	if (n)
		n->attr.axes.axis = 1;
}

void draw_add(struct pen *p, value_id other)
{
	struct node *n = node(p, OP_ADD, 2);
	if (n)
		set_input(p, n, 1, other);
}

void draw_dropout(struct pen *p, double rate)
{
	if (rate <= 0)
		return;
	struct node *n = node(p, OP_DROPOUT, 2);
	float *ratio;
	if (!n)
		return;
	value_id v = constant(p, "ratio", 0, NULL, &ratio);
	if (v != NO_VALUE)
		*ratio = (float)rate;
	set_input(p, n, 1, v);
}

void draw_dense(struct pen *p, int32_t in, int32_t out, double deviation)
{
	struct node *n = node(p, OP_GEMM, 3);
	float *w;
	if (!n)
		return;
	value_id weights = constant(p, "weight", 2, (int64_t[]){out, in}, &w);
	for (int64_t i = 0; weights != NO_VALUE && i < (int64_t)in * out; i++)
		w[i] = (float)(deviation * normal(&p->random));
	set_input(p, n, 1, weights);
	set_input(p, n, 2, filled(p, "bias", out, 0));
	n->attr.gemm = (struct gemm_attr){.alpha = 1, .beta = 1, .trans_b = true};
	p->channels = out;
}
