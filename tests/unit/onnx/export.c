/* export.c - graphs by hand, written and read again: node by node the same. */
#include "engine/onnx/exporter.h"
#include "tests/unit/onnx/exported.h"

static void every_operator_is_written(void)
{
	for (int op = 0; op < OP_COUNT; op++)
		CHECK((export_table[op] != NULL) == (op_table[op].onnx_name[0] != '('));
}

static void same_value(const struct value *a, const struct value *b)
{
	CHECK_INT(a->dtype, b->dtype);
	CHECK_INT(a->rank, b->rank);
	for (int32_t i = 0; i < a->rank; i++)
		CHECK_INT(a->dim[i], b->dim[i]);
	CHECK((a->data == NULL) == (b->data == NULL));
	if (a->data)
		CHECK(memcmp(a->data, b->data, graph_value_bytes(a)) == 0);
}

static void same_window(const struct window_attr *a, const struct window_attr *b)
{
	CHECK_INT(a->group, b->group);
	CHECK_INT(a->spatial, b->spatial);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(a->kernel[i], b->kernel[i]);
		CHECK_INT(a->stride[i], b->stride[i]);
		CHECK_INT(a->dilation[i], b->dilation[i]);
		CHECK_INT(a->pad[i], b->pad[i]);
		CHECK_INT(a->pad[i + 2], b->pad[i + 2]);
	}
	CHECK_INT(a->ceil_mode && a->auto_pad == PAD_EXPLICIT, b->ceil_mode);
	CHECK_INT(a->count_include_pad, b->count_include_pad);
	CHECK_INT(b->auto_pad, PAD_EXPLICIT);
}

static void same_attributes(enum op op, const union node_attr *a, const union node_attr *b)
{
	switch (op) {
	case OP_CONV:
	case OP_MAX_POOL:
	case OP_AVERAGE_POOL:
		same_window(&a->window, &b->window);
		break;
	case OP_BATCH_NORM:
		CHECK(a->norm.epsilon == b->norm.epsilon);
		break;
	case OP_LRN:
		CHECK(a->norm.alpha == b->norm.alpha && a->norm.beta == b->norm.beta &&
		      a->norm.bias == b->norm.bias && a->norm.size == b->norm.size);
		break;
	case OP_GEMM:
		CHECK(a->gemm.alpha == b->gemm.alpha && a->gemm.beta == b->gemm.beta);
		CHECK(a->gemm.trans_a == b->gemm.trans_a && a->gemm.trans_b == b->gemm.trans_b);
		break;
	case OP_LEAKY_RELU:
	case OP_ELU:
	case OP_SELU:
	case OP_HARD_SIGMOID:
		CHECK(a->unary.alpha == b->unary.alpha && a->unary.beta == b->unary.beta);
		break;
	case OP_SOFTMAX:
	case OP_LOG_SOFTMAX:
	case OP_CONCAT:
	case OP_SPLIT:
	case OP_FLATTEN:
	case OP_GATHER:
		CHECK_INT(a->axes.axis, b->axes.axis);
		CHECK_INT(a->axes.coerced_2d, b->axes.coerced_2d);
		break;
	case OP_REDUCE_MEAN:
	case OP_REDUCE_SUM:
	case OP_REDUCE_MAX:
	case OP_REDUCE_MIN:
	case OP_REDUCE_PROD:
		CHECK_INT(a->axes.keep_dims, b->axes.keep_dims);
		break;
	case OP_TRANSPOSE:
		CHECK_INT(a->perm.n, b->perm.n);
		for (int i = 0; i < a->perm.n; i++)
			CHECK_INT(a->perm.perm[i], b->perm.perm[i]);
		break;
	case OP_PAD:
		CHECK_INT(a->pad_mode, b->pad_mode);
		break;
	case OP_CAST:
		CHECK_INT(a->cast_to, b->cast_to);
		break;
	case OP_RESHAPE:
		CHECK_INT(a->allow_zero, b->allow_zero);
		break;
	default:
		break;
	}
}

