/* Building and running a network: see network.h. */
#include "engine/train/network.h"

#include "engine/base/cpu.h"
#include "engine/base/memory.h"
#include "engine/train/build.h"
#include "engine/train/layers.h"

#include <string.h>

/* Gradients are summed in this many parts; two where the weights are many. */
enum { SLICES = 8, FEW_SLICES = 2 };
static const size_t MAX_GRADIENT_BYTES = (size_t)256 << 20;

enum cnn_status build_unsupported(const struct node *n, const char *why, struct cnn_error *err)
{
	return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': %s cannot be trained%s%s", n->name,
	                op_table[n->op].onnx_name, *why ? ": " : "", why);
}

enum cnn_status build_no_memory(const struct node *n, struct cnn_error *err)
{
	return cnn_fail(err, CNN_NO_MEMORY, "node '%s': out of memory for training", n->name);
}

uint32_t build_feature_of(const struct building *b, value_id v)
{
	return v == NO_VALUE ? NO_FEATURE : b->feature_of[v];
}

uint32_t build_feature(struct building *b, value_id v, uint32_t like)
{
	const struct value *value = &b->g->value[v];
	struct network *net = b->net;
	struct feature f = {.h = 1, .w = 1, .c = (int32_t)value->dim[1]};
	if (value->rank == 4)
		f.h = (int32_t)value->dim[2];
	if (value->rank >= 3)
		f.w = (int32_t)value->dim[value->rank - 1];
	if (like != NO_FEATURE) {
		f.h = net->feature[like].h;
		f.w = net->feature[like].w;
		f.c = net->feature[like].c;
	}
	f.floats = (size_t)f.h * (size_t)f.w * (size_t)f.c;
	f.x = arena_alloc(net->arena, net->max_batch * f.floats, sizeof *f.x);
	/* Nobody needs the gradient of the pixels. */
	if (net->n_feature)
		f.g = arena_alloc(net->arena, net->max_batch * f.floats, sizeof *f.g);
	if (!f.x || (net->n_feature && !f.g))
		return NO_FEATURE;
	net->feature[net->n_feature] = f;
	return b->feature_of[v] = (uint32_t)net->n_feature++;
}

struct layer *build_layer(struct building *b, const struct node *n, const struct layer_kind *kind,
                          uint32_t in, uint32_t out, void *detail)
{
	struct layer *l = &b->net->layer[b->net->n_layer++];
	*l = (struct layer){.kind = kind, .in = in, .out = out, .detail = detail};
	l->name = n->name;
	return l;
}

size_t build_weights(struct building *b, struct weights w)
{
	struct network *net = b->net;
	if (graph_count_uses(b->g, w.value) != 1)
		return SIZE_MAX;
	w.n = (size_t)graph_elements(&b->g->value[w.value]);
	w.at = net->n_w;
	net->n_w += w.n;
	net->weights[net->n_weights++] = w;
	return w.at;
}

/* --- layers without weights ------------------------------------------------------------------------- */

static enum cnn_status build_pool(struct building *b, const struct node *n, struct cnn_error *err)
{
	struct network *net = b->net;
	bool global = n->op == OP_GLOBAL_AVERAGE_POOL || n->op == OP_GLOBAL_MAX_POOL;
	struct pool *p = arena_alloc(net->arena, 1, sizeof *p);
	uint32_t in = build_feature_of(b, n->in[0]), out = build_feature(b, n->out[0], NO_FEATURE);
	if (!p || out == NO_FEATURE)
		return build_no_memory(n, err);
	const struct feature *from = &net->feature[in];
	const struct window_attr *w = &n->attr.window;
	*p = (struct pool){.kernel = {from->h, from->w}, .stride = {1, 1}, .dilation = {1, 1}};
	p->average = n->op == OP_AVERAGE_POOL || n->op == OP_GLOBAL_AVERAGE_POOL;
	for (int i = 0; i < 2 && !global; i++) {
		p->kernel[i] = w->kernel[i];
		p->stride[i] = w->stride[i];
		p->pad[i] = w->pad[i];
		p->pad_behind[i] = w->pad[i + 2];
		p->dilation[i] = w->dilation[i];
	}
	p->count_padding = !global && w->count_include_pad;
	if (!p->average && (int64_t)p->kernel[0] * p->kernel[1] > POOL_NO_WINNER)
		return build_unsupported(n, "its window is too large", err);
	if (!p->average &&
	    !(p->winner = arena_alloc(net->arena, net->max_batch * net->feature[out].floats,
	                              sizeof *p->winner)))
		return build_no_memory(n, err);
	build_layer(b, n, &pool_kind, in, out, p);
	return CNN_OK;
}

