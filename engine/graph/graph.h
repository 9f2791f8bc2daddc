/* graph.h - the model as data: values (tensors) joined by nodes (operators).
 *
 * Shapes are one picture's: the batch dimension of the inputs is 1, and a batch is
 * many runs of the same graph, or one run over steps that take n pictures at once.
 *
 * Indices, not pointers, so that a pass may grow the arrays. Everything lives in
 * one arena and dies with graph_free(). */
#ifndef ENGINE_GRAPH_GRAPH_H
#define ENGINE_GRAPH_GRAPH_H
#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/base/types.h"

typedef uint32_t value_id;
typedef uint32_t node_id;
#define NO_VALUE UINT32_MAX
#define NO_NODE  UINT32_MAX
#define NO_LAYER UINT32_MAX

/* No tensor, weights or activation, may be larger than this: 2 GiB of floats. Positions in a picture and
 * its padding, twice over, are then int32_t. */
#define GRAPH_MAX_ELEMENTS ((int64_t)1 << 29)

enum op {
#define OP(id, onnx_name, min_in, max_in, min_out, max_out) OP_##id,
#include "engine/graph/ops.def"
#undef OP
	OP_COUNT
};

/* How a value's elements lie in memory; dim[] is always in ONNX order. */
enum layout {
	LAYOUT_PLAIN,         /* row-major in dim[]'s order; all constants are */
	LAYOUT_CHANNELS_LAST, /* rank >= 3: axis 1 moved to the end, [N][H][W][C] */
};

struct value {
	const char *name;
	enum cnn_dtype dtype;
	enum layout layout;
	bool shaped; /* dtype, rank and dim are known */
	int32_t rank;
	int64_t dim[CNN_MAX_RANK]; /* a dimension may be 0 (an empty tensor) */
	const void *data;          /* constants: row-major, aligned to ARENA_ALIGN; else NULL */
	node_id producer;          /* NO_NODE for constants and graph inputs */
};

enum auto_pad { PAD_EXPLICIT, PAD_VALID, PAD_SAME_UPPER, PAD_SAME_LOWER };

/* Attributes, by family. What an older opset kept in attributes and a newer one takes as
 * inputs (Clip, Slice, Pad, Squeeze, Split, Reduce*, Reshape, Dropout) is imported as constant
 * inputs, so that everything after import knows one form only: opset 13's.
 * A single spatial axis (rank 3) uses index 1 (width); index 0 is then 1, 1, 0, 0, 1.
 * resolve.h has what Slice, Pad, Split and Reduce* come to for a given input. */
struct window_axis {
	int32_t kernel, stride, dilation, before, after;
};
struct window_attr {
	int32_t kernel[2], stride[2],
		dilation[2];      /* height, width; before shapes, 0: the weights' */
	int32_t pad[4];           /* top, left, bottom, right; */
	enum auto_pad auto_pad;   /* resolved into pad[] by shape inference */
	int32_t group;            /* Conv, ConvTranspose, ConvInteger, QLinearConv */
	int32_t spatial;          /* spatial axes: 1, 2 or 3; before shapes, 0 is unknown */
	struct window_axis depth; /* of three spatial axes, the first; no kernel takes it */
	bool ceil_mode, count_include_pad; /* pools */
	bool column_major;                 /* MaxPool: how its second output counts */
	int32_t power;                     /* LpPool */
	bool channels_last;                /* QLinearAveragePool: the input is [N][H][W][C] */
	int32_t output_pad[3],
		output_size[3]; /* ConvTranspose: depth, height, width; 0: not given */
};
struct axis_attr {
	int64_t axis;   /* Softmax, Concat, Flatten, Split, Gather: as written, may be negative */
	bool keep_dims; /* Reduce*, ArgMax */
	bool no_axes_is_noop;
	bool coerced_2d;         /* Softmax, LogSoftmax before opset 13: axes >= axis are one */
	bool uneven;             /* Split from opset 18: of equal parts, the last may be smaller */
	bool last_index;         /* ArgMax, ArgMin: of equals, the last */
	bool smallest;           /* TopK */
	bool exclusive, reverse; /* CumSum */
	int64_t batch_dims;      /* GatherND */
	int32_t power;           /* LpNormalization */
};
struct perm_attr {
	int32_t n; /* 0: reverse the axes */
	int32_t perm[CNN_MAX_RANK];
};
struct gemm_attr {
	float alpha, beta;
	bool trans_a, trans_b;
};
struct unary_attr {
	float alpha,
		beta; /* LeakyRelu, Elu, Selu (beta: gamma), HardSigmoid, Celu, ThresholdedRelu, Shrink
	                    * (alpha: lambd, beta: bias) */
	bool approximate;              /* Gelu: by tanh */
	bool no_negative, no_positive; /* IsInf: which infinities do not count */
};
struct norm_attr {
	float epsilon;           /* BatchNormalization and its kin */
	float alpha, beta, bias; /* LRN */
	int64_t size;            /* LRN: channels summed over */
	int64_t axis;            /* LayerNormalization: the first that is normalised */
	int64_t groups;          /* GroupNormalization */
	bool by_group; /* GroupNormalization before opset 21: one scale and bias for each group */
};
enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP };

/* Resize, as of opset 19; Upsample is imported as the Resize that means the same. */
enum resize_mode { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC };
enum resize_coordinates {
	RESIZE_HALF_PIXEL,
	RESIZE_HALF_PIXEL_SYMMETRIC,
	RESIZE_PYTORCH_HALF_PIXEL,
	RESIZE_ALIGN_CORNERS,
	RESIZE_ASYMMETRIC,
	RESIZE_CROP,       /* tf_crop_and_resize */
	RESIZE_TF_NEAREST, /* tf_half_pixel_for_nn, of opset 11 and 12 */
};
enum resize_rounding {
	RESIZE_PREFER_FLOOR,
	RESIZE_PREFER_CEIL,
	RESIZE_FLOOR,
	RESIZE_CEIL,
	RESIZE_SIMPLE, /* of opset 10: down where the axis grows, up where it shrinks */
};
enum resize_policy { RESIZE_STRETCH, RESIZE_NOT_LARGER, RESIZE_NOT_SMALLER };
struct resize_attr {
	enum resize_mode mode;
	enum resize_coordinates coordinates;
	enum resize_rounding rounding;
	enum resize_policy policy;
	float cubic_a, fill;
	bool antialias, exclude_outside;
	int32_t n_axes; /* 0: all */
	int32_t axes[CNN_MAX_RANK];
};
struct block_attr {
	int64_t size;
	bool columns_first; /* DepthToSpace: CRD, where channels are the outermost part of the depth */
};
/* QuantizeLinear and the operators on quantised tensors. */
struct quant_attr {
	int64_t axis, block_size;
	float alpha;           /* QLinearLeakyRelu, QGemm */
	bool trans_a, trans_b; /* QGemm */
	bool channels_last;    /* QLinearGlobalAveragePool */
	bool coerced_2d;       /* QLinearSoftmax */
	enum cnn_dtype to;     /* QuantizeLinear without a zero point */
};
enum scatter_reduction { SCATTER_SET, SCATTER_ADD, SCATTER_MUL, SCATTER_MIN, SCATTER_MAX };
struct scatter_attr {
	int64_t axis;
	enum scatter_reduction reduction;
};
/* Mod: C's fmod instead of Python's %; BitShift: to the left; Trilu: the upper triangle. */
struct flag_attr {
	bool on;
};
struct eye_attr {
	int64_t diagonal;
	enum cnn_dtype dtype;
};

union node_attr {
	struct window_attr window;
	struct axis_attr axes;
	struct perm_attr perm;
	struct gemm_attr gemm;
	struct unary_attr unary;
	struct norm_attr norm;
	enum pad_mode pad_mode;
	struct resize_attr resize;
	struct block_attr block;
	struct quant_attr quant;
	struct scatter_attr scatter;
	struct flag_attr flag;
	struct eye_attr eye;
	const char *equation; /* Einsum, in the graph's arena */
	enum cnn_dtype
		cast_to; /* Cast; ConstantOfShape keeps its value as a second, constant input */
	bool allow_zero; /* Reshape */
};