/* Node by node; `as[v]` is what the value v of `a` is in `b`. */
static void same_node(const struct graph *a, const struct node *n, const struct graph *b,
                      const struct node *m, value_id *as)
{
	CHECK_STR(m->name, n->name);
	CHECK_STR(op_table[m->op].onnx_name, op_table[n->op].onnx_name);
	CHECK_INT(m->n_in, n->n_in);
	CHECK_INT(m->n_out, n->n_out);
	for (uint32_t k = 0; k < n->n_in; k++) {
		CHECK((n->in[k] == NO_VALUE) == (m->in[k] == NO_VALUE));
		if (n->in[k] == NO_VALUE)
			continue;
		same_value(&a->value[n->in[k]], &b->value[m->in[k]]);
		if (!graph_is_constant(a, n->in[k]))
			CHECK_INT(as[n->in[k]], m->in[k]);
	}
	for (uint32_t k = 0; k < n->n_out; k++) {
		same_value(&a->value[n->out[k]], &b->value[m->out[k]]);
		as[n->out[k]] = m->out[k];
	}
	same_attributes(n->op, &n->attr, &m->attr);
}

/* Infers g, writes it, reads it and infers that. */
static void round_trip(struct graph *g, const struct onnx_export_options *options)
{
	infer(g);
	struct graph *b = again(g, options, NULL);
	close_inputs(b, 1);
	infer(b);
	value_id *as = arena_alloc(g->arena, g->n_value, sizeof *as);
	size_t at = 0;
	CHECK_INT(b->n_input, g->n_input);
	for (size_t i = 0; i < g->n_input; i++) {
		CHECK_STR(b->value[b->input[i]].name, g->value[g->input[i]].name);
		same_value(&g->value[g->input[i]], &b->value[b->input[i]]);
		as[g->input[i]] = b->input[i];
	}
	for (size_t i = 0; i < g->n_node; i++) {
		if (g->node[i].dead)
			continue;
		CHECK(at < b->n_node);
		same_node(g, &g->node[i], b, &b->node[at++], as);
	}
	CHECK_INT(at, b->n_node);
	CHECK_INT(b->n_output, g->n_output);
	for (size_t i = 0; i < g->n_output; i++)
		CHECK_INT(as[g->output[i]], b->output[i]);
	graph_free(b);
	graph_free(g);
}

/* What a classifier is made of. */
static void networks(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 3, 17, 12));
	x = op(g, OP_CONV, IDS(x, build_weights(g, LIST(8, 3, 3, 5)), build_weights(g, LIST(8))));
	attr(g)->window.stride[0] = 2;
	attr(g)->window.auto_pad = PAD_SAME_UPPER;
	value_id c = build_weights(g, LIST(8));
	x = op(g, OP_BATCH_NORM, IDS(x, c, c, build_weights(g, LIST(8)), c));
	attr(g)->norm.epsilon = 0.25f;
	value_id r = x = op(g, OP_RELU, IDS(x));
	x = op(g, OP_CONV, IDS(x, build_weights(g, LIST(8, 1, 3, 3))));
	attr(g)->window.group = 8;
	attr(g)->window.dilation[1] = 2;
	for (int i = 0; i < 4; i++)
		attr(g)->window.pad[i] = i % 2 + 1;
	x = op(g, OP_ADD, IDS(x, r));
	value_id m = op(g, OP_MAX_POOL, IDS(x));
	attr(g)->window.kernel[0] = attr(g)->window.kernel[1] = 2;
	attr(g)->window.stride[0] = attr(g)->window.stride[1] = 2;
	attr(g)->window.ceil_mode = true;
	value_id a = op(g, OP_AVERAGE_POOL, IDS(x));
	attr(g)->window.kernel[0] = attr(g)->window.kernel[1] = 3;
	attr(g)->window.stride[0] = attr(g)->window.stride[1] = 2;
	attr(g)->window.auto_pad = PAD_SAME_LOWER;
	attr(g)->window.ceil_mode = true;
	attr(g)->window.count_include_pad = true;
	x = op(g, OP_CONCAT, IDS(m, a));
	attr(g)->axes.axis = 1;
	x = op(g, OP_CLIP, IDS(x, number(g, 0), number(g, 6)));
	x = op(g, OP_CLIP, IDS(x, NO_VALUE, number(g, 5)));
	x = op(g, OP_CLIP, IDS(x, number(g, 1), NO_VALUE));
	g->node[g->n_node - 1].n_in = 2;
	value_id p = op(g, OP_GLOBAL_MAX_POOL, IDS(x));
	x = op(g, OP_GLOBAL_AVERAGE_POOL, IDS(x));
	x = op(g, OP_MUL, IDS(x, p));
	x = op(g, OP_FLATTEN, IDS(x));
	attr(g)->axes.axis = -3;
	x = op(g, OP_GEMM, IDS(x, build_weights(g, LIST(5, 16)), build_weights(g, LIST(5))));
	attr(g)->gemm = (struct gemm_attr){0.5f, 2, false, true};
	x = op(g, OP_SOFTMAX, IDS(x));
	attr(g)->axes.axis = -1;
	build_output(g, x);
	build_output(g, r);
	round_trip(g, &batched);
}