static enum cnn_status build_concat(struct building *b, const struct node *n, struct cnn_error *err)
{
	struct network *net = b->net;
	int32_t rank = b->g->value[n->out[0]].rank;
	int64_t axis = n->attr.axes.axis < 0 ? n->attr.axes.axis + rank : n->attr.axes.axis;
	if (axis != 1)
		return build_unsupported(n, "its axis is not the channels'", err);
	struct concat *j = arena_alloc(net->arena, 1, sizeof *j);
	if (!j || !(j->in = arena_alloc(net->arena, n->n_in, sizeof *j->in)))
		return build_no_memory(n, err);
	j->n = n->n_in;
	for (uint32_t i = 0; i < n->n_in; i++)
		if ((j->in[i] = build_feature_of(b, n->in[i])) == NO_FEATURE)
			return build_unsupported(n, "it takes a constant", err);
	uint32_t out = build_feature(b, n->out[0], NO_FEATURE);
	if (out == NO_FEATURE)
		return build_no_memory(n, err);
	for (size_t i = 0; i < j->n; i++)
		if (net->feature[j->in[i]].h != net->feature[out].h ||
		    net->feature[j->in[i]].w != net->feature[out].w)
			return build_unsupported(n, "it joins flattened maps", err);
	build_layer(b, n, &concat_kind, NO_FEATURE, out, j);
	return CNN_OK;
}

static enum cnn_status build_dropout(struct building *b, const struct node *n,
                                     struct cnn_error *err)
{
	const struct value *ratio = graph_in(b->g, n, 1);
	struct dropout *d = arena_alloc(b->net->arena, 1, sizeof *d);
	uint32_t in = build_feature_of(b, n->in[0]), out = build_feature(b, n->out[0], in);
	if (!d || out == NO_FEATURE)
		return build_no_memory(n, err);
	bool given = ratio && ratio->data && ratio->dtype == CNN_F32 && graph_elements(ratio) == 1;
	d->rate = given ? (double)*(const float *)ratio->data : 0.5;
	d->stream = b->streams++;
	if (!(d->rate >= 0 && d->rate < 1))
		return build_unsupported(n, "its ratio is not in 0..1", err);
	build_layer(b, n, &dropout_kind, in, out, d);
	return CNN_OK;
}

/* The same numbers under another shape: [1][c][h][w] -> [1][c * h * w] and what does not move anything. */
static enum cnn_status build_view(struct building *b, const struct node *n, struct cnn_error *err)
{
	const struct value *in = &b->g->value[n->in[0]], *out = &b->g->value[n->out[0]];
	const struct feature *f = &b->net->feature[build_feature_of(b, n->in[0])];
	bool same = in->rank == out->rank && memcmp(in->dim, out->dim, sizeof in->dim) == 0;
	bool flat = out->rank == 2 && out->dim[0] == 1;
	bool point = f->h == 1 && f->w == 1 && out->rank >= 2 && out->dim[1] == f->c;
	if (!same && !flat && !point)
		return build_unsupported(n, "it moves numbers between channels", err);
	b->feature_of[n->out[0]] = build_feature_of(b, n->in[0]);
	return CNN_OK;
}