/* What a node does to its result before storing it; put there by passes/. */
enum act {
	ACT_NONE,         /* x */
	ACT_CLAMP,        /* min(max(x, lo), hi): Relu, Relu6, Clip */
	ACT_LEAKY,        /* x < 0 ? lo * x : x */
	ACT_SIGMOID,      /* 1 / (1 + exp(-x)) */
	ACT_SILU,         /* x * sigmoid(x) */
	ACT_HARD_SWISH,   /* x * min(max(x / 6 + 1/2, 0), 1) */
	ACT_HARD_SIGMOID, /* min(max(lo * x + hi, 0), 1) */
	ACT_GELU,         /* x * (1 + erf(x / sqrt(2))) / 2 */
	ACT_GELU_TANH,    /* that, with tanh in erf's place */
	ACT_MISH,         /* x * tanh(log(1 + exp(x))) */
};
struct activation {
	enum act kind;
	float lo, hi;
};

struct node {
	enum op op;
	bool dead;        /* removed by a pass; skip it */
	const char *name; /* unique; made up as "Conv_12" when the file has none */
	value_id *in;     /* NO_VALUE for an input left out */
	value_id *out;
	uint32_t n_in, n_out;
	union node_attr attr;
	value_id residual; /* added before `activation`; same shape as the output; or NO_VALUE */
	struct activation activation;
	uint32_t layer; /* row of the layer table, or NO_LAYER */
};

struct graph {
	struct arena *arena;
	const char *name; /* of the model, for errors: the file's path */
	struct value *value;
	struct node *node;        /* topological order, always */
	value_id *input, *output; /* without initialisers */
	size_t n_value, n_node, n_input, n_output;
	size_t cap_value, cap_node;
};

struct graph *graph_new(void);    /* NULL when memory runs out */
void graph_free(struct graph *g); /* NULL-safe */

/* Append; NO_VALUE / NO_NODE when memory runs out. The name is copied. A new node has
 * n_in inputs and n_out outputs, all NO_VALUE, attributes zero, no residual, no layer. */
value_id graph_add_value(struct graph *g, const char *name);
node_id graph_add_node(struct graph *g, enum op op, const char *name, uint32_t n_in,
                       uint32_t n_out);

/* A new constant whose data (zeroed, graph_value_bytes) the caller fills through *data. */
value_id graph_add_constant(struct graph *g, const char *name, enum cnn_dtype dtype, int32_t rank,
                            const int64_t *dim, void **data);

/* Rank 0 .. CNN_MAX_RANK, no negative dimension, at most GRAPH_MAX_ELEMENTS; no product of a part of
 * them overflows, even beside a dimension of 0. All shaped values are so. */
bool graph_dims_valid(int32_t rank, const int64_t *dim);
int64_t graph_elements(const struct value *v);
size_t graph_value_bytes(const struct value *v);
bool graph_is_constant(const struct graph *g, value_id v); /* false for NO_VALUE */

/* Graph input `input`, which is shaped, becomes a constant with a copy of `data`, row-major. */
enum cnn_status graph_bind(struct graph *g, size_t input, const void *data, struct cnn_error *err);

/* The single-output accessor every stage wants. */
static inline struct value *graph_out(const struct graph *g, const struct node *n)
{
	return &g->value[n->out[0]];
}
static inline struct value *graph_in(const struct graph *g, const struct node *n, uint32_t i)
{
	return i < n->n_in && n->in[i] != NO_VALUE ? &g->value[n->in[i]] : NULL;
}

/* Name and arity, from ops.def (max_in 255: any number). What a stage does with an operator is that
 * stage's own table, indexed by enum op:
 *	operators/shapes.c [OP_CONV] = shape_conv     onnx/attributes.c [OP_CONV] = read_window
 *	operators/eval.c   [OP_CONV] = eval_conv      plan/lower.c      [OP_CONV] = lower_conv
 * A unit test fails on a missing row. */
struct op_desc {
	const char *onnx_name;
	uint8_t min_in, max_in, min_out, max_out;
};
extern const struct op_desc op_table[OP_COUNT];

/* Every reference is in range, nodes are in topological order, each value has one producer,
 * arities match op_table. Run after import and after every pass. */
enum cnn_status graph_check(const struct graph *g, struct cnn_error *err);

/* The number of uses of a value by live nodes, graph outputs included. */
uint32_t graph_count_uses(const struct graph *g, value_id v);
/* Mark dead every node none of whose outputs is used. */
void graph_sweep(struct graph *g);
/* Put live nodes in topological order again after nodes were appended; drops the dead ones.
 * CNN_BAD_MODEL when there is a cycle (names a node on it). */
enum cnn_status graph_sort(struct graph *g, struct cnn_error *err);

#endif