static void one_spatial_axis(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 2, 20));
	x = op(g, OP_CONV, IDS(x, build_weights(g, LIST(3, 2, 4))));
	attr(g)->window.stride[1] = 2;
	attr(g)->window.dilation[1] = 3;
	attr(g)->window.pad[1] = 1;
	attr(g)->window.pad[3] = 2;
	x = op(g, OP_MAX_POOL, IDS(x));
	attr(g)->window.kernel[1] = 2;
	build_output(g, x);
	round_trip(g, &plain);
}

static void elementwise(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 4, 6, 8)), y = x;
	static const enum op bare[] = {
		OP_RELU, OP_SIGMOID, OP_HARD_SWISH, OP_TANH, OP_SOFTPLUS, OP_ERF,     OP_EXP,
		OP_LOG,  OP_SQRT,    OP_ABS,        OP_NEG,  OP_FLOOR,    OP_CEIL,    OP_RECIPROCAL,
		OP_SUM,  OP_MIN,     OP_MAX,        OP_MEAN, OP_IDENTITY, OP_DROPOUT,
	};
	static const enum op curves[] = {OP_LEAKY_RELU, OP_ELU};
	static const enum op curves_of_two[] = {OP_SELU, OP_HARD_SIGMOID};
	static const enum op joins[] = {OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_POW,
	                                OP_MIN, OP_MAX, OP_SUM, OP_MEAN};
	for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++)
		y = op(g, bare[i], IDS(y));
	for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
		y = op(g, curves[i], IDS(y));
		attr(g)->unary.alpha = 0.75f;
	}
	for (size_t i = 0; i < sizeof curves_of_two / sizeof curves_of_two[0]; i++) {
		y = op(g, curves_of_two[i], IDS(y));
		attr(g)->unary = (struct unary_attr){.alpha = 0.75f, .beta = 0.375f};
	}
	for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++)
		y = op(g, joins[i], IDS(y, i % 2 ? x : build_weights(g, LIST(4, 1, 1))));
	y = op(g, OP_DROPOUT, IDS(y, number(g, 0.5f)));
	y = op(g, OP_PRELU, IDS(y, build_weights(g, LIST(4, 1, 1))));
	y = op(g, OP_LRN, IDS(y));
	attr(g)->norm = (struct norm_attr){.alpha = 0.5f, .beta = 0.25f, .bias = 2, .size = 3};
	y = op(g, OP_LOG_SOFTMAX, IDS(y));
	attr(g)->axes.axis = 2;
	y = op(g, OP_CAST, IDS(y));
	attr(g)->cast_to = CNN_F32;
	y = op(g, OP_MATMUL, IDS(y, build_weights(g, LIST(8, 2))));
	build_output(g, y);
	round_trip(g, &plain);
}