static enum cnn_status build_node(struct building *b, node_id id, struct cnn_error *err)
{
	const struct node *n = &b->g->node[id];
	if (b->chain[id].last == id)
		return build_block(b, &b->chain[id], err);
	if (b->claimed[id])
		return CNN_OK;
	if (build_feature_of(b, n->in[0]) == NO_FEATURE)
		return build_unsupported(n, "its input is constant", err);
	switch (n->op) {
	case OP_MAX_POOL:
	case OP_AVERAGE_POOL:
	case OP_GLOBAL_MAX_POOL:
	case OP_GLOBAL_AVERAGE_POOL:
		return build_pool(b, n, err);
	case OP_CONCAT:
		return build_concat(b, n, err);
	case OP_DROPOUT:
		return build_dropout(b, n, err);
	case OP_IDENTITY:
	case OP_FLATTEN:
	case OP_RESHAPE:
	case OP_SQUEEZE:
	case OP_UNSQUEEZE:
		return build_view(b, n, err);
	default:
		return build_unsupported(n, "", err);
	}
}

/* --- the whole --------------------------------------------------------------------------------------- */

static enum cnn_status start(struct building *b, struct cnn_error *err)
{
	const struct graph *g = b->g;
	struct network *net = b->net;
	b->feature_of = arena_alloc(net->arena, g->n_value, sizeof *b->feature_of);
	b->claimed = arena_alloc(net->arena, g->n_node, sizeof *b->claimed);
	b->chain = arena_alloc(net->arena, g->n_node, sizeof *b->chain);
	net->feature = arena_alloc(net->arena, g->n_node + 1, sizeof *net->feature);
	net->layer = arena_alloc(net->arena, g->n_node, sizeof *net->layer);
	net->weights = arena_alloc(net->arena, 6 * g->n_node, sizeof *net->weights);
	if (!b->feature_of || !b->claimed || !b->chain || !net->feature || !net->layer ||
	    !net->weights)
		return cnn_fail(err, CNN_NO_MEMORY, "%s: out of memory for training", g->name);
	for (size_t i = 0; i < g->n_value; i++)
		b->feature_of[i] = NO_FEATURE;
	for (size_t i = 0; i < g->n_node; i++)
		b->chain[i].last = NO_NODE;
	if (g->n_input != 1 || g->n_output != 1 || g->value[g->input[0]].rank != 4 ||
	    g->value[g->input[0]].dim[0] != 1)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "%s: to be trained, a network takes one picture and makes one row "
		                "of numbers",
		                g->name);
	net->input = build_feature(b, g->input[0], NO_FEATURE);
	return net->input == NO_FEATURE
	               ? cnn_fail(err, CNN_NO_MEMORY, "%s: out of memory for training", g->name)
	               : CNN_OK;
}

static enum cnn_status allocate(struct network *net, const char *name, struct cnn_error *err)
{
	size_t threads = cnn_pool_threads(net->pool);
	for (size_t i = 0; i < net->n_layer; i++)
		if (net->layer[i].prepare_bytes > net->scratch_wanted)
			net->scratch_wanted = net->layer[i].prepare_bytes;
	net->scratch_bytes = (net->scratch_wanted + ARENA_ALIGN) / ARENA_ALIGN * ARENA_ALIGN;
	net->w = arena_alloc(net->arena, net->n_w, sizeof *net->w);
	net->grad = arena_alloc(net->arena, net->slices * net->n_w, sizeof *net->grad);
	net->stats = arena_alloc(net->arena, net->n_stats, sizeof *net->stats);
	net->scratch = arena_alloc(net->arena, threads, net->scratch_bytes);
	if (!net->w || !net->grad || !net->stats || !net->scratch)
		return cnn_fail(err, CNN_NO_MEMORY, "%s: out of memory for training", name);
	return CNN_OK;
}

/* How many weights there will be: constants that are inputs of nodes, a little more than enough. */
static size_t count_weights(const struct graph *g)
{
	size_t n = 0;
	for (size_t i = 0; i < g->n_node; i++)
		for (uint32_t k = 0; !g->node[i].dead && k < g->node[i].n_in; k++)
			if (graph_is_constant(g, g->node[i].in[k]))
				n += (size_t)graph_elements(&g->value[g->node[i].in[k]]);
	return n;
}

