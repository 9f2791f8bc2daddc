/* Chains of nodes that become blocks. */
#include "engine/train/build.h"

#include <math.h>

/* The one live node that uses v, when there is just one use; else NO_NODE. */
static node_id sole_user(const struct graph *g, value_id v)
{
	if (graph_count_uses(g, v) != 1)
		return NO_NODE;
	for (node_id i = 0; i < g->n_node; i++)
		for (uint32_t k = 0; !g->node[i].dead && k < g->node[i].n_in; k++)
			if (g->node[i].in[k] == v)
				return i;
	return NO_NODE;
}

static bool is_product(enum op op)
{
	return op == OP_CONV || op == OP_GEMM || op == OP_MATMUL;
}

static bool same_shape(const struct graph *g, value_id a, value_id b)
{
	const struct value *x = &g->value[a], *y = &g->value[b];
	bool same = x->rank == y->rank && !x->data && !y->data;
	for (int32_t i = 0; same && i < x->rank; i++)
		same = x->dim[i] == y->dim[i];
	return same;
}

/* Does node `id` continue the chain whose result so far is v? Takes it, then. */
static bool take(struct building *b, struct chain *c, node_id id, value_id v)
{
	const struct graph *g = b->g;
	if (id == NO_NODE || b->claimed[id])
		return false;
	const struct node *n = &g->node[id];
	if (is_product(n->op) && c->last == NO_NODE) {
		c->product = id;
	} else if (n->op == OP_BATCH_NORM && c->norm == NO_NODE && c->add == NO_NODE &&
	           c->act == NO_NODE && (v == NO_VALUE || n->in[0] == v)) {
		c->norm = id;
	} else if (n->op == OP_ADD && c->add == NO_NODE && c->act == NO_NODE &&
	           same_shape(g, n->in[0], n->in[1]) &&
	           (v == NO_VALUE || same_shape(g, v, n->out[0]))) {
		c->add = id;
		c->residual = v == NO_VALUE || n->in[0] == v ? n->in[1] : n->in[0];
	} else if ((n->op == OP_RELU || n->op == OP_CLIP) && c->act == NO_NODE &&
	           (v == NO_VALUE || n->in[0] == v)) {
		c->act = id;
	} else {
		return false;
	}
	c->last = id;
	b->claimed[id] = true;
	return true;
}

void build_chains(struct building *b)
{
	const struct graph *g = b->g;
	for (node_id i = 0; i < g->n_node; i++) {
		struct chain c = {NO_NODE, NO_NODE, NO_NODE, NO_NODE, NO_NODE, NO_VALUE};
		if (g->node[i].dead || !take(b, &c, i, NO_VALUE))
			continue;
		while (take(b, &c, sole_user(g, g->node[c.last].out[0]), g->node[c.last].out[0]))
			;
		b->chain[c.last] = c;
	}
}

/* --- one block --------------------------------------------------------------------------------------- */

static enum cnn_status add_vector(struct building *b, const struct node *n, value_id v,
                                  size_t channels, size_t *at, struct cnn_error *err)
{
	const struct value *value = &b->g->value[v];
	if (!value->data || (size_t)graph_elements(value) != channels)
		return build_unsupported(
			n, "its bias or scale is not one constant for each channel", err);
	struct weights w = {
		.value = v, .groups = 1, .taps = 1, .c = 1, .n_out = channels, .spatial = 1};
	*at = build_weights(b, w);
	return *at == SIZE_MAX ? build_unsupported(n, "its weights are used twice", err) : CNN_OK;
}

/* Room for a constant's running statistic. */
static enum cnn_status add_statistic(struct building *b, const struct node *n, value_id v,
                                     size_t channels, size_t *at, struct cnn_error *err)
{
	const struct value *value = &b->g->value[v];
	if (!value->data || (size_t)graph_elements(value) != channels)
		return build_unsupported(n, "its mean or variance is not constant", err);
	if (graph_count_uses(b->g, v) != 1)
		return build_unsupported(n, "its mean or variance is used twice", err);
	*at = b->net->n_stats;
	b->net->n_stats += channels;
	return CNN_OK;
}