static void movement(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 4, 6, 8)), y;
	y = op(g, OP_TRANSPOSE, IDS(x));
	attr(g)->perm = (struct perm_attr){4, {0, 2, 3, 1}};
	y = op(g, OP_TRANSPOSE, IDS(y));
	y = op(g, OP_RESHAPE, IDS(y, build_ints(g, LIST(4, 0, -1))));
	y = op(g, OP_RESHAPE, IDS(y, build_ints(g, LIST(1, 4, 6, 8))));
	attr(g)->allow_zero = true;
	struct node *split = build_node(g, OP_SPLIT, IDS(y, build_ints(g, LIST(1, 5))), 2);
	split->attr.axes.axis = 2;
	y = split->out[1];
	split = build_node(g, OP_SPLIT, IDS(y), 4);
	split->attr.axes.axis = -1;
	y = op(g, OP_CONCAT, IDS(split->out[0], split->out[2], split->out[3]));
	attr(g)->axes.axis = -1;
	y = op(g, OP_SLICE,
	       IDS(y, build_ints(g, LIST(-1, 0)), build_ints(g, LIST(INT64_MIN, 3)),
	           build_ints(g, LIST(2, 1)), build_ints(g, LIST(-2, 1))));
	y = op(g, OP_SLICE,
	       IDS(y, build_ints(g, LIST(0)), build_ints(g, LIST(2)), build_ints(g, LIST(1))));
	y = op(g, OP_PAD, IDS(y, build_ints(g, LIST(0, 0, 1, 1, 0, 0, 1, 0)), number(g, 3)));
	y = op(g, OP_PAD, IDS(y, build_ints(g, LIST(0, 0, 1, 1, 0, 0, -1, 0))));
	attr(g)->pad_mode = PAD_REFLECT;
	y = op(g, OP_GATHER, IDS(y, build_ints(g, LIST(1))));
	attr(g)->axes.axis = -3;
	y = op(g, OP_SQUEEZE, IDS(y, build_ints(g, LIST(1))));
	y = op(g, OP_UNSQUEEZE, IDS(y, build_ints(g, LIST(-1, 1))));
	y = op(g, OP_EXPAND, IDS(y, build_ints(g, LIST(1, 2, 1, 1, 1))));
	build_output(g, y);
	build_output(g, op(g, OP_SQUEEZE, IDS(x)));
	round_trip(g, &plain);
}

static void reductions(void)
{
	static const enum op kinds[] = {OP_REDUCE_MEAN, OP_REDUCE_SUM, OP_REDUCE_MAX, OP_REDUCE_MIN,
	                                OP_REDUCE_PROD};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct graph *g = build_graph();
		value_id x = build_input(g, CNN_F32, LIST(1, 4, 6, 8));
		x = op(g, kinds[i], IDS(x, build_ints(g, LIST(-1, 1))));
		attr(g)->axes.keep_dims = true;
		x = op(g, kinds[i], IDS(x, build_ints(g, LIST(2))));
		build_output(g, op(g, kinds[i], IDS(x)));
		round_trip(g, &plain);
	}
}

static void *constant(struct graph *g, enum cnn_dtype dtype, value_id *id)
{
	void *data;
	*id = graph_add_constant(g, "c", dtype, 2, (const int64_t[]){2, 2}, &data);
	CHECK(*id != NO_VALUE);
	return data;
}

/* Also of no elements; and an initialiser may be an output. */
static void constants_of_each_type(void)
{
	static const enum cnn_dtype types[] = {CNN_F32, CNN_U8,  CNN_S8,  CNN_U16, CNN_S16,
	                                       CNN_U32, CNN_S32, CNN_U64, CNN_S64, CNN_BOOL};
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct graph *g = build_graph();
		value_id x = build_input(g, CNN_F32, LIST(1, 3)), c;
		uint8_t *bytes = constant(g, types[i], &c);
		for (size_t k = 0; k < graph_value_bytes(&g->value[c]); k++)
			bytes[k] = types[i] == CNN_BOOL ? k % 2 : (uint8_t)(k + 1);
		build_output(g, op(g, OP_RELU, IDS(x)));
		build_output(g, c);
		infer(g);
		struct graph *b = again(g, &batched, NULL);
		same_value(&g->value[c], &b->value[b->output[1]]);
		CHECK_STR(b->value[b->output[1]].name, "c");
		graph_free(b);
		graph_free(g);
	}
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 3));
	build_output(g, op(g, OP_CONCAT, IDS(x, build_weights(g, LIST(1, 0)))));
	attr(g)->axes.axis = 1;
	round_trip(g, &plain);
}

TEST_MAIN({"every_operator_is_written", every_operator_is_written}, {"networks", networks},
          {"one_spatial_axis", one_spatial_axis}, {"elementwise", elementwise},
          {"movement", movement}, {"reductions", reductions},
          {"constants_of_each_type", constants_of_each_type})