static enum cnn_status build(struct network *net, const struct graph *g, struct cnn_error *err)
{
	struct building b = {.g = g, .net = net};
	size_t bytes = count_weights(g) * sizeof(float);
	net->slices = bytes > MAX_GRADIENT_BYTES / SLICES ? FEW_SLICES : SLICES;
	enum cnn_status status = start(&b, err);
	if (status)
		return status;
	build_chains(&b);
	for (node_id i = 0; i < g->n_node && !status; i++)
		if (!g->node[i].dead)
			status = build_node(&b, i, err);
	if (status)
		return status;
	net->output = build_feature_of(&b, g->output[0]);
	if (net->output == NO_FEATURE || net->output == net->input ||
	    net->feature[net->output].h != 1 || net->feature[net->output].w != 1)
		return cnn_fail(err, CNN_UNSUPPORTED, "%s: output '%s' is not one row of numbers",
		                g->name, g->value[g->output[0]].name);
	return allocate(net, g->name, err);
}

enum cnn_status network_new(const struct graph *g, size_t max_batch, enum cnn_isa max_isa,
                            struct cnn_pool *pool, struct network **out, struct cnn_error *err)
{
	struct arena *arena = arena_new();
	if (arena)
		arena_limit(arena, memory_bytes());
	struct network *net = arena ? arena_alloc(arena, 1, sizeof *net) : NULL;
	if (!net) {
		arena_free(arena);
		return cnn_fail_memory(err, "a network", sizeof *net);
	}
	net->arena = arena;
	net->k = kernels_for(max_isa);
	net->pool = pool;
	net->l2_bytes = cpu_l2_bytes();
	net->max_batch = max_batch;
	enum cnn_status status = build(net, g, err);
	if (status) {
		network_free(net);
		return status;
	}
	network_from_graph(net, g);
	*out = net;
	return CNN_OK;
}

void network_free(struct network *net)
{
	if (net)
		arena_free(net->arena);
}

/* --- running ---------------------------------------------------------------------------------------- */

struct preparing {
	struct network *net;
	bool backward;
};

static void prepare_layer(void *ctx, size_t i, size_t thread)
{
	const struct preparing *p = ctx;
	struct layer *l = &p->net->layer[i];
	if (l->kind->prepare)
		l->kind->prepare(p->net, l, thread_scratch(p->net, thread), p->backward);
}

void network_prepare(struct network *net, bool backward)
{
	struct preparing p = {net, backward};
	cnn_parallel_for(net->pool, net->n_layer, prepare_layer, &p);
}

void network_forward(struct network *net, const struct pass_run *run)
{
	for (size_t i = 0; i < net->n_layer; i++)
		net->layer[i].kind->forward(net, &net->layer[i], run);
}

static void clear_slice(void *ctx, size_t s, size_t thread)
{
	struct network *net = ctx;
	(void)thread;
	memset(net->grad + s * net->n_w, 0, net->n_w * sizeof *net->grad);
}

/* A piece of the weights: all slices' gradients into the first. */
enum { PIECE = 4096 };

static void sum_piece(void *ctx, size_t i, size_t thread)
{
	struct network *net = ctx;
	(void)thread;
	size_t end = (i + 1) * PIECE < net->n_w ? (i + 1) * PIECE : net->n_w;
	for (size_t s = 1; s < net->slices; s++) {
		const float *from = net->grad + s * net->n_w;
		for (size_t k = i * PIECE; k < end; k++)
			net->grad[k] += from[k];
	}
}

void network_backward(struct network *net, const struct pass_run *run)
{
	each_slice(net, clear_slice, net);
	for (size_t i = 0; i < net->n_feature; i++)
		net->feature[i].g_written = false;
	net->feature[net->output].g_written = true;
	for (size_t i = net->n_layer; i-- > 0;)
		net->layer[i].kind->backward(net, &net->layer[i], run);
	cnn_parallel_for(net->pool, (net->n_w + PIECE - 1) / PIECE, sum_piece, net);
}