static enum cnn_status kernel_of_conv(struct building *b, const struct node *n,
                                      struct conv_shape *s, struct weights *w,
                                      struct cnn_error *err)
{
	const struct window_attr *a = &n->attr.window;
	const struct value *value = &b->g->value[n->in[1]];
	if (!value->data)
		return build_unsupported(n, "its weights are not constant", err);
	for (int i = 0; i < 2; i++) {
		s->kernel[i] = a->kernel[i];
		s->stride[i] = a->stride[i];
		s->pad[i] = a->pad[i];
		s->dilation[i] = a->dilation[i];
	}
	s->groups = (size_t)a->group;
	s->c = (size_t)value->dim[1];
	s->n = (size_t)value->dim[0] / s->groups;
	*w = (struct weights){
		.value = n->in[1], .decays = true, .groups = s->groups, .c = s->c, .n_out = s->n};
	w->taps = (size_t)s->kernel[0] * (size_t)s->kernel[1];
	w->spatial = 1;
	/* Depthwise kernels lie [kh][kw][channels]. */
	if (s->groups > 1 && s->c == 1 && s->n == 1) {
		w->n_out = s->groups;
		w->groups = 1;
	}
	return CNN_OK;
}

/* A dense layer is a convolution of one position. */
static enum cnn_status kernel_of_dense(struct building *b, const struct node *n,
                                       const struct feature *in, struct conv_shape *s,
                                       struct weights *w, struct cnn_error *err)
{
	const struct gemm_attr *a = &n->attr.gemm;
	const struct value *value = &b->g->value[n->in[1]];
	bool gemm = n->op == OP_GEMM, by_rows = gemm && a->trans_b;
	if (!value->data || value->rank != 2)
		return build_unsupported(n, "its weights are not a constant matrix", err);
	if (gemm && (a->trans_a || a->alpha != 1 || (n->n_in > 2 && a->beta != 1)))
		return build_unsupported(n, "transA, alpha and beta are not supported", err);
	*s = (struct conv_shape){{1, 1}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, 0, 0};
	s->c = (size_t)value->dim[by_rows ? 1 : 0];
	s->n = (size_t)value->dim[by_rows ? 0 : 1];
	if (s->c != in->floats || b->g->value[n->in[0]].rank != 2)
		return build_unsupported(n, "its input is not one row of numbers", err);
	*w = (struct weights){.value = n->in[1],
	                      .decays = true,
	                      .groups = 1,
	                      .taps = 1,
	                      .c = s->c,
	                      .n_out = s->n};
	w->transposed = !by_rows;
	w->spatial = (size_t)in->h * (size_t)in->w;
	return CNN_OK;
}

static enum cnn_status build_product(struct building *b, const struct node *n, uint32_t in,
                                     uint32_t out, struct block *block, struct cnn_error *err)
{
	struct network *net = b->net;
	const struct feature *x = &net->feature[in], *y = &net->feature[out];
	struct conv_shape s = {0};
	struct weights w;
	enum cnn_status status = n->op == OP_CONV ? kernel_of_conv(b, n, &s, &w, err)
	                                          : kernel_of_dense(b, n, x, &s, &w, err);
	if (status)
		return status;
	if (n->op == OP_CONV) {
		s.in[0] = x->h;
		s.in[1] = x->w;
		s.out[0] = y->h;
		s.out[1] = y->w;
	}
	size_t at = build_weights(b, w);
	if (at == SIZE_MAX)
		return build_unsupported(n, "its weights are used twice", err);
	if (n->n_in > 2 && n->in[2] != NO_VALUE) {
		block->has_bias = true;
		if ((status = add_vector(b, n, n->in[2], block->channels, &block->bias_at, err)))
			return status;
	}
	net->macs += (int64_t)(w.n ? w.n : w.groups * w.taps * w.c * w.n_out) * s.out[0] * s.out[1];
	block->has_conv = true;
	return conv_new(net, &s, at, x->g != NULL, &block->conv) ? CNN_OK : build_no_memory(n, err);
}

