/* eval_work.c - how long the evaluation of an operator takes that is worth a kernel. */
#include "engine/operators/einsum.h"
#include "engine/operators/eval.h"
#include "engine/operators/window.h"

/* Multiplications saturate: none of these is exact anyhow. */
static int64_t times(int64_t a, int64_t b)
{
	int64_t product;
	return __builtin_mul_overflow(a, b, &product) ? INT64_MAX / 4 : product;
}

static int64_t taps(const struct window_attr *w)
{
	int64_t count = 1;
	for (int a = 0; a < WINDOW_AXES; a++)
		count = times(count, window_get(w, a).kernel);
	return count;
}

static int64_t einsum_work(const struct graph *g, const struct node *n)
{
	struct einsum e;
	int64_t work = n->n_in;
	if (einsum_resolve(g, n, &e, NULL))
		return 0;
	for (int32_t i = 0; i < e.n_index; i++)
		work = times(work, e.size[i]);
	return work;
}

int64_t eval_work(const struct graph *g, const struct node *n)
{
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 1);
	const struct window_attr *w = &n->attr.window;
	switch (n->op) {
	case OP_QLINEAR_CONV:
		b = graph_in(g, n, 3);
		return times(graph_elements(graph_out(g, n)),
		             graph_elements(b) / (b->dim[0] ? b->dim[0] : 1));
	case OP_CONV:
	case OP_CONV_INTEGER:
		return times(graph_elements(graph_out(g, n)),
		             graph_elements(b) / (b->dim[0] ? b->dim[0] : 1));
	case OP_CONV_TRANSPOSE:
		return times(graph_elements(a), graph_elements(b) / (b->dim[0] ? b->dim[0] : 1));
	case OP_MAX_POOL:
	case OP_AVERAGE_POOL:
	case OP_LP_POOL:
	case OP_QLINEAR_AVERAGE_POOL:
		return times(graph_elements(graph_out(g, n)), taps(w));
	case OP_GEMM:
		return times(graph_elements(graph_out(g, n)), a->dim[n->attr.gemm.trans_a ? 0 : 1]);
	case OP_QGEMM:
		return times(graph_elements(graph_out(g, n)),
		             a->dim[n->attr.quant.trans_a ? 0 : 1]);
	case OP_MATMUL:
	case OP_QLINEAR_MATMUL:
	case OP_MATMUL_INTEGER:
		return times(graph_elements(graph_out(g, n)), a->dim[a->rank - 1]);
	case OP_LRN:
		return times(graph_elements(a),
		             n->attr.norm.size < a->dim[1] ? n->attr.norm.size : a->dim[1]);
	case OP_EINSUM:
		return einsum_work(g, n);
	case OP_GLOBAL_MAX_POOL:
	case OP_GLOBAL_AVERAGE_POOL:
	case OP_GLOBAL_LP_POOL:
	case OP_BATCH_NORM:
	case OP_INSTANCE_NORM:
	case OP_LAYER_NORM:
	case OP_GROUP_NORM:
	case OP_MEAN_VARIANCE_NORM:
	case OP_LP_NORM:
		return times(graph_elements(a), 4);
	default:
		return 0;
	}
}