static enum cnn_status build_norm(struct building *b, const struct node *n, struct block *block,
                                  struct cnn_error *err)
{
	size_t channels = block->channels;
	enum cnn_status status = add_vector(b, n, n->in[1], channels, &block->gamma_at, err);
	if (!status)
		status = add_vector(b, n, n->in[2], channels, &block->beta_at, err);
	if (!status)
		status = add_statistic(b, n, n->in[3], channels, &block->mean_at, err);
	if (!status)
		status = add_statistic(b, n, n->in[4], channels, &block->variance_at, err);
	block->has_norm = true;
	block->epsilon = n->attr.norm.epsilon;
	return status;
}

static enum cnn_status build_clamp(const struct building *b, const struct node *n,
                                   struct block *block, struct cnn_error *err)
{
	if (n->op == OP_RELU) {
		block->lo = 0;
		return CNN_OK;
	}
	float *bound[] = {&block->lo, &block->hi};
	for (uint32_t i = 0; i < 2; i++) {
		const struct value *v = graph_in(b->g, n, i + 1);
		if (v && (!v->data || v->dtype != CNN_F32 || graph_elements(v) != 1))
			return build_unsupported(n, "its bounds are not constant", err);
		if (v)
			*bound[i] = *(const float *)v->data;
	}
	return CNN_OK;
}

/* Values of equal shape may be a row and a map that was flattened. */
static bool same_arrangement(const struct network *net, uint32_t a, uint32_t b)
{
	const struct feature *x = &net->feature[a], *y = &net->feature[b];
	return x->h == y->h && x->w == y->w && x->c == y->c;
}

enum cnn_status build_block(struct building *b, const struct chain *chain, struct cnn_error *err)
{
	const struct graph *g = b->g;
	struct network *net = b->net;
	const struct node *last = &g->node[chain->last];
	node_id head = chain->product != NO_NODE ? chain->product
	               : chain->norm != NO_NODE  ? chain->norm
	               : chain->add != NO_NODE   ? chain->add
	                                         : chain->act;
	const struct node *first = &g->node[head];
	uint32_t in = build_feature_of(b, first->in[0]);
	if (in == NO_FEATURE)
		return build_unsupported(first, "its input is constant", err);
	struct block *block = arena_alloc(net->arena, 1, sizeof *block);
	uint32_t out = build_feature(b, last->out[0], chain->product == NO_NODE ? in : NO_FEATURE);
	if (!block || out == NO_FEATURE)
		return build_no_memory(last, err);
	block->floats = net->feature[out].floats;
	block->channels = (size_t)net->feature[out].c;
	block->lo = -INFINITY;
	block->hi = INFINITY;
	block->residual = build_feature_of(b, chain->residual);
	if (block->residual != NO_FEATURE && !same_arrangement(net, block->residual, out))
		return build_unsupported(&g->node[chain->add], "it adds a flattened map to a row",
		                         err);
	enum cnn_status status = CNN_OK;
	if (chain->product != NO_NODE)
		status = build_product(b, first, in, out, block, err);
	if (!status && chain->norm != NO_NODE)
		status = build_norm(b, &g->node[chain->norm], block, err);
	if (!status && chain->act != NO_NODE)
		status = build_clamp(b, &g->node[chain->act], block, err);
	if (status)
		return status;
	if (!block_new(net, block))
		return build_no_memory(last, err);
	struct layer *l = build_layer(b, first, &block_kind, in, out, block);
	l->prepare_bytes = block->has_conv ? conv_prepare_bytes(&block->conv) : 0;
	return CNN_OK;
}
